//! The supervisor itself ends: killed, told to, started twice.

use crate::world::{STEADY, World, eventually, runs};

#[test]
fn a_killed_supervisor_finds_everything_again() {
    let world = World::new();
    let names = ["a", "b", "c"];
    for name in names {
        world.job(name, &world.service(name, STEADY, ""));
    }
    let mut served = world.serve();
    for name in names {
        eventually("it runs", || {
            world.field(name, "monitor").as_deref() == Some("1")
        });
    }
    let answer = world
        .client()
        .post("/b", &[("action", "unmonitor")])
        .unwrap();
    assert_eq!(answer.status, 200);
    let answer = world.client().post("/c", &[("action", "stop")]).unwrap();
    assert_eq!(answer.status, 200);
    eventually("c is stopped", || {
        world.field("c", "pendingaction").as_deref() == Some("0")
            && world.field("c", "monitor").as_deref() == Some("0")
    });
    let incarnation = |xml: &str| xml.split('"').nth(7).unwrap().to_owned();
    let before = incarnation(&world.xml());
    let pids = [world.pid("a").unwrap(), world.pid("b").unwrap()];
    for _ in 0..3 {
        served.kill();
        assert!(pids.iter().all(|pid| runs(*pid)));
        served = world.serve();
        eventually("a runs", || {
            world.field("a", "monitor").as_deref() == Some("1")
        });
    }
    assert_ne!(incarnation(&world.xml()), before);
    for (name, monitor) in [("a", "1"), ("b", "0"), ("c", "0")] {
        assert_eq!(
            world.field(name, "monitor").as_deref(),
            Some(monitor),
            "{name}"
        );
    }
    assert_eq!([world.pid("a").unwrap(), world.pid("b").unwrap()], pids);
    let starts = world
        .calls()
        .iter()
        .filter(|call| call.starts_with("start"))
        .count();
    assert_eq!(starts, 3, "{:?}", world.calls());
}

#[test]
fn a_start_that_was_under_way_is_not_doubled() {
    let world = World::new();
    let d = world.path("").display().to_string();
    // Takes its time, then brings the process up.
    let script = format!("echo start >>{d}calls; sleep 4; sleep 1000 & echo $! >{d}a.pid");
    world.job(
        "a",
        &format!(
            "check process a with pidfile {d}a.pid\n start program \"/bin/sh -c '{script}'\" with \
             timeout 60 seconds\n group vcap"
        ),
    );
    let mut served = world.serve();
    eventually("the start has begun", || world.calls() == ["start"]);
    served.kill();
    let _served = world.serve();
    eventually("it runs", || {
        world.field("a", "monitor").as_deref() == Some("1")
    });
    assert_eq!(world.calls(), ["start"]);
}

/// Killed between a program's fork and its first instruction: it is held there by a state file that
/// cannot be written, and what would have written it is killed.
#[test]
fn a_start_that_is_not_written_down_yet_has_not_begun() {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    use rustix::process::{Pid, Signal, kill_process};
    let world = World::new();
    let mut served = world.serve();
    let new = world.path("state.new");
    mknodat(CWD, &new, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    world.job("a", &world.service("a", STEADY, ""));
    let pid = Pid::from_raw(served.id().cast_signed()).unwrap();
    kill_process(pid, Signal::HUP).unwrap();
    let parent = format!("\nPPid:\t{}\n", served.id());
    let program = || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let mut all = all.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
        all.find(|pid| {
            let status = std::fs::read_to_string(format!("/proc/{pid}/status"));
            status.is_ok_and(|status| status.contains(&parent))
        })
    };
    eventually("its program is there", || program().is_some());
    let held = program().unwrap();
    served.kill();
    eventually("its program is gone", || !runs(held));
    assert!(world.calls().is_empty(), "{:?}", world.calls());
    std::fs::remove_file(&new).unwrap();
    let _served = world.serve();
    eventually("it runs", || {
        world.field("a", "monitor").as_deref() == Some("1")
    });
    assert_eq!(world.calls(), ["start a"]);
}

#[test]
fn a_stop_that_was_under_way_is_finished() {
    let world = World::new();
    let d = world.path("").display().to_string();
    let stop = format!("echo stop >>{d}calls; sleep 3; kill -9 $(cat {d}a.pid)");
    let service = world.service("a", STEADY, "").replace(
        &format!("stop program \"{d}a_ctl stop\""),
        &format!("stop program \"/bin/sh -c '{stop}'\""),
    );
    world.job("a", &service);
    let mut served = world.serve();
    eventually("it runs", || {
        world.field("a", "monitor").as_deref() == Some("1")
    });
    world.client().post("/a", &[("action", "stop")]).unwrap();
    eventually("the stop has begun", || {
        world.calls().contains(&"stop".to_owned())
    });
    served.kill();
    let _served = world.serve();
    eventually("it is stopped", || {
        world.field("a", "monitor").as_deref() == Some("0")
    });
    assert!(!runs(world.pid("a").unwrap()));
    assert_eq!(world.calls(), ["start a", "stop"]);
}

#[test]
fn there_is_one_supervisor_for_one_state() {
    let world = World::new();
    let served = world.serve();
    let output = std::process::Command::new(warren_tests_harness::programs::warren())
        .args(["serve", "supervisor", "--control-file"])
        .arg(world.control_file())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("another supervisor"), "{said}");
    drop(served);
}

#[test]
fn signals_mean_what_they_mean_to_monit() {
    use rustix::process::{Pid, Signal, kill_process};
    let world = World::new();
    world.job("a", &world.service("a", STEADY, ""));
    let mut served = world.serve();
    let pid = Pid::from_raw(served.id().cast_signed()).unwrap();
    eventually("it runs", || {
        world.field("a", "monitor").as_deref() == Some("1")
    });
    world.job("b", &world.service("b", STEADY, ""));
    kill_process(pid, Signal::HUP).unwrap();
    eventually("the new one runs", || {
        world.field("b", "monitor").as_deref() == Some("1")
    });
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(served.ended(), 0);
    assert!(runs(world.pid("a").unwrap()));
}
