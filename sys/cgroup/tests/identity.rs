//! Who am I, in every kind of place. Needs root and a visible cgroup2 mount to make groups in.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports failure by panicking"
)]

mod common;

use std::path::Path;

use common::{SOON, TestGroup, Waiter, rerun_in, rerun_under};
use rustix::mount::{MountPropagationFlags, UnmountFlags};
use rustix::thread::UnshareFlags;
use warren_sys_cgroup::identity::{self, Agreement, Way};
use warren_sys_cgroup::locate::{
    Proof, Through, locate, locate_detached, locate_visible, locate_writable,
};
use warren_sys_cgroup::namespace::NamespaceRoot;
use warren_sys_cgroup::{Cgroup, CgroupId, Identity, Layout, Namespace, Process};
use warren_sys_mount::MountTable;

const EXPECTED: &str = "WARREN_TEST_EXPECTED_ID";

fn expected() -> CgroupId {
    CgroupId(
        std::env::var(EXPECTED)
            .expect("run by its parent test")
            .parse()
            .unwrap(),
    )
}

fn rerun(name: &str) {
    let test = TestGroup::new();
    rerun_in(
        &test.group,
        name,
        &[(EXPECTED, test.group.id().to_string())],
    );
}

fn unshare(flags: UnshareFlags) {
    #[expect(unsafe_code, reason = "namespaces of this test thread")]
    // SAFETY: descriptors are not unshared.
    unsafe { rustix::thread::unshare_unsafe(flags) }.unwrap();
}

/// A mount namespace of our own without any cgroup mount.
fn without_cgroup_mounts() {
    unshare(UnshareFlags::NEWNS);
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).unwrap();
    loop {
        let table = MountTable::read(Path::new("/proc"), "thread-self").unwrap();
        let found = table
            .iter()
            .rev()
            .find(|m| m.is_type("cgroup") || m.is_type("cgroup2"));
        let Some(mount) = found else { break };
        rustix::mount::unmount(&mount.mount_point, UnmountFlags::DETACH).unwrap();
    }
}

#[test]
fn plain() {
    let identity = Identity::own_by_every_way().unwrap();
    assert_eq!(identity.agreement, Agreement::Agreed, "{identity:?}");
    for way in [Way::SocketDiagnostics, Way::VisibleMount, Way::OwnMount] {
        match identity.by(way).unwrap() {
            Ok(id) => assert_eq!(*id, identity.id, "{way}"),
            Err(e) => panic!("{way}: {e:?} (a modular kernel needs udp_diag loaded)"),
        }
    }
    let located = identity.open().unwrap();
    assert_eq!(located.group.id(), identity.id);
    assert_eq!(located.proof, Proof::IdMatches);
}

#[test]
fn in_a_child_group() {
    rerun("child_in_a_group");
}

#[test]
#[ignore = "run in its group by in_a_child_group"]
fn child_in_a_group() {
    let identity = Identity::own_by_every_way().unwrap();
    assert_eq!(
        (identity.id, &identity.agreement),
        (expected(), &Agreement::Agreed),
        "{identity:?}"
    );
    let visible = locate_visible(Process::Myself, None).unwrap();
    assert!(matches!(visible.through, Through::Mount(_)));
    assert_eq!(visible.proof, Proof::ListsProcess);
    let detached = locate_detached(Process::Myself, None).unwrap();
    assert_eq!(
        (detached.group.id(), detached.path),
        (expected(), visible.path)
    );
    let namespace = Namespace::own().unwrap();
    assert_eq!(namespace.at_root, Some(false));
}

#[test]
fn in_a_private_namespace() {
    rerun("child_in_a_private_namespace");
}

#[test]
#[ignore = "run in its group by in_a_private_namespace"]
fn child_in_a_private_namespace() {
    let outside = Namespace::own().unwrap();
    unshare(UnshareFlags::NEWCGROUP);
    // The machine's mount now shows groups above our root.
    let layout = Layout::discover().unwrap();
    assert!(layout.v2.iter().all(|m| m.root.is_outside()), "{layout:?}");
    let identity = Identity::own_by_every_way().unwrap();
    assert_eq!(identity.id, expected());
    assert_eq!(identity.agreement, Agreement::Agreed, "{identity:?}");
    assert_eq!(
        *identity.by(Way::OwnMount).unwrap().as_ref().unwrap(),
        expected()
    );
    let inside = Namespace::of(Path::new("/proc"), "thread-self").unwrap();
    assert_ne!(inside.inode, outside.inode);
    assert_eq!((inside.initial, inside.at_root), (false, Some(true)));
    let root = NamespaceRoot::own().unwrap();
    assert_eq!((root.id, root.is_real_root), (expected(), false));
}

#[test]
fn with_every_cgroup_mount_removed() {
    rerun("child_without_mounts");
}

#[test]
#[ignore = "run in its group by with_every_cgroup_mount_removed"]
fn child_without_mounts() {
    without_cgroup_mounts();
    let before = std::fs::read("/proc/thread-self/mountinfo").unwrap();
    let layout = Layout::discover().unwrap();
    assert_eq!(layout.mode, warren_sys_cgroup::layout::Mode::Unmounted);
    assert_eq!(layout.kernel_v2, Some(true));
    check_without_mounts();
    assert!(NamespaceRoot::own().is_ok());
    // The same once more from a private cgroup namespace, where the path is just "/".
    unshare(UnshareFlags::NEWCGROUP);
    check_without_mounts();
    assert_eq!(NamespaceRoot::own().unwrap().id, expected());
    assert_eq!(
        std::fs::read("/proc/thread-self/mountinfo").unwrap(),
        before,
        "nothing attached"
    );
}

