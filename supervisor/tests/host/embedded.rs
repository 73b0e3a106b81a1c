//! The library inside another program, without HTTP.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use warren_supervisor::fleet::{EventKind, Monitor};
use warren_supervisor::{Command, Http, Options, Refused, ServiceState, Supervisor};
use warren_tests_harness::{Leaks, Port};

use crate::world::{PATIENCE, STEADY, World, end, eventually, runs};

fn options(world: &World) -> Options {
    Options {
        control_file: world.control_file(),
        http: Http::Off,
        settle: Duration::from_millis(200),
        ..Options::default()
    }
}

fn running(supervisor: &Supervisor, names: &[&str]) {
    let all = |snapshot: &warren_supervisor::Snapshot| {
        let state = |name: &&str| snapshot.find(name).map(|status| status.state());
        names
            .iter()
            .all(|name| state(name) == Some(ServiceState::Running))
    };
    let handle = supervisor.handle();
    assert!(handle.wait_until(PATIENCE, all), "{:#?}", handle.services());
}

#[test]
fn a_chain_comes_up_in_order_and_goes_down_in_order() {
    let leaks = Leaks::snapshot();
    let world = World::new();
    world.job("0002_a", &world.service("a", STEADY, ""));
    world.job("0001_b", &world.service("b", STEADY, "depends on a"));
    world.job("0000_c", &world.service("c", STEADY, "depends on a, b"));
    let supervisor = Supervisor::start(options(&world)).unwrap();
    running(&supervisor, &["a", "b", "c"]);
    assert_eq!(world.calls(), ["start a", "start b", "start c"]);
    let handle = supervisor.handle();
    let snapshot = handle.snapshot();
    assert_eq!(snapshot.job_state("vcap"), "running");
    let order: Vec<&str> = snapshot
        .services
        .iter()
        .map(|each| each.name.as_str())
        .collect();
    assert_eq!(
        &order[..3],
        ["a", "b", "c"],
        "files in reverse order of their names"
    );
    let status = handle.service("A").unwrap();
    assert_eq!(status.vitals.unwrap().pid, world.pid("a").unwrap());
    assert!(status.vitals.unwrap().memory > 0);
    handle.ask_group("vcap", Command::Stop).unwrap();
    let stopped = |snapshot: &warren_supervisor::Snapshot| {
        snapshot
            .members("vcap")
            .all(|each| each.monitor == Monitor::No && !each.busy)
    };
    assert!(handle.wait_until(PATIENCE, stopped));
    assert_eq!(world.calls()[3..], ["stop c", "stop b", "stop a"]);
    assert_eq!(
        handle.start("nobody"),
        Err(Refused::NoService("nobody".into()))
    );
    handle.start("c").unwrap();
    running(&supervisor, &["a", "b", "c"]);
    assert_eq!(world.calls()[6..], ["start a", "start b", "start c"]);
    handle.unmonitor_all().unwrap();
    let pid = world.pid("a").unwrap();
    drop(supervisor);
    assert!(runs(pid), "processes go on");
    drop(world);
    leaks.assert_same();
}

#[test]
fn the_end_of_a_process_is_noticed_at_once() {
    let world = World::new();
    // Cycles so long that only a pidfd can tell.
    world.main("set daemon 3600\n");
    let more = "if does not exist then restart";
    world.job("a", &world.service("a", STEADY, more));
    let events = Arc::new(Mutex::new(Vec::new()));
    let mine = Arc::clone(&events);
    let on_event = move |event: &warren_supervisor::Event| mine.lock().unwrap().push(event.clone());
    let supervisor = Supervisor::start(Options {
        on_event: Some(Arc::new(on_event)),
        // But what counts as having run for long must not be an hour.
        interval: Some(Duration::from_secs(2)),
        ..options(&world)
    })
    .unwrap();
    running(&supervisor, &["a"]);
    let pid = world.pid("a").unwrap();
    let age = || {
        let vitals = supervisor.handle().service("a").unwrap().vitals;
        vitals.map_or(0, |vitals| vitals.uptime)
    };
    eventually("it has run for a cycle", || age() >= 3);
    let killed = Instant::now();
    end(pid);
    eventually("another process", || {
        world.pid("a").is_some_and(|now| now != pid && runs(now))
    });
    println!("killed to started again: {:?}", killed.elapsed());
    running(&supervisor, &["a"]);
    eventually("the event is told", || {
        let events = events.lock().unwrap();
        events
            .iter()
            .filter(|event| event.kind == EventKind::Nonexist)
            .count()
            >= 2
    });
}

