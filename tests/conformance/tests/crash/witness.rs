//! A container that lives through everything, with a process that counts.

use std::sync::atomic::{AtomicU64, Ordering};

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Server, Sink, shell};
use warren_wire_garden::process::ProcessSpec;

/// It.
pub struct Witness {
    /// Its container.
    pub handle: String,
    counted: AtomicU64,
}

/// What a script in a container says.
pub fn says(server: &Server, handle: &str, script: &str) -> String {
    let output = Sink::default();
    let streams = Streams {
        stdout: Some(Box::new(output.clone())),
        ..Streams::default()
    };
    let process = server.client().run(handle, &shell("root", script), streams);
    let status = process.unwrap().wait().unwrap();
    assert_eq!(status, 0, "{handle}: {script}: {}", output.text());
    output.text()
}

impl Witness {
    /// Makes it; every other one is privileged, and every other one talks all the time.
    pub fn new(server: &Server, number: usize) -> Self {
        let mut spec = server.spec(&format!("witness-{number}"));
        spec.privileged = number % 2 == 1;
        let handle = server.client().create(&spec).unwrap();
        let talk = if number >= 2 { "echo $i; " } else { "" };
        let script = format!(
            "echo $$ >>/pids; i=0; while true; do i=$((i+1)); {talk}\
             echo $i >/new && mv /new /count; sleep 0.02; done"
        );
        let process = ProcessSpec {
            id: "counts".to_owned(),
            ..shell("root", &script)
        };
        let client = server.client();
        drop(client.run(&handle, &process, Streams::default()).unwrap());
        Self {
            handle,
            counted: AtomicU64::new(0),
        }
    }

    /// It is the same process, and has gone on.
    pub fn check(&self, server: &Server) {
        let script = "while ! [ -e /count ]; do sleep 0.01; done; \
                      cat /pids && kill -0 $(cat /pids) && cat /count";
        let said = says(server, &self.handle, script);
        let lines: Vec<&str> = said.lines().collect();
        assert_eq!(lines.len(), 2, "{}: not one process: {said:?}", self.handle);
        let count: u64 = lines[1].parse().unwrap();
        let before = self.counted.swap(count, Ordering::Relaxed);
        // It has been some time since, and it counts fifty times a second.
        assert!(count >= before, "{}: {before} {count}", self.handle);
        let more = format!("while [ $(cat /count) -le {count} ]; do sleep 0.01; done");
        says(server, &self.handle, &more);
    }

    /// Ends it.
    pub fn end(self, server: &Server) {
        self.check(server);
        server.client().destroy(&self.handle).unwrap();
    }
}
