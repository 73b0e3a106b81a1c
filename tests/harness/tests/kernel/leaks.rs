//! A leak check that cannot see a leak would be worse than none.

use std::time::Duration;

use std::os::fd::AsFd;
use std::process::{Command, Stdio};

use warren_sys_devicefilter::{Policy, Program, Style, bpf};
use warren_tests_harness::{ActorBuilder, Leaks, NetNs, Ns, Sandbox, cgroup, veth};

#[test]
fn nothing_is_left_of_all_the_harness_makes() {
    // Built before: the compiler's processes are no leak.
    drop(ActorBuilder::new().spawn());
    let leaks = Leaks::snapshot();
    {
        let sandbox = Sandbox::new("clean");
        let other = NetNs::new();
        veth(
            (sandbox.net(), "a", Some("10.9.0.1/24")),
            (&other, "b", None),
        );
        let actor = sandbox
            .actor_in("x")
            .unshare(&[Ns::Mount, Ns::Pid])
            .fresh_cgroup2()
            .spawn();
        let inner = ActorBuilder::contained().spawn_in(&actor);
        inner.run(&["true"]).success();
    }
    leaks.assert_same();
}

#[test]
fn every_kind_of_leak_is_seen() {
    let net = NetNs::new();
    let leaks = Leaks::snapshot_in(&net);
    assert_eq!(
        leaks.difference(Duration::from_secs(60)),
        Vec::<String>::new()
    );

    let group = cgroup::root().join(format!("warren-test-{}-leak", std::process::id()));
    std::fs::create_dir(&group).unwrap();
    let second = NetNs::new();
    net.ip(&["link", "add", "dummy0", "type", "bridge"]);
    net.run(&["nft", "add table inet leak"]).success();
    // An orphan, as a daemon is; its starter ends when it is what it is to be.
    let orphan = "sleep 1000 & until grep -q sleep /proc/$!/comm; do sleep 0.01; done";
    Command::new("sh")
        .args(["-c", orphan])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .unwrap();
    let folder = tempfile::tempdir().unwrap();
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("tmpfs", folder.path(), "tmpfs", flags, None).unwrap();

    let program = Program::new(&Policy::from_rules(&[]).unwrap(), Style::default());
    let program = bpf::load(&program).unwrap();
    let directory = std::fs::File::open(&group).unwrap();
    bpf::attach(directory.as_fd(), program.as_fd()).unwrap();

    let seen = leaks.difference(Duration::from_secs(1));

    rustix::mount::unmount(folder.path(), rustix::mount::UnmountFlags::empty()).unwrap();
    let orphan = seen.iter().find_map(|line| line.strip_prefix("+ process "));
    let orphan = orphan.and_then(|line| line.split(' ').next()?.parse().ok());
    let orphan = rustix::process::Pid::from_raw(orphan.unwrap()).unwrap();
    rustix::process::kill_process(orphan, rustix::process::Signal::KILL).unwrap();
    std::fs::remove_dir(&group).unwrap();
    let (id, group_name) = (program.info().id, group.file_name().unwrap().display());
    let expected = [
        format!("+ cgroup {group_name}"),
        format!("+ device program {id} on cgroup {group_name}"),
        format!("+ BPF program {id} held by {}", std::process::id()),
        "+ link dummy0".to_owned(),
        format!("+ network namespace net:[{}]", second.inode()),
        "+ nftables table inet leak".to_owned(),
    ];
    for line in &expected {
        assert!(seen.contains(line), "{line} is not in {seen:#?}");
    }
    assert!(
        seen.iter().any(|line| line.starts_with("+ mount ")),
        "{seen:#?}"
    );
    assert!(
        seen.iter().any(|line| line.ends_with(" sleep 1000")),
        "{seen:#?}"
    );
    assert_eq!(seen.len(), expected.len() + 2, "{seen:#?}");

    drop(program);
    drop(second);
    net.ip(&["link", "delete", "dummy0"]);
    net.run(&["nft", "delete table inet leak"]).success();
    leaks.assert_same();
}