#[test]
fn what_flaps_is_given_up_and_said() {
    let world = World::new();
    let more = "if 3 restarts within 20 cycles then timeout";
    // It ends as soon as it has been seen to run.
    let state = world.path("state").display().to_string();
    let short = format!("until grep -q \"\\\"pid\\\":$BASHPID,\" {state}; do sleep 0.05; done");
    world.job("a", &world.service("a", &short, more));
    world.job("b", &world.service("b", STEADY, ""));
    let supervisor = Supervisor::start(options(&world)).unwrap();
    let handle = supervisor.handle();
    let given_up = |snapshot: &warren_supervisor::Snapshot| {
        snapshot
            .find("a")
            .is_some_and(|each| each.monitor == Monitor::No)
    };
    assert!(
        handle.wait_until(PATIENCE, given_up),
        "{:#?}",
        handle.services()
    );
    let starts = world
        .calls()
        .iter()
        .filter(|call| *call == "start a")
        .count();
    assert_eq!(starts, 3);
    let status = handle.service("a").unwrap();
    assert_eq!(status.bits, EventKind::Timeout.bit(), "{status:?}");
    assert_eq!(handle.snapshot().job_state("vcap"), "failing");
    running(&supervisor, &["b"]);
}

#[test]
fn a_start_that_hangs_holds_up_nobody_else() {
    let world = World::new();
    let d = world.path("").display().to_string();
    world.job(
        "a",
        &format!(
            "check process a with pidfile {d}a.pid\n start program \"/bin/sleep 1717\" with timeout \
             1 second\n stop program \"/bin/true\"\n group vcap"
        ),
    );
    world.job("b", &world.service("b", STEADY, ""));
    let supervisor = Supervisor::start(options(&world)).unwrap();
    let handle = supervisor.handle();
    running(&supervisor, &["b"]);
    let failing = |snapshot: &warren_supervisor::Snapshot| {
        snapshot
            .find("a")
            .is_some_and(|each| each.bits & EventKind::Exec.bit() != 0)
    };
    assert!(handle.wait_until(PATIENCE, failing));
    let message = handle.service("a").unwrap().fault.unwrap().1;
    assert!(message.contains("start program still runs"), "{message}");
    // Other tests have children of this process, too: only this one has such a program.
    let programs = || {
        let entries = std::fs::read_dir("/proc").unwrap().flatten();
        let lines = entries.filter_map(|entry| std::fs::read(entry.path().join("cmdline")).ok());
        lines
            .filter(|line| line == b"/bin/sleep\x001717\x00")
            .count()
    };
    assert_eq!(programs(), 1);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(programs(), 1, "not one more start program");
    handle.stop("a").unwrap();
    let stopped = |snapshot: &warren_supervisor::Snapshot| {
        snapshot
            .find("a")
            .is_some_and(|each| each.monitor == Monitor::No && !each.busy)
    };
    assert!(handle.wait_until(PATIENCE, stopped));
    eventually("the start program has ended", || programs() == 0);
}

