//! Grace time: a container that nobody needs goes.

use std::time::{Duration, Instant};

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Server, shell};
use warren_wire_garden::container::Properties;
use warren_wire_garden::number::Nanoseconds;

/// Waits until a container is listed no more.
#[track_caller]
pub fn wait_gone(server: &Server, handle: &str) {
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

/// The pid of the process that keeps a container.
#[track_caller]
fn shim(server: &Server, handle: &str) -> String {
    let path = server.directory().join("depot").join(handle);
    let text = std::fs::read_to_string(path.join("shim.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&text).unwrap();
    record["shim"]["pid"].as_i64().unwrap().to_string()
}

/// Most containers that the server destroys at once because their grace time is over.
const AT_ONCE: usize = 8;

#[test]
fn one_that_takes_long_to_go_holds_up_no_other_and_who_comes_back_in_time_keeps_his_own() {
    let server = Server::new();
    let client = server.client();
    let slow: Vec<String> = (0..AT_ONCE).map(|n| format!("slow-{n}")).collect();
    let others = ["quick", "stays", "used", "zlast"].map(str::to_owned);
    let all = slow.iter().chain(&others);
    let _containers: Vec<_> = all.map(|name| server.create(&server.spec(name))).collect();
    // These take a while to go: their keepers do not answer.
    let held: Vec<String> = slow.iter().map(|handle| shim(&server, handle)).collect();
    let signal = |signal: &str| {
        for pid in &held {
            server.actor().run(&["kill", signal, pid]).success();
        }
    };
    signal("-STOP");
    let over = |handle: &str| {
        let at_once = Duration::from_nanos(1);
        client.set_grace_time(handle, at_once).unwrap();
    };
    let going = |handle: &str| {
        let line = format!("grace time is over handle={handle:?}");
        let deadline = Instant::now() + Duration::from_secs(60);
        while !server.log().contains(&line) {
            assert!(Instant::now() < deadline, "{handle} stays");
            std::thread::sleep(Duration::from_millis(2));
        }
    };
    over(&slow[0]);
    going(&slow[0]);
    over("quick");
    wait_gone(&server, "quick");
    assert!(client.list(&Properties::new()).unwrap().contains(&slow[0]));
    // As many as there may be at once: from here on others wait.
    for handle in &slow[1..] {
        over(handle);
        going(handle);
    }
    over("stays");
    over("used");
    // Their time was over, but there they are.
    client.set_grace_time("stays", Duration::ZERO).unwrap();
    let running = shell("root", "exec sleep 1000");
    let running = client.run("used", &running, Streams::default()).unwrap();
    over("zlast");
    signal("-CONT");
    wait_gone(&server, "zlast");
    for handle in &slow {
        wait_gone(&server, handle);
    }
    let left = client.list(&Properties::new()).unwrap();
    assert_eq!(left, ["stays", "used"], "{}", server.log());
    drop(running);
    wait_gone(&server, "used");
}
