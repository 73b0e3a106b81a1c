//! Making archives, and telling all there is to tell of a directory.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::Command;

use warren_container_stream::{Error, extract};
use warren_lib_tar::{Entry, Kind, Time, Writer};

/// `VFS_CAP_REVISION_2`, effective, `CAP_NET_BIND_SERVICE`.
pub const CAPABILITY: [u8; 20] = [1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

pub fn entry(path: &str, kind: Kind) -> Entry {
    Entry {
        path: path.as_bytes().to_vec(),
        mode: if kind == Kind::Directory {
            0o755
        } else {
            0o644
        },
        kind,
        uid: 4711,
        gid: 4712,
        mtime: Time {
            seconds: 1_500_000_000,
            nanoseconds: 250_000_000,
        },
        stored: 0,
        xattrs: Vec::new(),
        sparse: None,
    }
}

pub fn file(path: &str, data: &str) -> (Entry, String) {
    let mut entry = entry(path, Kind::File);
    entry.stored = data.len() as u64;
    (entry, data.to_owned())
}

pub fn directory(path: &str) -> (Entry, String) {
    (entry(path, Kind::Directory), String::new())
}

pub fn symlink(path: &str, target: &str) -> (Entry, String) {
    let target = target.as_bytes().to_vec();
    (entry(path, Kind::Symlink { target }), String::new())
}

pub fn hard_link(path: &str, target: &str) -> (Entry, String) {
    let target = target.as_bytes().to_vec();
    (entry(path, Kind::HardLink { target }), String::new())
}

pub fn archive_of(entries: &[(Entry, String)]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new());
    for (entry, data) in entries {
        writer.start(entry).unwrap();
        writer.data(data.as_bytes()).unwrap();
    }
    writer.finish().unwrap()
}

/// Unpacks with the usual umask.
pub fn unpack(archive: &[u8], to: &Path) -> Result<(), Error> {
    extract(archive, File::open(to).unwrap().as_fd(), 0o022)
}

/// Runs GNU tar.
pub fn tar(words: &[&str], directory: &Path) {
    let status = Command::new("tar")
        .args(words)
        .current_dir(directory)
        .status();
    assert!(
        status.as_ref().is_ok_and(std::process::ExitStatus::success),
        "GNU tar (Debian package tar) {words:?}: {status:?}"
    );
}

/// Everything below a directory: path to one line about it. Numbers of inodes are replaced by the
/// first path that has them.
pub fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut inodes = BTreeMap::new();
    look(root, root, &mut found, &mut inodes);
    found
}

fn look(
    root: &Path,
    path: &Path,
    found: &mut BTreeMap<String, String>,
    inodes: &mut BTreeMap<u64, String>,
) {
    let stat = fs::symlink_metadata(path).unwrap();
    let name = path.strip_prefix(root).unwrap().as_os_str();
    let name = String::from_utf8_lossy(name.as_bytes()).into_owned();
    let kind = stat.file_type();
    let what = if kind.is_symlink() {
        format!("-> {:?}", fs::read_link(path).unwrap())
    } else if kind.is_file() {
        let holes = stat.blocks() * 512 < stat.size();
        let data = fs::read(path).unwrap();
        let sum = data
            .iter()
            .fold(0u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte));
        format!("file {} {sum} holes={holes}", data.len())
    } else if kind.is_dir() {
        "directory".to_owned()
    } else {
        format!("special {} {:#x}", kind.is_fifo(), stat.rdev())
    };
    let same = inodes
        .entry(stat.ino())
        .or_insert_with(|| name.clone())
        .clone();
    let line = format!(
        "{what} mode={:o} owner={}:{} time={}.{:09} as={same} xattrs={:?}",
        stat.mode(),
        stat.uid(),
        stat.gid(),
        stat.mtime(),
        stat.mtime_nsec(),
        xattrs(path)
    );
    found.insert(name, line);
    if kind.is_dir() {
        for each in fs::read_dir(path).unwrap() {
            look(root, &each.unwrap().path(), found, inodes);
        }
    }
}

fn xattrs(path: &Path) -> Vec<(String, Vec<u8>)> {
    let mut list = vec![0u8; 4096];
    let Ok(length) = rustix::fs::llistxattr(path, &mut list) else {
        return Vec::new();
    };
    let names = list[..length].split(|byte| *byte == 0);
    let names = names.filter(|name| !name.is_empty());
    let value = |name: &[u8]| {
        let mut value = vec![0u8; 4096];
        let length = rustix::fs::lgetxattr(path, name, &mut value).unwrap();
        value.truncate(length);
        (String::from_utf8_lossy(name).into_owned(), value)
    };
    let mut found: Vec<_> = names.map(value).collect();
    found.sort();
    found
}
