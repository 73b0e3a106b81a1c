//! Creating, starting, stopping, destroying.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use warren_container_shim::spec::ContainerSpec;
use warren_container_shim::{ConfigFile, Error, Exit, Phase};
use warren_sys_cgroup::{GroupSet, Process};

use crate::world::{World, chain, eventually, is_running, read_until, shell, shim_of};

#[test]
fn a_container_is_made_started_used_and_gone() {
    for privileged in [false, true] {
        let world = World::new();
        let depot = &world.depot;
        let spec = world.spec("h", privileged);
        let joined =
            depot.create_with(&spec, &[], |netns| rustix::fs::fstat(netns).unwrap().st_ino);
        let (created, joined) = joined.unwrap();
        let state = depot.state("h").unwrap();
        assert_eq!((state.phase, state.stopped), (Phase::Created, false));
        assert_eq!(state.init, created.pid);
        let link = std::fs::metadata(format!("/proc/{}/ns/net", created.pid)).unwrap();
        assert_eq!(created.netns.metadata().unwrap().ino(), link.ino());
        assert_eq!(joined, link.ino());
        let error = depot.run("h", &shell("true")).unwrap_err();
        assert!(matches!(error, Error::NotRunning { .. }), "{error}");
        depot.start("h").unwrap();
        assert_eq!(depot.state("h").unwrap().phase, Phase::Running);
        assert!(matches!(depot.start("h"), Err(Error::Refused { .. })));
        let comm = std::fs::read_to_string(format!("/proc/{}/comm", created.pid)).unwrap();
        assert_eq!(comm, "garden-init\n");
        let outcome = depot
            .run("h", &shell("hostname; exit 7"))
            .unwrap()
            .wait()
            .unwrap();
        assert_eq!(
            (outcome.stdout, outcome.exit),
            (b"h\n".to_vec(), Exit::Status(7))
        );
        let shim = shim_of(depot, "h");
        assert!(is_running(shim));
        assert!(depot.destroy("h").unwrap());
        assert!(!is_running(shim) && !is_running(created.pid));
        assert!(!depot.destroy("h").unwrap());
        assert!(matches!(
            depot.state("h"),
            Err(Error::ContainerNotFound { .. })
        ));
        assert!(matches!(
            depot.start("h"),
            Err(Error::ContainerNotFound { .. })
        ));
    }
}

#[test]
fn a_handle_is_taken_while_there_is_a_container() {
    let world = World::new();
    world.container("same");
    let error = world
        .depot
        .create(&world.spec("same", false), &[])
        .unwrap_err();
    assert!(matches!(error, Error::ContainerExists { handle } if handle == "same"));
    // The first one has not been hurt.
    assert_eq!(world.depot.state("same").unwrap().phase, Phase::Running);
    world.depot.destroy("same").unwrap();
    world.container("same");
}

#[test]
fn odd_handles_are_handles() {
    let world = World::new();
    let long = "x".repeat(250);
    for handle in ["../evil", ".hidden", "a b", long.as_str()] {
        let spec = ContainerSpec {
            cgroup: warren_container_shim::spec::CgroupSpec {
                keeper: None,
                parent: world.place.clone(),
                name: "odd".into(),
            },
            ..world.spec(handle, false)
        };
        let container = world.start(handle, &spec);
        assert_eq!(container.says("echo works"), "works");
        let found = world.depot.list().unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].handle.as_str(), found[0].alive), (handle, true));
        assert!(world.depot.destroy(handle).unwrap());
    }
}

