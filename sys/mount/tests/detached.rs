//! Detached mounts against the running kernel. Needs root.

#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

use std::path::Path;

use rustix::fs::{Mode, OFlags, openat};
use rustix::mount::MountAttrFlags;
use warren_sys_mount::{
    DetachedError, MountTable, Step, detached, detached_cgroup2, detached_own_cgroup2, kernfs,
};

fn mountinfo() -> Vec<u8> {
    std::fs::read("/proc/self/mountinfo").unwrap()
}

#[test]
fn a_detached_tmpfs_works_and_is_in_no_table() {
    let before = mountinfo();
    let root = detached("tmpfs", &[("size", Some("64k"))], MountAttrFlags::empty()).unwrap();
    let flags = OFlags::CREATE | OFlags::RDWR | OFlags::CLOEXEC;
    openat(&root, "file", flags, Mode::from_raw_mode(0o600)).unwrap();
    assert_eq!(mountinfo(), before);
}

#[test]
fn failures_name_the_step() {
    let error = detached("no-such-file-system", &[], MountAttrFlags::empty()).unwrap_err();
    assert_eq!(
        (error.step, error.source),
        (Step::Open, rustix::io::Errno::NODEV)
    );
    let error: DetachedError =
        detached("tmpfs", &[("nonsense", None)], MountAttrFlags::empty()).unwrap_err();
    assert_eq!(error.step, Step::Configure);
    assert!(
        error.to_string().contains("nonsense"),
        "the kernel's words are kept: {error}"
    );
}

#[test]
fn cgroup2_without_a_mount_table_entry() {
    let before = mountinfo();
    let detached = detached_cgroup2().unwrap();
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    openat(&detached.root, "cgroup.procs", flags, Mode::empty()).unwrap();
    assert_eq!(mountinfo(), before);
}

#[test]
fn the_root_of_an_own_mount_is_our_cgroup() {
    let own = detached_own_cgroup2().unwrap();
    let text = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let path = text
        .lines()
        .find_map(|l| l.strip_prefix("0::/"))
        .unwrap()
        .to_owned();
    let all = detached_cgroup2().unwrap();
    let path = if path.is_empty() {
        ".".to_owned()
    } else {
        path
    };
    let by_path = rustix::fs::statat(&all.root, &path, rustix::fs::AtFlags::empty()).unwrap();
    assert_eq!(rustix::fs::fstat(&own).unwrap().st_ino, by_path.st_ino);
}

#[test]
fn a_directory_opens_by_its_id() {
    let all = detached_cgroup2().unwrap();
    let id = rustix::fs::fstat(&all.root).unwrap().st_ino;
    let again = kernfs::open_by_id(&all.root, id).unwrap();
    assert_eq!(rustix::fs::fstat(&again).unwrap().st_ino, id);
    assert_eq!(
        kernfs::open_by_id(&all.root, u64::MAX - 7).unwrap_err(),
        rustix::io::Errno::STALE
    );
}

#[test]
fn our_own_table_is_understood() {
    let table = MountTable::read(Path::new("/proc"), "self").unwrap();
    assert_eq!(
        table.len(),
        mountinfo()
            .split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .count()
    );
    let proc = table.covering(Path::new("/proc/self")).unwrap();
    assert!(proc.is_type("proc"));
}
