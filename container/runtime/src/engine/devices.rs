//! The nodes of a container's `/dev`.
//!
//! They are made; where that is not allowed (in a user namespace, under a filter without `m`), the
//! host's own are bound instead.

use std::os::fd::{BorrowedFd, OwnedFd};
use std::path::Path;

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, Uid, makedev, mkdirat, mknodat, statat};
use rustix::io::Errno;
use rustix::mount::{OpenTreeFlags, open_tree};

use super::error::Failure;
use super::mounts::Prepared;
use crate::oci::DeviceNode;

/// Links that every container has.
const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// Fills the new `/dev`. What could not be made is in the answer, to be attached.
pub(super) fn populate(
    dev: BorrowedFd<'_>,
    nodes: &[DeviceNode],
) -> Result<Vec<Prepared>, Failure> {
    let mut binds = Vec::new();
    for node in nodes {
        match make(dev, node) {
            Ok(()) => {}
            Err(Errno::PERM) => binds.push(Prepared {
                destination: node.path.clone(),
                tree: bind(node)?,
            }),
            Err(errno) => return Err(Failure::new("make", node.path.display(), errno)),
        }
    }
    for (name, to) in LINKS {
        rustix::fs::symlinkat(to, dev, name)
            .map_err(|errno| Failure::new("link", format!("/dev/{name}"), errno))?;
    }
    Ok(binds)
}

fn make(dev: BorrowedFd<'_>, node: &DeviceNode) -> Result<(), Errno> {
    // A node elsewhere is not ours to make before the root is there.
    let name = node.path.strip_prefix("/dev").map_err(|_| Errno::INVAL)?;
    let above = name.parent().filter(|above| !above.as_os_str().is_empty());
    if let Some(above) = above {
        match mkdirat(dev, above, Mode::from_raw_mode(0o755)) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(errno) => return Err(errno),
        }
    }
    let number = makedev(node.major, node.minor);
    let mode = Mode::from_raw_mode(node.file_mode);
    mknodat(dev, name, file_type(node), mode, number)?;
    if (node.uid, node.gid) == (0, 0) {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(node.uid), Gid::from_raw(node.gid));
    rustix::fs::chownat(dev, name, Some(uid), Some(gid), AtFlags::SYMLINK_NOFOLLOW)
}

/// The host's node of the same name, if it is the same device.
fn bind(node: &DeviceNode) -> Result<OwnedFd, Failure> {
    let path: &Path = &node.path;
    let failed = |errno| Failure::new("bind the host's", path.display(), errno);
    let stat = statat(CWD, path, AtFlags::empty()).map_err(failed)?;
    let same = stat.st_rdev == makedev(node.major, node.minor)
        && FileType::from_raw_mode(stat.st_mode) == file_type(node);
    if !same {
        let hint = format!(
            "it is not device {} {}:{}",
            node.kind, node.major, node.minor
        );
        return Err(failed(Errno::NODEV).hint(&hint));
    }
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    open_tree(CWD, path, flags).map_err(failed)
}

fn file_type(node: &DeviceNode) -> FileType {
    match node.kind.as_str() {
        "b" => FileType::BlockDevice,
        _ => FileType::CharacterDevice,
    }
}
