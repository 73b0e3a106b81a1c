//! Stopping: asked first, made to if need be.

use std::time::{Duration, Instant};

use warren_tests_conformance::garden::{Server, shell};

#[test]
fn processes_and_their_children_are_asked_to_end() {
    let server = Server::new();
    let container = server.container();
    let trap = "trap 'exit 42' TERM; echo ready; while true; do sleep 0.01; done";
    let (process, output, _) = container.capture(&shell("root", trap)).unwrap();
    let child = "sleep 1000 & echo ready; wait $!";
    let (parent, second, _) = container.capture(&shell("root", child)).unwrap();
    while output.text().is_empty() || second.text().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    server.client().stop(container.handle(), false).unwrap();
    // Nobody had to be killed, as their statuses tell.
    assert_eq!(process.wait().unwrap(), 42);
    assert_eq!(parent.wait().unwrap(), 143);
    let info = server.client().info(container.handle()).unwrap();
    assert_eq!(info.state, "stopped");
    // It is still a container.
    assert_eq!(container.says("echo still here"), "still here");
}

#[test]
fn who_does_not_listen_is_killed_at_once_or_in_the_end() {
    let server = Server::new();
    let container = server.container();
    let deaf = "trap '' TERM; echo ready; while true; do sleep 0.01; done";
    for kill in [true, false] {
        let (process, output, _) = container.capture(&shell("root", deaf)).unwrap();
        while output.text().is_empty() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let began = Instant::now();
        server.client().stop(container.handle(), kill).unwrap();
        assert_eq!(process.wait().unwrap(), 137);
        // Who is asked has ten seconds.
        assert!(kill || began.elapsed() >= Duration::from_secs(10));
    }
}
