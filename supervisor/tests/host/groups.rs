//! Each service has a control group of its own, below that of the machine.

use std::fs;
use std::path::PathBuf;

use rustix::process::Signal;
use warren_supervisor::procfs::Process;
use warren_tests_harness::{Actor, ActorBuilder, Background, Ns, Sandbox};

use crate::world::{PATIENCE, STEADY, World, eventually, runs};

/// A supervisor in a cgroup, as root of its cgroup namespace, as in a machine that is a container.
struct Machine {
    world: World,
    actor: Actor,
    sandbox: Sandbox,
}

impl Machine {
    fn new(view: impl FnOnce(ActorBuilder) -> ActorBuilder) -> Machine {
        let sandbox = Sandbox::new("groups");
        let world = World::new();
        let own = sandbox.actor_in("machine");
        let actor = view(own.unshare(&[Ns::Mount, Ns::Cgroup])).spawn();
        Machine {
            world,
            actor,
            sandbox,
        }
    }

    fn serve(&self) -> Background<'_> {
        let file = self.world.control_file().display().to_string();
        let words = ["serve", "supervisor", "--settle", "0.2", "-c", &file];
        self.actor.start_warren(&words)
    }

    /// Its group's directory, as the test sees it.
    fn group(&self) -> PathBuf {
        self.sandbox.cgroup().join("machine")
    }

    /// The group of a service, if there is one.
    fn group_of(&self, service: &str) -> Option<PathBuf> {
        let all = fs::read_dir(self.group()).unwrap().flatten();
        let all = all.map(|entry| entry.path().join(format!("warren-job-{service}")));
        all.into_iter().find(|path| path.exists())
    }

    /// Whether any group of services is left.
    fn has_groups(&self) -> bool {
        let mut names = fs::read_dir(self.group()).unwrap().flatten();
        names.any(|entry| entry.file_name().to_string_lossy().contains("warren-job"))
    }

    fn members(&self, service: &str) -> Vec<i32> {
        let procs = self.group_of(service).map(|path| path.join("cgroup.procs"));
        let text = procs.and_then(|path| fs::read_to_string(path).ok());
        let text = text.unwrap_or_default();
        text.lines().map(|line| line.parse().unwrap()).collect()
    }

    fn running(&self, service: &str) -> bool {
        let pid = self.world.pid(service);
        pid.is_some_and(|pid| runs(pid) && self.members(service).contains(&pid))
    }

    /// The calling process asks as the agent does, in the network that the supervisor is in.
    fn ask(&self, service: &str, action: &str) {
        let file = self.world.control_file().display().to_string();
        let monit = ["monit", "-c", &file, action, service];
        self.actor.warren(&monit).success();
    }
}

#[test]
fn services_are_apart_and_their_groups_go_with_them() {
    let machine = Machine::new(|actor| actor);
    for name in ["a", "b"] {
        let text = machine.world.service(name, STEADY, "");
        machine.world.job(name, &text);
    }
    let _served = machine.serve();
    eventually("both run in groups of their own", || {
        machine.running("a") && machine.running("b")
    });
    let own = fs::read_to_string(machine.group().join("cgroup.procs")).unwrap();
    for name in ["a", "b"] {
        let pid = machine.world.pid(name).unwrap();
        assert!(!own.lines().any(|line| line == pid.to_string()));
        // Its start program ends there a little later.
        eventually("nobody else is in its group", || {
            machine.members(name) == [pid]
        });
    }
    let first = machine.world.pid("a").unwrap();
    machine.ask("a", "restart");
    eventually("a runs anew", || {
        machine.world.pid("a") != Some(first) && machine.running("a")
    });
    machine.ask("a", "stop");
    eventually("the group of a is gone", || machine.group_of("a").is_none());
    assert!(machine.running("b"));
    machine.ask("b", "stop");
    eventually("all groups are gone", || !machine.has_groups());
}

#[test]
fn a_supervisor_that_is_killed_finds_the_groups_again() {
    let machine = Machine::new(|actor| actor);
    for name in ["a", "b"] {
        let text = machine.world.service(name, STEADY, "");
        machine.world.job(name, &text);
    }
    let served = machine.serve();
    eventually("both run", || machine.running("a") && machine.running("b"));
    let (a, b) = (machine.group_of("a"), machine.world.pid("b").unwrap());
    // What ends while nobody looks leaves its group.
    served.finish(Some(Signal::KILL), PATIENCE);
    crate::world::end(b);
    let left = machine.group_of("b").unwrap();
    fs::remove_file(machine.world.path("job/b.monitrc")).unwrap();
    let _served = machine.serve();
    eventually("it is removed by the next", || !left.exists());
    assert_eq!(machine.group_of("a"), a);
    machine.ask("a", "stop");
    eventually("a is found again, and its group", || !machine.has_groups());
}

/// Users that may not write to any group get theirs all the same: it is entered by what root opened.
#[test]
fn a_service_of_another_user_has_its_group() {
    let machine = Machine::new(|actor| actor);
    let d = machine.world.path("").display().to_string();
    fs::set_permissions(&d, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    machine.world.job(
        "a",
        &format!(
            "check process a with pidfile {d}a.pid\n start program \"/bin/sh -c 'sleep 1000 & echo \
             $! >{d}a.pid'\" as uid 65534\n group vcap"
        ),
    );
    let _served = machine.serve();
    eventually("it runs in its group", || machine.running("a"));
    let pid = machine.world.pid("a").unwrap();
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    assert!(status.contains("Uid:\t65534\t"), "{status}");
}

/// Where there is no group to be had, everything is as without, and the log says so once.
#[test]
fn without_writable_groups_services_run_where_the_supervisor_is() {
    use rustix::thread::CapabilitySet;
    // No mount to be seen and no right to make one.
    let machine = Machine::new(|actor| {
        let actor = actor.without_cgroup_mounts();
        actor.drop_capabilities(CapabilitySet::SYS_ADMIN)
    });
    for name in ["a", "b"] {
        let text = machine.world.service(name, STEADY, "");
        machine.world.job(name, &text);
    }
    let _served = machine.serve();
    let alive = |name| machine.world.pid(name).is_some_and(runs);
    eventually("both run", || alive("a") && alive("b"));
    assert!(!machine.has_groups());
    let log = fs::read_to_string(machine.world.path("log")).unwrap();
    let said = log.matches("no control group of its own").count();
    assert_eq!(said, 1, "{log}");
    let own = fs::read_to_string(machine.group().join("cgroup.procs")).unwrap();
    for name in ["a", "b"] {
        let pid = machine.world.pid(name).unwrap();
        assert!(Process::of(pid).is_some());
        assert!(own.lines().any(|line| line == pid.to_string()), "{own}");
    }
}

/// A program that is not there is told as before, and not as the fault of a group.
#[test]
fn a_program_that_is_missing_is_no_missing_group() {
    let machine = Machine::new(|actor| actor);
    let d = machine.world.path("").display().to_string();
    let text = format!(
        "check process a with pidfile {d}a.pid\n start program \"/nonexistent/ctl start\"\n group vcap"
    );
    machine.world.job("a", &text);
    let _served = machine.serve();
    let log = || fs::read_to_string(machine.world.path("log")).unwrap_or_default();
    eventually("it is told", || {
        log().contains("cannot run /nonexistent/ctl")
    });
    assert!(!log().contains("control group"), "{}", log());
    eventually("its group is gone", || !machine.has_groups());
}