#[test]
fn a_bad_file_is_shown_and_harms_only_itself() {
    let world = World::new();
    world.job("0001_good", &world.service("good", STEADY, ""));
    world.job(
        "0000_bad",
        "check process bad with pidfile /x\n  start programme \"/bin/x\"\n",
    );
    let supervisor = Supervisor::start(options(&world)).unwrap();
    let handle = supervisor.handle();
    running(&supervisor, &["good"]);
    let bad = "0000_bad.monitrc";
    let failing = |snapshot: &warren_supervisor::Snapshot| {
        snapshot
            .find(bad)
            .is_some_and(|each| each.state() == ServiceState::Failing)
    };
    assert!(handle.wait_until(PATIENCE, failing));
    assert_eq!(handle.snapshot().job_state("vcap"), "failing");
    let status = handle.service(bad).unwrap();
    assert!(
        status
            .fault
            .unwrap()
            .1
            .contains("0000_bad.monitrc:2: \"programme\"")
    );
    // Mended, it comes up; the other one is not touched.
    let pid = world.pid("good");
    world.job("0000_bad", &world.service("bad", STEADY, ""));
    let before = handle.snapshot().incarnation;
    handle.reload().unwrap();
    assert!(handle.snapshot().incarnation > before);
    running(&supervisor, &["good", "bad"]);
    assert_eq!(world.pid("good"), pid);
    // A main file that is bad changes nothing.
    std::fs::write(world.control_file(), "set daemon x").unwrap();
    handle.reload().unwrap_err();
    running(&supervisor, &["good", "bad"]);
}

#[test]
fn running_means_that_the_port_answers() {
    let world = World::new();
    let port = Port::of_loopback();
    let more = format!(
        "if failed host 127.0.0.1 port {} for 60 cycles then alert",
        port.number()
    );
    world.job("a", &world.service("a", STEADY, &more));
    let supervisor = Supervisor::start(options(&world)).unwrap();
    let handle = supervisor.handle();
    let checked = |snapshot: &warren_supervisor::Snapshot| {
        snapshot
            .find("a")
            .is_some_and(|each| each.vitals.is_some_and(|v| v.uptime >= 3))
    };
    assert!(handle.wait_until(PATIENCE, checked));
    let status = handle.service("a").unwrap();
    assert_eq!(
        (status.state(), status.accessible),
        (ServiceState::Initializing, Some(false))
    );
    let _listener = std::net::TcpListener::bind(("127.0.0.1", port.number())).unwrap();
    running(&supervisor, &["a"]);
    assert_eq!(handle.service("a").unwrap().accessible, Some(true));
}

#[test]
fn alerts_reach_a_mail_server() {
    use std::io::{BufRead, BufReader, Write};
    let world = World::new();
    let server = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    world.job("a", &world.service("a", "sleep 0.2", "mode passive"));
    world.job(
        "alerts",
        &format!(
            "set alert agent@local\nset mailserver 127.0.0.1 port {port} with timeout 15 seconds\nset \
             eventqueue basedir /x slots 5000\nset mail-format {{ from: monit@localhost\n message: \
             Service: $SERVICE\n Event: $EVENT\n Action: $ACTION\n Date: $DATE\n Description: \
             $DESCRIPTION }}\n"
        ),
    );
    let _supervisor = Supervisor::start(options(&world)).unwrap();
    let (mut stream, _) = server.accept().unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(b"220 here\r\n").unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let (mut data, mut in_data) = (Vec::new(), false);
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "{data:?}");
        let line = line.trim_end().to_owned();
        if in_data {
            if line == "." {
                break;
            }
            data.push(line);
            continue;
        }
        in_data = line == "DATA";
        let answer: &[u8] = if in_data {
            b"354 go\r\n"
        } else {
            b"250 ok\r\n"
        };
        stream.write_all(answer).unwrap();
    }
    let has = |start: &str| data.iter().any(|line| line.starts_with(start));
    for start in [
        "Message-id: <",
        "Service: a",
        "Event: Does not exist",
        "Action: alert",
        "Date: ",
    ] {
        assert!(has(start), "{start}: {data:#?}");
    }
}