#[test]
fn a_container_that_cannot_be_made_says_why_and_leaves_nothing() {
    let world = World::new();
    let mut spec = world.spec("h", false);
    spec.binds.push(warren_container_shim::spec::Bind {
        source: "/nonexistent/source".into(),
        destination: "/x".into(),
        writable: false,
        private: false,
    });
    let error = world.depot.create(&spec, &[]).unwrap_err();
    assert!(matches!(error, Error::Create { .. }), "{error:?}");
    assert!(
        chain(&error).contains("/nonexistent/source"),
        "{}",
        chain(&error)
    );
    assert!(world.depot.list().unwrap().is_empty());
    // An init that is no program is found out at the start, and the container is dead.
    let mut spec = world.spec("h", false);
    spec.init = "/etc/passwd".into();
    world.depot.create(&spec, &[]).unwrap();
    let error = world.depot.start("h").unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    eventually("dead", || {
        world.depot.state("h").unwrap().phase == Phase::Dead
    });
    assert!(world.depot.destroy("h").unwrap());
}

#[test]
fn a_program_that_is_no_shim_is_told() {
    let world = World::new();
    let folder = world.folder.path().join("other");
    for program in ["/bin/true", "/nonexistent"] {
        let depot = warren_container_shim::Depot::open(&folder, program.into()).unwrap();
        let error = depot.create(&world.spec("h", false), &[]).unwrap_err();
        assert!(
            matches!(error, Error::Create { .. } | Error::Io { .. }),
            "{error:?}"
        );
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0);
    }
}

#[test]
fn files_of_the_depot_are_seen_inside_and_change_in_place() {
    let world = World::new();
    let owner = world.owner(false);
    let mut spec = world.spec("h", false);
    spec.hosts = Some(world.depot.path("h").join("hosts"));
    let file = ConfigFile {
        name: "hosts",
        contents: b"127.0.0.1 here\n",
        owner,
        mode: 0o644,
    };
    world.depot.create(&spec, &[file]).unwrap();
    let changed = ConfigFile {
        contents: b"10.0.0.1 there\n",
        ..file
    };
    world.depot.write_file("h", &changed).unwrap();
    world.depot.start("h").unwrap();
    let container = crate::world::Container {
        depot: &world.depot,
        handle: "h",
    };
    assert_eq!(
        container.says("cat /etc/hosts; stat -c %u:%a /etc/hosts"),
        "10.0.0.1 there\n0:644"
    );
    container.says("echo more >> /etc/hosts");
    let text = std::fs::read_to_string(world.depot.path("h").join("hosts")).unwrap();
    assert_eq!(text, "10.0.0.1 there\nmore\n");
    let mode = std::fs::metadata(world.depot.path("h")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o711);
    assert!(matches!(
        world.depot.write_file("other", &file),
        Err(Error::ContainerNotFound { .. })
    ));
}

/// Each starts the next one and ends: whoever is seen is gone when its signal comes. They do not multiply.
#[test]
fn who_forks_faster_than_signals_come_is_killed() {
    let world = World::new();
    let mut v1 = world.spec("v1", false);
    v1.cgroup.parent.v2 = None;
    for (handle, spec) in [("usual", world.spec("usual", false)), ("v1", v1)] {
        let container = world.start(handle, &spec);
        container
            .says("exec </dev/null >/dev/null 2>&1; f() { f & }; for n in 1 2 3 4; do f & done");
        world.depot.stop(handle, true).unwrap();
        let groups = spec.cgroup.parent.child(&spec.cgroup.name).open().unwrap();
        let init = world.depot.state(handle).unwrap().init;
        let v1 = groups
            .v1
            .iter()
            .flat_map(|group| group.procs_below().unwrap());
        assert_eq!(v1.collect::<BTreeSet<i32>>(), BTreeSet::from([init]));
        if let Some(v2) = &groups.v2 {
            assert_eq!(v2.procs_below().unwrap(), [init]);
        }
        assert_eq!(container.says("echo moves"), "moves");
    }
}

/// Every process in and below the groups.
fn all_in(groups: &GroupSet) -> BTreeSet<i32> {
    let v1 = groups.v1.iter().map(|group| group.procs_below().unwrap());
    let v2 = groups.v2.iter().map(|group| group.procs_below().unwrap());
    v1.chain(v2).flatten().collect()
}

