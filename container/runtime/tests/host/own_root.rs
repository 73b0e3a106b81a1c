//! Processes with a root directory of their own.

use warren_container_runtime::ProcessSpec;
use warren_container_runtime::engine::SpawnError;
use warren_container_runtime::spec::{Limits, OwnRoot};

use crate::tests;
use crate::world::{World, shell};

pub const TESTS: &[(&str, fn())] = tests![
    it_is_in_the_containers_namespaces_but_for_mounts_and_cgroups,
    nobody_of_the_container_sees_the_host_through_it,
    what_is_refused_leaves_no_group,
];

/// A shell command in a root directory of its own, which is a copy of the container's.
fn rooted(world: &World, owner: u32, command: &str) -> ProcessSpec {
    let root = world.rootfs(owner);
    let copy = world.directory.path().join(format!("own-{owner}"));
    if !copy.exists() {
        let copied = std::process::Command::new("cp")
            .arg("-a")
            .arg(root)
            .arg(&copy)
            .status();
        assert!(copied.unwrap().success());
        std::fs::write(copy.join("its-own"), "yes\n").unwrap();
    }
    ProcessSpec {
        own_root: Some(OwnRoot {
            rootfs: copy,
            env: vec!["FROM=image".to_owned()],
            binds: Vec::new(),
            limits: None,
            cgroup: "own".to_owned(),
        }),
        ..shell(command)
    }
}

fn owner(privileged: bool) -> u32 {
    match privileged {
        true => 0,
        false => {
            warren_container_runtime::host::Host::discover()
                .unwrap()
                .max_id
        }
    }
}

fn it_is_in_the_containers_namespaces_but_for_mounts_and_cgroups() {
    let world = World::new();
    for privileged in [false, true] {
        let container = match privileged {
            true => world.privileged(),
            false => world.unprivileged(),
        };
        let run = |command: &str| {
            let output = container.run(&rooted(&world, owner(privileged), command));
            assert_eq!(output.status, 0, "{command}: {output:?}");
            output.stdout.trim_end().to_owned()
        };
        assert_eq!(
            run("cat /its-own; echo $FROM; pwd; id -u"),
            "yes\nimage\n/\n0"
        );
        for kind in ["net", "ipc", "pid", "user", "uts", "mnt", "cgroup"] {
            let link = format!("readlink /proc/self/ns/{kind}");
            let is_same = !["mnt", "cgroup"].contains(&kind);
            assert_eq!(run(&link) == container.says(&link), is_same, "{kind}");
        }
        // Its group is the root of what it sees.
        assert!(
            run("cat /proc/self/cgroup")
                .lines()
                .all(|line| line.ends_with(":/"))
        );
        assert_eq!(
            run("head -c 0 /dev/null && ls /dev/pts/ptmx"),
            "/dev/pts/ptmx"
        );
    }
}

fn nobody_of_the_container_sees_the_host_through_it() {
    let world = World::new();
    let container = world.unprivileged();
    let secret = world.directory.path().join("secret");
    std::fs::create_dir(&secret).unwrap();
    let look = format!(
        "touch /tmp/looking; while ! [ -e /tmp/stop ]; do for each in /proc/[0-9]*; do \
         if [ -e $each/root{0} ] || [ -e $each/cwd{0} ]; then touch /tmp/seen; fi; done; done",
        secret.display()
    );
    let spies = [container.background(&look), container.background(&look)];
    container.says("while ! [ -e /tmp/looking ]; do sleep 0.01; done");
    for _ in 0..100 {
        let output = container.run(&rooted(&world, owner(false), "true"));
        assert_eq!(output.status, 0, "{output:?}");
    }
    container.says("touch /tmp/stop");
    for spy in spies {
        assert_eq!(crate::world::wait(spy), 0);
    }
    assert_ne!(container.sh("[ -e /tmp/seen ]").status, 0);
}

fn what_is_refused_leaves_no_group() {
    let world = World::new();
    let container = world.unprivileged();
    for limits in [None, Some(Limits::default())] {
        let mut process = rooted(&world, owner(false), "true");
        process.path = "no-such-program".to_owned();
        if let Some(own) = &mut process.own_root {
            own.limits = limits;
        }
        let refused = container.try_run(&process);
        assert!(
            matches!(refused, Err(SpawnError::NotFound { .. })),
            "{refused:?}"
        );
        let beside = world.place.child("own");
        let inside = container.container.place().child("own");
        for place in [beside, inside] {
            assert!(place.open().is_err());
        }
    }
    let mut process = rooted(&world, owner(false), "true");
    process.user = "nobody-here".to_owned();
    assert!(matches!(
        container.try_run(&process),
        Err(SpawnError::User(_))
    ));
}
