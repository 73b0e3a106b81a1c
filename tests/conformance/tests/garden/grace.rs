//! Grace time: a container that nobody needs goes.

use std::time::{Duration, Instant};

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Server, shell};
use warren_wire_garden::container::Properties;
use warren_wire_garden::number::Nanoseconds;

fn wait_gone(server: &Server, handle: &str) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while server
        .client()
        .list(&Properties::new())
        .unwrap()
        .iter()
        .any(|each| each == handle)
    {
        assert!(Instant::now() < deadline, "{handle} stays");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_container_goes_after_its_grace_time() {
    let server = Server::new();
    let mut spec = server.spec("short");
    spec.grace_time = Nanoseconds::from(Duration::from_millis(500));
    let _short = server.create(&spec);
    wait_gone(&server, "short");
    // Set later.
    let _later = server.create(&server.spec("later"));
    server
        .client()
        .set_grace_time("later", Duration::from_millis(100))
        .unwrap();
    wait_gone(&server, "later");
}

#[test]
fn zero_is_for_ever_and_a_connection_holds_it() {
    let server = Server::new();
    let held = server.create(&server.spec("held"));
    let zero = server.create(&server.spec("zero"));
    server
        .client()
        .set_grace_time("zero", Duration::ZERO)
        .unwrap();
    let spec = shell("root", "while ! [ -e /tmp/go ]; do sleep 0.01; done");
    let process = held.start(&spec, Streams::default()).unwrap();
    server
        .client()
        .set_grace_time("held", Duration::from_millis(50))
        .unwrap();
    std::thread::sleep(Duration::from_millis(500));
    assert_eq!(held.says("touch /tmp/go; echo alive"), "alive");
    assert_eq!(process.wait().unwrap(), 0);
    wait_gone(&server, "held");
    assert_eq!(zero.says("echo alive"), "alive");
}
