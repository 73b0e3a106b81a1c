//! The keeper: rights, turns, ends.

use std::net::UdpSocket;
use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};
use warren_tests_harness::Leaks;

use crate::wire::A;
use crate::world::{SERVER, World};

fn exists(pid: Pid) -> bool {
    Path::new(&format!("/proc/{}", pid.as_raw_nonzero())).exists()
}

/// A line of `/proc/PID/status`.
fn status(pid: Pid, key: &str) -> String {
    let text = std::fs::read_to_string(format!("/proc/{}/status", pid.as_raw_nonzero())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    line.unwrap()
        .trim_start_matches(':')
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
}

#[test]
fn it_has_no_rights() {
    let world = World::started();
    let answerer = world.answerer();
    assert_eq!(status(answerer, "Uid"), "65534 65534 65534 65534");
    assert_eq!(status(answerer, "Gid"), "1000 1000 1000 1000");
    assert_eq!(status(answerer, "Groups"), "");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(answerer, set), "0000000000000000", "{set}");
    }
    assert_eq!(status(answerer, "NoNewPrivs"), "1");
    // CAP_KILL is the sixth.
    assert_eq!(status(world.keeper(), "CapEff"), "0000000000000020");
    assert_eq!(status(world.keeper(), "CapPrm"), "0000000000000020");
    assert_eq!(status(world.keeper(), "NoNewPrivs"), "1");
}

#[test]
fn it_leaves_nothing() {
    let leaks = Leaks::snapshot();
    let mut world = World::started();
    let answerer = world.answerer();
    assert_eq!(
        world.read("resolv.conf"),
        "search example.com\nnameserver 169.254.0.2\n"
    );
    world.stop();
    assert!(!exists(answerer));
    assert_eq!(world.read("resolv.conf"), "search example.com\n");
    drop(world);
    leaks.assert_same();
}

#[test]
fn killed_it_comes_back() {
    let mut world = World::started();
    for _ in 0..3 {
        // The one that answers: its keeper ends as well, with a failure.
        kill_process(world.answerer(), Signal::KILL).unwrap();
        assert_eq!(world.ended(), Some(1));
        assert!(world.read("resolv.conf").contains("169.254.0.2"));
        world.launch();
        world.until("it answers again", || {
            world.read("log").matches("answering on").count() > 1
        });
        // The keeper: the one that answers ends as well.
        world.kill();
        std::fs::remove_file(world.at("log")).unwrap();
        world.launch();
        world.until("it answers again", || {
            world.read("log").contains("answering on")
        });
        assert_eq!(
            world.ask("uuid-a.web.default.dep.bosh", A).addresses,
            ["10.0.0.1"]
        );
    }
    assert_eq!(world.read("resolv.conf").matches("169.254.0.2").count(), 1);
}

#[test]
fn it_steps_aside_for_a_job() {
    let mut world = World::started();
    let answerer = world.answerer();
    std::os::unix::fs::symlink("/nonexistent", world.at("jobs/bosh-dns")).unwrap();
    assert_eq!(world.ended(), Some(0), "{}", world.read("log"));
    assert!(!exists(answerer));
    assert_eq!(world.read("resolv.conf"), "search example.com\n");
    world.net.inside(|| UdpSocket::bind(SERVER).unwrap());
    // Init starts it again: it waits.
    world.launch();
    world.until("it stands aside", || {
        world.read("log").contains("standing aside for the job")
    });
    world.net.inside(|| UdpSocket::bind(SERVER).unwrap());
    std::fs::remove_file(world.at("jobs/bosh-dns")).unwrap();
    world.until("it is used again", || {
        world.read("resolv.conf").contains("169.254.0.2")
    });
    assert_eq!(
        world.ask("uuid-a.web.default.dep.bosh", A).addresses,
        ["10.0.0.1"]
    );
}

#[test]
fn it_steps_aside_for_whoever_has_the_address() {
    let mut world = World::new();
    world
        .net
        .ip(&["address", "add", "169.254.0.2/32", "dev", "lo"]);
    let other = world.net.inside(|| UdpSocket::bind(SERVER).unwrap());
    world.launch();
    world.until("it stands aside", || {
        world.read("log").contains("somebody else listens")
    });
    assert_eq!(world.read("resolv.conf"), "search example.com\n");
    drop(other);
    world.until("it is used", || {
        world.read("resolv.conf").contains("169.254.0.2")
    });
    // Told to end while it waits, it ends.
    world.stop();
    let _other = world.net.inside(|| UdpSocket::bind(SERVER).unwrap());
    world.launch();
    world.until("it stands aside", || {
        world.read("log").matches("somebody else listens").count() == 2
    });
    world.stop();
}

#[test]
fn without_the_right_to_an_address_it_says_so_and_changes_nothing() {
    let mut world = World::new();
    let mut command = std::process::Command::new("setpriv");
    command
        .args(["--bounding-set=-net_admin", "--inh-caps=-net_admin"])
        .arg(warren_tests_harness::programs::warren())
        .args(world.arguments(world.at("resolv.conf").to_str().unwrap()));
    world.launch_this(command);
    assert_eq!(world.ended(), Some(1));
    assert!(
        world
            .read("log")
            .contains("cannot add 169.254.0.2 to loopback"),
        "{}",
        world.read("log")
    );
    assert_eq!(world.read("resolv.conf"), "search example.com\n");
}
