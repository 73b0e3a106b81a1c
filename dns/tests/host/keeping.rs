//! Rights, turns, ends.

use std::io::Write;
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
    let answerer = world.process();
    assert_eq!(status(answerer, "Uid"), "65534 65534 65534 65534");
    assert_eq!(status(answerer, "Gid"), "1000 1000 1000 1000");
    assert_eq!(status(answerer, "Groups"), "");
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status(answerer, set), "0000000000000000", "{set}");
    }
    assert_eq!(status(answerer, "NoNewPrivs"), "1");
    // There is no other.
    let pid = answerer.as_raw_nonzero();
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
    assert_eq!(children, "");
}

#[test]
fn it_leaves_nothing() {
    let leaks = Leaks::snapshot();
    let mut world = World::started();
    let answerer = world.process();
    assert_eq!(
        world.read("resolv.conf"),
        "search example.com\nnameserver 169.254.0.2\n"
    );
    world.stop();
    assert!(!exists(answerer));
    // It has no right to change that: whoever is behind it is asked.
    assert_eq!(
        world.read("resolv.conf"),
        "search example.com\nnameserver 169.254.0.2\n"
    );
    drop(world);
    leaks.assert_same();
}

/// Told to end when it has its sockets, and is about to become what answers: it is held there by a
/// list of name servers that is not to be read yet.
#[test]
fn told_to_end_while_it_becomes_what_answers_it_ends() {
    use rustix::fs::{CWD, FileType, Mode, OFlags, mknodat};
    let mut world = World::new();
    let list = world.at("resolv.conf");
    std::fs::remove_file(&list).unwrap();
    mknodat(CWD, &list, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    world.launch();
    let writer = std::cell::OnceCell::new();
    world.until(
        "it reads the list, which it does when it has its sockets",
        || {
            let flags = OFlags::WRONLY | OFlags::NONBLOCK;
            let opened = rustix::fs::open(&list, flags, Mode::empty());
            opened.is_ok_and(|opened| writer.set(opened).is_ok())
        },
    );
    kill_process(world.process(), Signal::TERM).unwrap();
    // It reads until whoever writes is gone.
    let mut writer = std::fs::File::from(writer.into_inner().unwrap());
    writer.write_all(b"search example.com\n").unwrap();
    drop(writer);
    assert_eq!(world.ended(), Some(0), "{}", world.read("log"));
    assert!(!world.read("log").contains("answering"));
}

#[test]
fn killed_it_comes_back() {
    let mut world = World::started();
    for _ in 0..3 {
        world.kill();
        assert!(world.read("resolv.conf").contains("169.254.0.2"));
        world.start();
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
    let answerer = world.process();
    std::os::unix::fs::symlink("/nonexistent", world.at("jobs/bosh-dns")).unwrap();
    assert_eq!(world.ended(), Some(0), "{}", world.read("log"));
    assert!(!exists(answerer));
    // Init starts it again: it waits, and the system asks others.
    world.launch();
    world.until("it stands aside", || {
        world.read("log").contains("standing aside for the job")
            && world.read("resolv.conf") == "search example.com\n"
    });
    // The job has the address and the line by now: whatever is done here leaves both.
    let job = world.net.inside(|| UdpSocket::bind(SERVER).unwrap());
    let line = "nameserver 169.254.0.2\n";
    world.write("resolv.conf", line);
    world.stop();
    world.launch();
    world.until("it stands aside again", || {
        world
            .read("log")
            .matches("standing aside for the job")
            .count()
            == 2
    });
    world.stop();
    assert_eq!(world.read("resolv.conf"), line);
    drop(job);
    std::fs::remove_file(world.at("jobs/bosh-dns")).unwrap();
    world.start();
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
    world.until("it is used, and answers", || {
        world.read("resolv.conf").contains("169.254.0.2")
            && world.read("log").contains("answering on")
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

/// Somebody writes the file anew, as the agent does: what answers has no right to mend that, so it
/// ends for init to start it again.
#[test]
fn it_is_first_again() {
    let mut world = World::started();
    world.write(
        "resolv.conf",
        "nameserver 169.254.0.2\nnameserver 10.0.0.1\n",
    );
    assert_eq!(
        world.ask("uuid-a.web.default.dep.bosh", A).addresses,
        ["10.0.0.1"]
    );
    world.write("resolv.conf", "nameserver 10.0.0.1\n");
    assert_eq!(world.ended(), Some(0), "{}", world.read("log"));
    world.start();
    assert_eq!(
        world.read("resolv.conf"),
        "nameserver 169.254.0.2\nnameserver 10.0.0.1\n"
    );
}

/// A file that cannot be changed keeps nobody from answering.
#[test]
fn it_answers_where_it_cannot_be_first() {
    let mut world = World::new();
    std::fs::remove_file(world.at("resolv.conf")).unwrap();
    std::fs::create_dir(world.at("resolv.conf")).unwrap();
    world.launch();
    world.until("it answers", || world.read("log").contains("answering on"));
    assert_eq!(
        world.ask("uuid-a.web.default.dep.bosh", A).addresses,
        ["10.0.0.1"]
    );
    world.stop();
}