/// Each starts others for as long as it lives, and some wait for others' ends to do something about it: nobody has
/// any time for it.
#[test]
fn who_multiplies_and_who_watches_are_killed_at_once() {
    // Who is killed first is watched by who is killed last, with many between them.
    const WATCH: &str = "exec </dev/null >/dev/null 2>&1; cd /tmp && rm -f p? ready? reacted?
        for n in $(seq 9); do mkfifo p$n; sleep 600 >p$n & done
        for n in $(seq 99); do sleep 600 & done
        for n in $(seq 9); do { exec 4<p$n; echo >ready$n; read line <&4; echo >reacted$n; } & done
        for n in $(seq 9); do until [ -e ready$n ]; do sleep 0.01; done; done";
    let world = World::new();
    for (handle, spec) in each_hierarchy(&world) {
        let container = world.start(handle, &spec);
        container.says(WATCH);
        world.depot.stop(handle, true).unwrap();
        let reacted = container.says("for n in /tmp/reacted?; do [ ! -e $n ] || echo $n; done");
        assert_eq!(reacted, "", "{handle}");
        container.says("exec </dev/null >/dev/null 2>&1; /tmp/garden-init multiply &");
        let groups = spec.cgroup.parent.child(&spec.cgroup.name).open().unwrap();
        eventually("many", || all_in(&groups).len() > 100);
        world.depot.stop(handle, true).unwrap();
        let init = world.depot.state(handle).unwrap().init;
        assert_eq!(all_in(&groups), BTreeSet::from([init]));
        assert_eq!(container.says("echo moves"), "moves");
        world.depot.destroy(handle).unwrap();
    }
}

/// As a manager inside does that pauses its own: in the freezer of cgroup v1 even who is killed stays.
#[test]
fn who_is_frozen_inside_is_killed_too() {
    const FREEZE: &str = "cd /sys/fs/cgroup; [ ! -d freezer ] || cd freezer; mkdir -p x; sleep 600 & \
        echo $! >x/cgroup.procs; if [ -e x/freezer.state ]; then echo FROZEN >x/freezer.state; \
        else echo 1 >x/cgroup.freeze; fi; echo up; wait";
    let world = World::new();
    for (handle, spec) in each_hierarchy(&world) {
        let container = world.start(handle, &spec);
        for round in 0..2 {
            let manager = container.shell(FREEZE);
            read_until(&manager, "up\n");
            match round {
                0 => world.depot.stop(handle, true).unwrap(),
                _ => assert!(world.depot.destroy(handle).unwrap()),
            }
            assert_eq!(manager.wait().unwrap().exit, Exit::Signal(9));
        }
    }
}

/// Privileged containers for a limited number of processes, in cgroup v2 as far as it is there and without it.
fn each_hierarchy(world: &World) -> [(&'static str, ContainerSpec); 2] {
    ["usual", "v1"].map(|handle| {
        let mut spec = world.spec(handle, true);
        spec.limits.pids = Some(300);
        if handle == "v1" {
            spec.cgroup.parent.v2 = None;
        }
        (handle, spec)
    })
}

#[test]
fn stopping_asks_kills_and_spares_init() {
    let world = World::new();
    let container = world.container("h");
    let polite = container.shell("trap 'exit 42' TERM; echo up; while :; do sleep 0.01; done");
    let parent = container.shell("sleep 600 & echo up; wait");
    read_until(&polite, "up\n");
    read_until(&parent, "up\n");
    let begun = Instant::now();
    world.depot.stop("h", false).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(9));
    assert_eq!(polite.wait().unwrap().exit, Exit::Status(42));
    assert_eq!(parent.wait().unwrap().exit.code(), 143);
    let state = world.depot.state("h").unwrap();
    assert_eq!((state.phase, state.stopped), (Phase::Running, true));
    let stubborn = container.shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
    read_until(&stubborn, "up\n");
    let begun = Instant::now();
    world.depot.stop("h", false).unwrap();
    assert!(begun.elapsed() >= Duration::from_secs(10));
    assert_eq!(stubborn.wait().unwrap().exit, Exit::Signal(9));
    let stubborn = container.shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
    read_until(&stubborn, "up\n");
    let begun = Instant::now();
    world.depot.stop("h", true).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(9));
    assert_eq!(stubborn.wait().unwrap().exit, Exit::Signal(9));
    assert_eq!(container.says("echo still"), "still");
}

