//! Clients that go, altogether or by halves, and output that nobody fetches.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Container, Server, Sink, shell};
use warren_wire_garden::process::ProcessSpec;

use crate::grace::wait_gone;

const PATIENCE: Duration = Duration::from_secs(60);
const MIB: u64 = 1 << 20;

/// Input up to a length; counts what was passed on of it, which all is once more is asked for.
struct Counted {
    length: u64,
    taken: u64,
    passed: Arc<AtomicU64>,
}

impl Counted {
    fn new(length: u64) -> (Self, Arc<AtomicU64>) {
        let passed = Arc::new(AtomicU64::new(0));
        let counted = Self {
            length,
            taken: 0,
            passed: Arc::clone(&passed),
        };
        (counted, passed)
    }
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.passed.store(self.taken, Ordering::SeqCst);
        let count = (self.length - self.taken).min(buffer.len() as u64);
        buffer[..count as usize].fill(b'x');
        self.taken += count;
        Ok(count as usize)
    }
}

#[track_caller]
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + PATIENCE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_hang_up_is_noticed_behind_input_that_nobody_reads() {
    let server = Server::new();
    // As much as is kept for a process, and more than that.
    for (handle, length) in [("some", MIB), ("more", u64::MAX)] {
        let container = server.create(&server.spec(handle));
        let (input, passed) = Counted::new(length);
        let streams = Streams {
            stdin: Some(Box::new(input)),
            ..Streams::default()
        };
        let sleeping = shell("root", "exec sleep 1000");
        let process = container.start(&sleeping, streams).unwrap();
        // Until the server takes no more: how far it then is decides nothing but how hard this is.
        let full = length.min(8 * MIB);
        let mut last = 0;
        eventually("the input is taken", || {
            std::thread::sleep(Duration::from_millis(300));
            let now = passed.load(Ordering::SeqCst);
            let is_settled = now >= full && now == last;
            last = now;
            is_settled
        });
        let client = server.client();
        client
            .set_grace_time(handle, Duration::from_millis(100))
            .unwrap();
        drop(process);
        wait_gone(&server, handle);
    }
}

#[test]
fn input_reaches_a_process_that_reads_it_after_its_client_went() {
    let server = Server::new();
    let container = server.container();
    let (input, passed) = Counted::new(4 * MIB);
    let streams = Streams {
        stdin: Some(Box::new(input)),
        ..Streams::default()
    };
    let script = "while ! [ -e /tmp/go ]; do sleep 0.01; done
        wc -c >/tmp/counting && mv /tmp/counting /tmp/counted";
    let process = container.start(&shell("root", script), streams).unwrap();
    eventually("the input is taken", || {
        passed.load(Ordering::SeqCst) == 4 * MIB
    });
    drop(process);
    container.says("touch /tmp/go");
    eventually("the input is counted", || {
        container.sh("[ -e /tmp/counted ]").status == 0
    });
    assert_eq!(container.says("cat /tmp/counted"), (4 * MIB).to_string());
}

/// A process whose control socket is held, and the ids that name its outputs.
struct Raw {
    control: BufReader<UnixStream>,
    process: String,
    stream: String,
}

/// What a socket says up to the empty line.
#[track_caller]
fn head(from: &mut BufReader<UnixStream>) -> String {
    let mut text = String::new();
    while !text.ends_with("\r\n\r\n") {
        assert_ne!(from.read_line(&mut text).unwrap(), 0, "{text}");
    }
    text
}

impl Raw {
    #[track_caller]
    fn run(server: &Server, container: &Container, spec: &ProcessSpec) -> Self {
        let body = serde_json::to_string(spec).unwrap();
        let mut control = BufReader::new(UnixStream::connect(server.socket()).unwrap());
        let request = format!(
            "POST /containers/{}/processes HTTP/1.1\r\nHost: api\r\nContent-Length: {}\r\n\r\n{body}",
            container.handle(),
            body.len()
        );
        control.get_mut().write_all(request.as_bytes()).unwrap();
        assert!(head(&mut control).starts_with("HTTP/1.1 201 "));
        let mut line = String::new();
        control.read_line(&mut line).unwrap();
        let started: serde_json::Value = serde_json::from_str(&line).unwrap();
        let id = |name: &str| started[name].as_str().unwrap().to_owned();
        let (process, stream) = (id("process_id"), id("stream_id"));
        Self {
            control,
            process,
            stream,
        }
    }

