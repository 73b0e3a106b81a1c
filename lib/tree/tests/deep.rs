//! Trees that are deeper than there are descriptors, or bytes in a path.

#![expect(clippy::unwrap_used, reason = "tests fail by panicking")]

use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat, renameat};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use warren_lib_tree::{remove, remove_all, usage};

const DEPTH: usize = 6_000;
/// No thread has so many; a walk that has one for each level fails.
const DESCRIPTORS: u64 = 256;

fn open(path: &Path) -> OwnedFd {
    openat(CWD, path, OFlags::DIRECTORY, Mode::empty()).unwrap()
}

/// A chain of directories with a file of 4 KiB in the last.
fn chain(top: &Path, depth: usize) {
    let mut at = open(top);
    for _ in 0..depth {
        mkdirat(&at, "d", Mode::RWXU).unwrap();
        at = openat(&at, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
    let file = openat(&at, "file", OFlags::CREATE | OFlags::WRONLY, Mode::RUSR).unwrap();
    assert_eq!(rustix::io::write(&file, &[1; 4096]).unwrap(), 4096);
    rustix::fs::fsync(&file).unwrap();
}

fn few_descriptors() {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(DESCRIPTORS);
    setrlimit(Resource::Nofile, Rlimit { current, maximum }).unwrap();
}

#[test]
fn a_chain_is_measured_and_removed() {
    few_descriptors();
    let top = tempfile::tempdir().unwrap();
    chain(top.path(), DEPTH);
    let bytes = |path: &Path| usage(open(path).as_fd()).unwrap();
    let whole = bytes(top.path());
    // What is counted below is what is at the bottom.
    let file = openat(CWD, top.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
    let own = rustix::fs::fstat(&file).unwrap().st_blocks * 512;
    let own = u64::try_from(own).unwrap();
    assert_eq!(whole, own * (DEPTH as u64 + 1) + 4096);
    remove_all(&top.path().join("d")).unwrap();
    assert_eq!(bytes(top.path()), own);
    // Nothing there is no failure.
    remove_all(&top.path().join("d")).unwrap();
    remove_all(&top.path().join("none/d")).unwrap();
    assert!(remove_all(Path::new("/")).is_err());
}

#[test]
fn every_branch_is_counted_once_however_deep_the_others_are() {
    few_descriptors();
    let top = tempfile::tempdir().unwrap();
    for branch in ["a", "b", "c"] {
        let branch = top.path().join(branch);
        std::fs::create_dir_all(branch.join("d/d/side")).unwrap();
        std::fs::write(branch.join("d/d/side/file"), [1; 8192]).unwrap();
        chain_beside(&branch, 200);
    }
    let output = std::process::Command::new("du")
        .args(["-s", "--block-size=1"])
        .arg(top.path())
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let expected: u64 = text.split('\t').next().unwrap().parse().unwrap();
    assert_eq!(usage(open(top.path()).as_fd()).unwrap(), expected);
}

/// As [`chain`], in directories that are there in part.
fn chain_beside(top: &Path, depth: usize) {
    let mut at = open(top);
    for _ in 0..depth {
        match mkdirat(&at, "d", Mode::RWXU) {
            Ok(()) | Err(rustix::io::Errno::EXIST) => {}
            Err(errno) => panic!("{errno}"),
        }
        at = openat(&at, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
    }
}

#[test]
fn whoever_moves_it_about_meanwhile_leads_nobody_out_of_it() {
    few_descriptors();
    let top = tempfile::tempdir().unwrap();
    let tree = top.path().join("tree");
    let outside = top.path().join("outside");
    for directory in [&tree, &outside] {
        std::fs::create_dir(directory).unwrap();
    }
    chain(&tree, 300);
    // Much more than all in the tree.
    std::fs::write(outside.join("large"), vec![1; 16 << 20]).unwrap();
    let most = usage(open(&tree).as_fd()).unwrap();
    let is_done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut middle = open(&tree);
            for _ in 0..150 {
                middle = openat(&middle, "d", OFlags::DIRECTORY, Mode::empty()).unwrap();
            }
            let outside = open(&outside);
            while !is_done.load(Ordering::Relaxed) {
                renameat(&middle, "d", &outside, "d").unwrap();
                renameat(&outside, "d", &middle, "d").unwrap();
            }
        });
        for _ in 0..300 {
            let counted = usage(open(&tree).as_fd()).unwrap();
            assert!(counted <= most, "{counted} of {most}");
        }
        is_done.store(true, Ordering::Relaxed);
    });
    remove(open(top.path()).as_fd(), b"tree").unwrap();
    assert!(!tree.exists());
    assert!(outside.join("large").exists());
}
