//! What an actor becomes, does and reports.

use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::Signal;
use rustix::thread::CapabilitySet;
use warren_tests_harness::protocol::{Program, Request};
use warren_tests_harness::{
    Actor, ActorBuilder, Connected, MountStep, Ns, Opened, Sandbox, has_ended, programs,
};

const SOON: Duration = Duration::from_millis(300);

fn mounted(actor: &Actor) -> String {
    actor.read("/proc/self/mountinfo")
}

#[test]
fn connections_are_told_apart() {
    let sandbox = Sandbox::new("connect");
    let actor = sandbox.actor().spawn();
    let address = actor.listen((Ipv4Addr::LOCALHOST, 0));
    assert_eq!(actor.connect(address, SOON), Connected::Connected);
    assert_eq!(actor.accepted(address), 1);
    assert_eq!(
        actor.connect((Ipv4Addr::LOCALHOST, 1), SOON),
        Connected::Refused
    );
    assert_eq!(
        actor.connect(([192, 0, 2, 1], 1), SOON),
        Connected::Unreachable
    );

    let rules = "table inet t { chain c { type filter hook output priority 0; \
                 tcp dport 2 drop; tcp dport 3 reject with icmp type admin-prohibited; }; }";
    let nft = Program {
        argv: vec!["nft".into(), "-f".into(), "-".into()],
        env: Vec::new(),
        stdin: rules.into(),
        timeout_ms: 10_000,
    };
    actor.run_program(nft).success();
    assert_eq!(
        actor.connect((Ipv4Addr::LOCALHOST, 2), SOON),
        Connected::TimedOut
    );
    assert_eq!(
        actor.connect((Ipv4Addr::LOCALHOST, 3), SOON),
        Connected::Unreachable
    );
}

#[test]
fn datagrams_arrive_and_are_counted() {
    let sandbox = Sandbox::new("udp");
    let actor = sandbox.actor().spawn();
    let address = actor.listen_udp((Ipv4Addr::LOCALHOST, 0));
    actor.send_udp(address, b"one").unwrap();
    actor.send_udp(address, b"two").unwrap();
    assert_eq!(actor.accepted(address), 2);
    let errno = actor
        .send_udp(([192, 0, 2, 1], 1), b"lost")
        .unwrap_err()
        .errno;
    assert_eq!(errno, Some(Errno::NETUNREACH.raw_os_error()));
}

#[test]
fn programs_run_and_tell_all() {
    let actor = Actor::spawn();
    let output = actor.run(&["sh", "-c", "echo out; echo err >&2; exit 3"]);
    assert_eq!(
        (output.code, output.stdout, output.stderr),
        (3, "out\n".into(), "err\n".into())
    );
    assert_eq!(actor.run(&["sh", "-c", "kill -9 $$"]).code, 128 + 9);
    let missing = actor.run(&["/nonexistent"]);
    assert_eq!(missing.code, 127);
    assert!(missing.stderr.contains("/nonexistent"), "{missing:?}");
}

#[test]
fn a_program_that_takes_too_long_is_killed() {
    let actor = Actor::spawn();
    let output = actor.run_program(Program {
        argv: vec!["sleep".into(), "1000".into()],
        env: Vec::new(),
        stdin: String::new(),
        timeout_ms: 50,
    });
    assert!(output.timed_out);
    assert_eq!(output.code, 128 + 9);
}

#[test]
fn a_program_can_go_on_in_the_background() {
    let actor = Actor::spawn();
    let folder = tempfile::tempdir().unwrap();
    let ready = folder.path().join("ready");
    let script = "trap 'echo bye; exit 7' TERM; echo hello; : >$0; while :; do sleep 0.01; done";
    let program = actor.start(&["sh", "-c", script, &ready.display().to_string()]);
    let deadline = Instant::now() + Duration::from_secs(5);
    while !ready.exists() && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(actor.read(format!("/proc/{}/comm", program.pid)), "sh\n");
    let output = program.finish(Some(Signal::TERM), Duration::from_secs(5));
    assert_eq!((output.code, output.stdout.as_str()), (7, "hello\nbye\n"));
}

#[test]
fn the_warren_executable_is_found_and_runs() {
    let actor = Actor::spawn();
    let output = actor.warren(&["--version"]).success();
    assert!(output.stdout.starts_with("warren "), "{output:?}");
}