fn check_without_mounts() {
    let identity = Identity::own_by_every_way().unwrap();
    assert_eq!(identity.id, expected());
    assert_eq!(identity.agreement, Agreement::Agreed, "{identity:?}");
    assert!(identity.by(Way::VisibleMount).unwrap().is_err());
    let located = locate(Process::Myself, Some(identity.id)).unwrap();
    assert!(
        matches!(located.through, Through::Detached(_)),
        "{located:?}"
    );
    assert_eq!(located.group.id(), expected());
    assert_eq!(
        located.group.procs().unwrap(),
        [i32::try_from(std::process::id()).unwrap()]
    );
}

#[test]
fn with_a_foreign_tmpfs_over_the_mount() {
    rerun("child_below_a_tmpfs");
}

#[test]
#[ignore = "run in its group by with_a_foreign_tmpfs_over_the_mount"]
fn child_below_a_tmpfs() {
    unshare(UnshareFlags::NEWNS);
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).unwrap();
    let flags = rustix::mount::MountFlags::empty();
    rustix::mount::mount("tmpfs", "/sys/fs/cgroup", "tmpfs", flags, None).unwrap();
    let layout = Layout::discover().unwrap();
    assert_eq!(layout.mode, warren_sys_cgroup::layout::Mode::Unmounted);
    assert!(!layout.buried.is_empty());
    check_without_mounts();
}

#[test]
fn in_user_namespaces() {
    for flags in [
        "--map-root-user --mount --cgroup",
        "--map-root-user --mount",
    ] {
        let test = TestGroup::new();
        let id = test.group.id().to_string();
        let command = format!("unshare {flags}");
        rerun_under(
            &test.group,
            &command,
            "child_in_a_user_namespace",
            &[(EXPECTED, id)],
        );
    }
}

#[test]
#[ignore = "run in its group by in_user_namespaces"]
fn child_in_a_user_namespace() {
    let identity = Identity::own_by_every_way().unwrap();
    assert_eq!(
        (identity.id, &identity.agreement),
        (expected(), &Agreement::Agreed),
        "{identity:?}"
    );
    assert_eq!(
        *identity.by(Way::OwnMount).unwrap().as_ref().unwrap(),
        expected()
    );
    let detached = locate_detached(Process::Myself, None).unwrap();
    assert_eq!(detached.group.id(), expected());
}

#[test]
fn without_privilege() {
    rerun("child_without_privilege");
}

#[test]
#[ignore = "run in its group by without_privilege"]
fn child_without_privilege() {
    let nobody = rustix::process::Uid::from_raw(65534);
    rustix::thread::set_thread_res_uid(nobody, nobody, nobody).unwrap();
    let identity = Identity::own_by_every_way().unwrap();
    assert_eq!(
        (identity.id, &identity.agreement),
        (expected(), &Agreement::Agreed),
        "{identity:?}"
    );
    let own = identity.by(Way::OwnMount).unwrap().as_ref().unwrap_err();
    let identity::EvidenceError::OwnMount(error) = own else {
        panic!("{own:?}")
    };
    assert_eq!(error.step, warren_sys_mount::Step::Namespace);
    assert_eq!(error.source, rustix::io::Errno::PERM);
}

#[test]
fn where_the_visible_mount_is_read_only() {
    rerun("child_with_a_read_only_mount");
}

#[test]
#[ignore = "run in its group by where_the_visible_mount_is_read_only"]
fn child_with_a_read_only_mount() {
    unshare(UnshareFlags::NEWNS);
    let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
    rustix::mount::mount_change("/", private).unwrap();
    for mount in &Layout::discover().unwrap().v2 {
        use rustix::mount::MountFlags;
        let flags = MountFlags::BIND | MountFlags::RDONLY;
        rustix::mount::mount_remount(&mount.mount_point, flags, "").unwrap();
    }
    let visible = locate(Process::Myself, None).unwrap();
    let refused = visible.group.create("a").unwrap_err();
    assert_eq!(
        refused.meaning(),
        Some(warren_sys_cgroup::Meaning::ReadOnly),
        "{refused}"
    );
    let writable = locate_writable(Process::Myself, None).unwrap();
    assert_eq!(writable.group.id(), expected());
    writable.group.create("a").unwrap().remove(SOON).unwrap();
}

#[test]
fn another_process_and_a_path() {
    let test = TestGroup::new();
    let waiter = Waiter::new();
    test.group.add(waiter.pid()).unwrap();
    assert_eq!(identity::of_pid(waiter.pid()).unwrap(), test.group.id());
    assert_eq!(
        identity::of_path(test.group.path()).unwrap(),
        test.group.id()
    );
    let found = Cgroup::open_by_id(common::v2_root(), test.group.id()).unwrap();
    assert_eq!(found.id(), test.group.id());
}

#[test]
fn a_group_made_again_is_another() {
    let test = TestGroup::new();
    let first = test.group.id();
    let root = common::v2_root();
    root.child(&test.name).unwrap().remove(SOON).unwrap();
    assert!(!test.group.is_alive());
    let again = root.create(&test.name).unwrap();
    assert_ne!(again.id(), first);
    assert!(again.is_alive() && !test.group.is_alive());
    let gone = test.group.procs().unwrap_err();
    assert_eq!(gone.meaning(), Some(warren_sys_cgroup::Meaning::Deleted));
    assert!(Cgroup::open_by_id(&root, first).unwrap_err().is_gone());
}
