//! Servers come and go; containers stay.

use std::time::{Duration, Instant};

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Server, Sink, shell};
use warren_wire_garden::container::Properties;
use warren_wire_garden::process::ProcessSpec;

#[test]
fn containers_processes_ports_and_properties_survive_any_end_of_the_server() {
    let mut server = Server::new();
    let handle = server.client().create(&server.spec("kept")).unwrap();
    let waiting = ProcessSpec {
        id: "p".to_owned(),
        ..shell(
            "root",
            "i=0; while ! [ -e /tmp/go ]; do echo line $i; i=$((i+1)); sleep 0.001; done; exit 9",
        )
    };
    server
        .client()
        .run(&handle, &waiting, Streams::default())
        .unwrap();
    let ended = ProcessSpec {
        id: "q".to_owned(),
        ..shell("root", "exit 5")
    };
    server
        .client()
        .run(&handle, &ended, Streams::default())
        .unwrap()
        .wait()
        .unwrap();
    let mapped = server.client().net_in(&handle, 0, 80).unwrap();
    server
        .client()
        .set_property(&handle, "colour", "green")
        .unwrap();
    for signal in ["-KILL", "-TERM", "-KILL"] {
        server.end(signal);
        server.start();
        let client = server.client();
        assert_eq!(client.list(&Properties::new()).unwrap(), ["kept"]);
        assert_eq!(client.property("kept", "colour").unwrap(), "green");
        let ports = client.info("kept").unwrap().mapped_ports.unwrap();
        assert_eq!(ports[0].host_port, mapped.host_port);
        let done = client.attach("kept", "q", Streams::default()).unwrap();
        assert_eq!(done.wait().unwrap(), 5);
    }
    let output = Sink::default();
    let streams = Streams {
        stdout: Some(Box::new(output.clone())),
        ..Streams::default()
    };
    let attached = server.client().attach("kept", "p", streams).unwrap();
    // What it says from now on comes here too.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !output.text().contains("line ") {
        assert!(Instant::now() < deadline, "no output");
        std::thread::sleep(Duration::from_millis(1));
    }
    let go = server
        .client()
        .run("kept", &shell("root", "touch /tmp/go"), Streams::default());
    assert_eq!(go.unwrap().wait().unwrap(), 0);
    assert_eq!(attached.wait().unwrap(), 9);
    server.client().destroy("kept").unwrap();
}

#[test]
fn all_go_at_the_start_if_asked() {
    let mut server = Server::builder()
        .arguments(&["--destroy-containers-on-startup"])
        .start();
    server.client().create(&server.spec("gone")).unwrap();
    server.end("-KILL");
    server.start();
    assert!(server.client().list(&Properties::new()).unwrap().is_empty());
}