#[test]
fn programs_do_not_outlive_their_actor() {
    let sandbox = Sandbox::new("outlive");
    let actor = sandbox.actor().spawn();
    let program = actor.start(&["sleep", "1000"]);
    // Before that it has not said yet whom it goes with.
    until("the program begins", || {
        actor.read(format!("/proc/{}/comm", program.pid)) == "sleep\n"
    });
    // Killed, so that nothing of it can clean up.
    let pid = rustix::process::Pid::from_raw(i32::try_from(actor.host_pid()).unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    let ended = program.pid.to_string();
    std::mem::forget(program);
    until("the program ends", || has_ended(&ended));
}

#[track_caller]
fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn a_tethered_program_goes_when_the_pipe_closes() {
    let _gate = warren_tests_harness::shared();
    let mut tether = Command::new(programs::actor())
        .args(["tether", "sh", "-c", "echo $$; exec sleep 1000"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut pid = String::new();
    BufReader::new(tether.stdout.take().unwrap())
        .read_line(&mut pid)
        .unwrap();
    assert!(!has_ended(&pid));
    drop(tether.stdin.take());
    assert!(!tether.wait().unwrap().success());
    assert!(has_ended(&pid));
}

#[test]
fn cgroup_mounts_can_be_as_a_scenario_needs_them() {
    let sandbox = Sandbox::new("mounts");
    let own = || sandbox.actor_in("own").unshare(&[Ns::Mount, Ns::Cgroup]);

    let none = own().without_cgroup_mounts().spawn();
    assert!(!mounted(&none).contains(" - cgroup"), "{}", mounted(&none));
    assert!(
        none.cgroup().lines().any(|line| line == "0::/"),
        "{}",
        none.cgroup()
    );

    let fresh = own().fresh_cgroup2().spawn();
    assert!(
        mounted(&fresh).contains(" /sys/fs/cgroup "),
        "{}",
        mounted(&fresh)
    );
    assert_eq!(fresh.read("/sys/fs/cgroup/cgroup.procs").lines().count(), 2);
    fresh.make_directory("/sys/fs/cgroup/inner");
    fresh.move_to_cgroup("/sys/fs/cgroup/inner");
    assert!(fresh.cgroup().contains("0::/inner"));
    assert!(sandbox.cgroup().join("own/inner").is_dir());

    let read_only = own().fresh_cgroup2().read_only("/sys/fs/cgroup").spawn();
    assert_eq!(
        read_only.open("/sys/fs/cgroup/cgroup.procs", true),
        Opened::Errno(Errno::ROFS.raw_os_error())
    );
    assert_eq!(
        read_only.open("/sys/fs/cgroup/cgroup.procs", false),
        Opened::Ok
    );

    let unified = own().fresh_cgroup2_unified().spawn();
    assert_eq!(
        unified.open("/sys/fs/cgroup/unified/cgroup.procs", false),
        Opened::Ok
    );

    let v1 = own().only_cgroup_v1().spawn();
    assert!(!mounted(&v1).contains(" - cgroup2 "), "{}", mounted(&v1));

    let host = Actor::spawn();
    assert!(
        mounted(&host).contains(" - cgroup2 "),
        "the test's own mounts were changed"
    );
}

#[test]
fn trees_can_be_bound_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let actor = ActorBuilder::new()
        .unshare(&[Ns::Mount])
        .bind("/proc", folder.path())
        .spawn();
    assert_eq!(
        actor.open(folder.path().join("self/status"), false),
        Opened::Ok
    );
    assert!(!folder.path().join("self").exists());
}

#[test]
fn capabilities_and_ids_are_given_up() {
    let lost = CapabilitySet::NET_ADMIN | CapabilitySet::SYS_ADMIN;
    let actor = ActorBuilder::new().drop_capabilities(lost).spawn();
    let status = actor
        .run(&["grep", "-E", "Cap(Eff|Bnd)", "/proc/self/status"])
        .success()
        .stdout;
    for line in status.lines() {
        let bits = line.split_whitespace().last().unwrap();
        assert_eq!(
            u64::from_str_radix(bits, 16).unwrap() & lost.bits(),
            0,
            "{status}"
        );
    }
    let mount = MountStep::Mount {
        kind: "tmpfs".into(),
        target: "/mnt".into(),
    };
    assert_eq!(actor.run(&["unshare", "-m", "true"]).code, 1, "{mount:?}");

    let user = ActorBuilder::new().ids(65534, 65533).spawn();
    assert_eq!(user.run(&["id", "-u"]).stdout, "65534\n");
    assert_eq!(user.run(&["id", "-G"]).stdout, "65533\n");
    assert_eq!(
        user.open("/etc/shadow", false),
        Opened::Errno(Errno::ACCESS.raw_os_error())
    );
    let later = Actor::spawn();
    later.set_ids(65534, 65534);
    assert_eq!(later.run(&["id", "-u"]).stdout, "65534\n");
}

#[test]
fn namespaces_can_be_new_or_another_actor_s() {
    let one = ActorBuilder::contained().spawn();
    assert_eq!(one.pid(), 1);
    assert_ne!(one.host_pid(), 1);
    assert_eq!(one.read("/proc/1/comm").trim(), "exe");
    let other = ActorBuilder::new()
        .join_actor(Ns::Net, &one)
        .join_actor(Ns::Mount, &one)
        .join_actor(Ns::Pid, &one)
        .spawn();
    assert_ne!(other.pid(), 1);
    let address = one.listen((Ipv4Addr::LOCALHOST, 0));
    assert_eq!(other.connect(address, SOON), Connected::Connected);

    let user = ActorBuilder::new()
        .unshare(&[Ns::User, Ns::Uts, Ns::Ipc])
        .spawn();
    let map = user.read("/proc/self/uid_map");
    assert_eq!(map.split_whitespace().collect::<Vec<_>>(), ["0", "0", "1"]);
}

#[test]
fn a_refusal_names_the_step_and_the_errno() {
    let actor = Actor::spawn();
    let refused = actor
        .request(Request::Read {
            path: "/nonexistent".into(),
        })
        .unwrap_err();
    assert_eq!(refused.step, "read /nonexistent");
    assert_eq!(refused.errno, Some(Errno::NOENT.raw_os_error()));
    assert_eq!(actor.open("/nonexistent", false), Opened::Errno(2));
}

#[test]
#[should_panic(expected = "make /proc/nothing")]
fn an_actor_that_cannot_become_so_says_why() {
    let target = "/proc/nothing/here".into();
    let _ = ActorBuilder::new()
        .unshare(&[Ns::Mount])
        .mount(MountStep::Mount {
            kind: "tmpfs".into(),
            target,
        })
        .spawn();
}

#[test]
#[should_panic(expected = "need a new mount namespace")]
fn the_test_s_own_mounts_are_never_changed() {
    let _ = ActorBuilder::new().without_cgroup_mounts().spawn();
}