    #[track_caller]
    fn stdout(&self, server: &Server, container: &Container) -> BufReader<UnixStream> {
        let mut output = BufReader::new(UnixStream::connect(server.socket()).unwrap());
        let request = format!(
            "GET /containers/{}/processes/{}/attaches/{}/stdout HTTP/1.1\r\nHost: api\r\n\r\n",
            container.handle(),
            self.process,
            self.stream
        );
        output.get_mut().write_all(request.as_bytes()).unwrap();
        assert!(head(&mut output).starts_with("HTTP/1.1 200 "));
        output
    }
}

#[test]
fn who_closes_his_own_side_of_an_output_still_gets_it() {
    let server = Server::new();
    let container = server.container();
    let script = "while ! [ -e /tmp/go ]; do sleep 0.01; done; echo late";
    let process = Raw::run(&server, &container, &shell("root", script));
    let mut output = process.stdout(&server, &container);
    output.get_mut().shutdown(Shutdown::Write).unwrap();
    // Time for the server to take notice.
    for _ in 0..20 {
        server.client().ping().unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    container.says("touch /tmp/go");
    let mut text = String::new();
    output.read_to_string(&mut text).unwrap();
    assert_eq!(text, "late\n");
    drop(process.control);
}

#[test]
fn who_closes_all_of_an_output_uses_the_container_no_more() {
    let server = Server::new();
    let container = server.create(&server.spec("quiet"));
    let process = Raw::run(&server, &container, &shell("root", "exec sleep 1000"));
    let output = process.stdout(&server, &container);
    server
        .client()
        .set_grace_time("quiet", Duration::from_millis(100))
        .unwrap();
    drop(process.control);
    drop(output);
    wait_gone(&server, "quiet");
}

#[test]
fn who_began_a_process_may_go_while_another_is_there() {
    let server = Server::new();
    let container = server.container();
    let first = container
        .start(&shell("root", "exec cat"), Streams::default())
        .unwrap();
    let (mut keyboard, typed) = UnixStream::pair().unwrap();
    let output = Sink::default();
    let streams = Streams {
        stdin: Some(Box::new(typed)),
        stdout: Some(Box::new(output.clone())),
        ..Streams::default()
    };
    let client = server.client();
    let other = client
        .attach(container.handle(), first.id(), streams)
        .unwrap();
    drop(first);
    // Time for the server to take notice.
    for _ in 0..20 {
        client.ping().unwrap();
        std::thread::sleep(Duration::from_millis(10));
    }
    keyboard.write_all(b"still here\n").unwrap();
    drop(keyboard);
    assert_eq!(other.wait().unwrap(), 0);
    assert_eq!(output.text(), "still here\n");
}

#[test]
fn output_that_nobody_fetches_is_told_of_in_the_log() {
    let server = Server::new();
    let container = server.create(&server.spec("loud"));
    let run = |id: &str, bytes: u64| {
        let spec = ProcessSpec {
            id: id.to_owned(),
            ..shell("root", &format!("head -c {bytes} /dev/zero"))
        };
        let process = container.start(&spec, Streams::default()).unwrap();
        assert_eq!(process.wait().unwrap(), 0);
    };
    let told = |id: &str| {
        let log = server.log();
        let lines = log
            .lines()
            .filter(|line| line.contains("nobody fetched it"));
        let words = [r#"handle="loud""#.to_owned(), format!("process={id:?}")];
        let mut of_it = lines.filter(|line| words.iter().all(|word| line.contains(word)));
        of_it.next_back().map(str::to_owned)
    };
    // What is kept for a minute is not lost.
    run("little", MIB / 2);
    run("much", 3 * MIB);
    eventually("the log tells", || told("much").is_some());
    let line = told("much").unwrap();
    let bytes = line.split("bytes=\"").nth(1).unwrap();
    let bytes: u64 = bytes.trim_end_matches('"').parse().unwrap();
    assert!((MIB..=2 * MIB + MIB / 8).contains(&bytes), "{line}");
    assert_eq!(told("little"), None);
}