#[test]
fn destroying_ends_sessions_with_the_code() {
    let world = World::new();
    let container = world.container("h");
    let first = container.shell("trap '' TERM; echo up; sleep 600");
    read_until(&first, "up\n");
    let other = container.attach(&first.id);
    let begun = Instant::now();
    world.depot.destroy("h").unwrap();
    assert!(begun.elapsed() < Duration::from_secs(9));
    for session in [first, other] {
        assert_eq!(session.wait().unwrap().exit.code(), 137);
    }
}

#[test]
fn destroying_at_once_is_done_once() {
    let world = World::new();
    for _ in 0..5 {
        let container = world.container("h");
        container.shell("sleep 600");
        let results: Vec<_> = std::thread::scope(|scope| {
            let all: Vec<_> = (0..4)
                .map(|_| scope.spawn(|| world.depot.destroy("h")))
                .collect();
            all.into_iter().map(|each| each.join().unwrap()).collect()
        });
        let count = |wanted: fn(&Result<bool, Error>) -> bool| {
            results.iter().filter(|each| wanted(each)).count()
        };
        assert_eq!(count(|each| matches!(each, Ok(true))), 1, "{results:?}");
        let others = count(|each| matches!(each, Ok(false) | Err(Error::Destroying { .. })));
        assert_eq!(others, 3, "{results:?}");
    }
}

#[test]
fn a_kill_for_memory_is_an_event() {
    let world = World::new();
    let mut spec = world.spec("h", false);
    spec.limits.memory = Some(32 << 20);
    let container = world.start("h", &spec);
    assert!(world.depot.state("h").unwrap().events.is_empty());
    let outcome = container
        .shell("head -c 200000000 /dev/zero | tail")
        .wait()
        .unwrap();
    assert_ne!(outcome.exit.code(), 0);
    let state = || world.depot.state("h").unwrap();
    assert_eq!(state().phase, Phase::Running);
    // As many as the kernel has killed, and nothing else.
    let kills = kernels_count(state().init);
    assert!(kills > 0);
    eventually("all kills", || state().events.len() == kills);
    assert!(state().events.iter().all(|event| event == "oom"));
    assert_eq!(kernels_count(state().init), kills);
    assert_eq!(state().events.len(), kills);
}

/// How many processes the kernel says it has killed for memory in the group of this one.
fn kernels_count(pid: i32) -> usize {
    let groups = GroupSet::of(Process::Pid(Pid::from_raw(pid).unwrap())).unwrap();
    let v1 = groups.v1.iter().find(|each| each.has_controller("memory"));
    let text = match v1 {
        Some(group) => group.read("memory.oom_control").unwrap(),
        None => {
            let group = groups.v2.unwrap();
            std::fs::read_to_string(group.path().join("memory.events.local")).unwrap()
        }
    };
    let count = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
    count.unwrap().parse().unwrap()
}

#[test]
fn when_init_ends_all_ends() {
    let world = World::new();
    let container = world.container("h");
    let session = container.shell("echo up; sleep 600");
    read_until(&session, "up\n");
    crate::world::kill(world.depot.state("h").unwrap().init);
    assert_eq!(session.wait().unwrap().exit, Exit::Signal(9));
    eventually("dead", || {
        world.depot.state("h").unwrap().phase == Phase::Dead
    });
    assert!(matches!(
        world.depot.run("h", &shell("true")),
        Err(Error::NotRunning { .. })
    ));
    world.depot.stop("h", false).unwrap();
    assert!(world.depot.destroy("h").unwrap());
}
