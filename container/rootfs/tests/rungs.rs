//! The rungs that most machines lack something for: fuse-overlayfs and reflinks.
//!
//! These need the program `fuse-overlayfs` and `/dev/fuse`, XFS and loop devices, so they are ignored
//! by default and run in the virtual machine: `rungs --ignored`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod common;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use common::disk::Disk;
use common::life::{layer, life, open, request};
use common::{Archive, in_private_mounts};
use warren_container_rootfs::driver::{Rung, probe};

const MIB: u64 = 1 << 20;

/// Processes of that name.
fn processes(name: &str) -> usize {
    let is_it = |path: &Path| {
        fs::read_to_string(path.join("comm")).is_ok_and(|comm| comm.trim_end() == name)
    };
    let entries = fs::read_dir("/proc").unwrap();
    entries
        .filter(|entry| is_it(&entry.as_ref().unwrap().path()))
        .count()
}

#[test]
#[ignore = "needs fuse-overlayfs: run in the virtual machine"]
fn fuse_overlayfs_gives_the_same_and_ends_with_the_image() {
    // The kernel cuts names of processes to 15 bytes.
    const NAME: &str = "fuse-overlayfs";
    let before = processes(NAME);
    let folder = tempfile::tempdir_in("/var/tmp").unwrap();
    in_private_mounts(|| {
        let root = folder.path().join("store");
        let deadline = Instant::now() + Duration::from_secs(60);
        let wait_for = |count: usize| {
            while processes(NAME) != count {
                assert!(Instant::now() < deadline, "there are not {count}");
                std::thread::sleep(Duration::from_millis(20));
            }
        };
        assert_eq!(life(&root, Some(Rung::FuseOverlay)), Rung::FuseOverlay);
        // That one's ends in its own time.
        wait_for(before);
        let store = open(&root, Some(Rung::FuseOverlay));
        let bytes = Archive::new().file("big", &[1; 1000]).end();
        let layers = [layer(&store, &bytes)];
        store.create(request("one", &layers)).unwrap();
        wait_for(before + 1);
        store.destroy("one").unwrap();
        wait_for(before);
    });
}

#[test]
#[ignore = "needs XFS: run in the virtual machine"]
fn reflinks_give_the_same_and_take_no_room() {
    in_private_mounts(|| {
        let disk = Disk::new("xfs", "");
        let root = disk.path().join("store");
        assert_eq!(life(&root, Some(Rung::Reflink)), Rung::Reflink);
        let store = open(&root, Some(Rung::Reflink));
        let free = || {
            rustix::fs::syncfs(fs::File::open(&root).unwrap()).unwrap();
            let stat = rustix::fs::statvfs(&root).unwrap();
            stat.f_bfree * stat.f_frsize
        };
        let bytes = Archive::new().file("big", &vec![1; 40 << 20]).end();
        let empty = free();
        let layers = [layer(&store, &bytes)];
        let unpacked = free();
        assert!(empty - unpacked >= 39 * MIB, "{empty} {unpacked}");
        let image = store.create(request("one", &layers)).unwrap();
        let big = image.rootfs.join("big");
        assert_eq!(fs::metadata(&big).unwrap().len(), 40 * MIB);
        let made = free();
        assert!(unpacked.saturating_sub(made) < 4 * MIB, "{unpacked} {made}");
        // What is written is the image's own, and the layer stays as it was.
        fs::write(&big, vec![2; 20 << 20]).unwrap();
        let written = free();
        assert!(made.saturating_sub(written) >= 19 * MIB, "{made} {written}");
        assert_eq!(fs::read(layers[0].diff().join("big")).unwrap()[0], 1);
        store.destroy("one").unwrap();
    });
}

#[test]
#[ignore = "needs XFS and fuse-overlayfs: run in the virtual machine"]
fn the_probe_finds_every_rung() {
    in_private_mounts(|| {
        let disk = Disk::new("xfs", "");
        let report = probe(&disk.path(), &[], true).unwrap();
        for tried in &report.rungs {
            assert!(tried.outcome.works(), "{tried:?}");
        }
        assert_eq!(report.rungs.len(), 5);
        let left = fs::read_dir(disk.path()).unwrap().count();
        assert_eq!(left, 0);
    });
}
