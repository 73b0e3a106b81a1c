//! A store on a disk, what is counted there, and writing until it is refused.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::io::Errno;
use warren_container_rootfs::driver::Rung;
use warren_container_rootfs::image::Request;
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::store::{Lease, Options, Store};
use warren_sys_mount::project_quota::{ProjectQuota, Usage};

use crate::common::disk::Disk;
use crate::common::{Archive, in_private_mounts};

pub const MIB: u64 = 1 << 20;
pub const DEADLINE: Duration = Duration::from_secs(30);
/// Ids that are ours, trials included.
pub const OURS: u32 = 0x4000_0000 - 4096;

/// What the tests ask of a disk.
pub trait Counted {
    fn store(&self) -> PathBuf;
    fn quota(&self) -> ProjectQuota;
    fn projects(&self) -> Vec<(u32, Usage)>;
    fn nothing_is_left(&self);
}

impl Counted for Disk {
    fn store(&self) -> PathBuf {
        self.path().join("store")
    }

    fn quota(&self) -> ProjectQuota {
        ProjectQuota::of(File::open(self.path()).unwrap().as_fd()).unwrap()
    }

    /// All projects that the file system knows of.
    fn projects(&self) -> Vec<(u32, Usage)> {
        let quota = self.quota();
        let mut found = Vec::new();
        let mut at = OURS;
        while let Some((id, usage)) = quota.next(at).unwrap() {
            // ext4 forgets an id a moment after the last it knew of it.
            if !usage.is_none() {
                found.push((id, usage));
            }
            at = id + 1;
        }
        found
    }

    /// Waits until nothing is counted or limited: XFS removes files in the background.
    fn nothing_is_left(&self) {
        let deadline = Instant::now() + DEADLINE;
        while !self.projects().is_empty() {
            assert!(Instant::now() < deadline, "left: {:?}", self.projects());
            std::thread::sleep(Duration::from_millis(20));
        }
        let links = links(&self.store());
        assert!(links.is_empty(), "{links:?}");
    }
}

/// The ids that a store has taken.
pub fn links(store: &Path) -> Vec<String> {
    let names = |path: PathBuf| fs::read_dir(path).into_iter().flatten();
    names(store.join("projects"))
        .flat_map(|start| names(start.unwrap().path()))
        .map(|link| link.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Takes an id for an image that there is not, as somebody who is killed then.
pub fn dangling(store: &Path, project: u32, target: &Path) -> PathBuf {
    let start = fs::read_dir(store.join("projects")).unwrap().next();
    let link = start.unwrap().unwrap().path().join(project.to_string());
    std::os::unix::fs::symlink(target, &link).unwrap();
    link
}

/// On each file system, with project quotas on.
pub fn on_each(test: impl Fn(&str, &Disk) + Sync) {
    for kind in ["ext4", "xfs"] {
        in_private_mounts(|| test(kind, &Disk::new(kind, "prjquota")));
    }
}

pub fn open(root: &Path, rung: Option<Rung>) -> Store {
    let options = Options {
        rung,
        ..Options::default()
    };
    Store::open(root, &options).unwrap()
}

pub fn layer(store: &Store) -> Lease {
    let bytes = Archive::new()
        .dir("tmp")
        .file("big", &[1; 3_000_000])
        .file("motd", b"hello")
        .end();
    let open = || Ok(Cursor::new(bytes.clone()));
    store.layer(Digest::of(&bytes), None, open).unwrap()
}

pub fn request<'a>(id: &'a str, layers: &'a [Lease], quota: Option<u64>) -> Request<'a> {
    Request {
        id,
        layers,
        quota,
        ids: None,
    }
}

/// Writes until it is refused, `most` bytes at most; how many were written, and the refusal.
pub fn fill(path: &Path, most: u64) -> (u64, Option<Errno>) {
    let mut file = File::create(path).unwrap();
    let chunk = vec![7; 1 << 16];
    let mut written = 0;
    while written < most {
        match file.write(&chunk) {
            Ok(count) => written += count as u64,
            Err(error) => return (written, Errno::from_io_error(&error)),
        }
    }
    let synced = file.sync_all();
    (
        written,
        synced.err().and_then(|error| Errno::from_io_error(&error)),
    )
}

pub fn refused(kind: &str) -> Option<Errno> {
    match kind {
        "ext4" => Some(Errno::DQUOT),
        _ => Some(Errno::NOSPC),
    }
}

#[track_caller]
pub fn about(bytes: u64, expected: u64) {
    assert!(
        bytes.abs_diff(expected) <= MIB / 2,
        "{bytes} instead of {expected}"
    );
}
