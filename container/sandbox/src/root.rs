//! A root directory of what is to be seen and nothing else.
//!
//! ```text
//! copies of the mounts, attached nowhere, read-only
//!     └─► an empty file system becomes the root ─► the old root goes ─► copies are put in ─► sealed
//! ```

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, FileType, Mode, OFlags, fstat, mkdirat, openat, symlinkat};
use rustix::io::Errno;
use rustix::mount::{
    MountAttrFlags, MountPropagationFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
    mount_change, move_mount, open_tree, unmount,
};
use rustix::process::{chdir, fchdir, pivot_root, umask};
use warren_sys_mount::{Depth, detached, set_attributes};

use crate::inner::Failure;
use crate::view::{Place, View};

/// Makes a root directory of what is to be seen, read-only, and leaves the old one.
pub(crate) fn enter(view: &View) -> Result<(), Failure> {
    // Whoever started us may have said that others see nothing of what is made.
    umask(Mode::from_raw_mode(0o022));
    let slaves = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
    mount_change("/", slaves).map_err(|e| Failure::new("detach from the host", "all mounts", e))?;
    let trees = trees(view)?;
    let options = [("mode", Some("0755")), ("size", Some("1m"))];
    let none = MountAttrFlags::empty();
    let root = detached("tmpfs", &options, none)
        .map_err(|e| Failure::because("make", "a root directory", &e))?;
    attach(&root, Path::new("/")).map_err(|e| Failure::new("mount", "the root directory", e))?;
    fchdir(&root).map_err(|e| Failure::new("enter", "the root directory", e))?;
    pivot_root(".", ".").map_err(|e| Failure::new("change", "the root directory", e))?;
    unmount(".", UnmountFlags::DETACH).map_err(|e| Failure::new("unmount", "the old root", e))?;
    chdir("/").map_err(|e| Failure::new("enter", "the root directory", e))?;
    for (path, place) in view {
        if let Place::Link(target) = place {
            make_parents(path)?;
            symlinkat(target, CWD, path)
                .map_err(|e| Failure::new("link", path.display().to_string(), e))?;
        }
    }
    for (path, tree) in trees {
        mount_point(&path, &tree)?;
        attach(&tree, &path).map_err(|e| Failure::new("bind", path.display().to_string(), e))?;
    }
    let sealed = MountAttrFlags::MOUNT_ATTR_RDONLY
        | MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV;
    let same = MountPropagationFlags::empty();
    set_attributes(root.as_fd(), sealed, same, Depth::One)
        .map_err(|e| Failure::new("seal", "the root directory", e))
}

/// Copies of the mounts of what is to be seen, attached nowhere, read-only.
fn trees(view: &View) -> Result<Vec<(PathBuf, OwnedFd)>, Failure> {
    let mut trees = Vec::new();
    for (path, place) in view {
        let (outside, attributes) = match place {
            Place::Link(_) => continue,
            Place::Device(outside) => (outside, MountAttrFlags::empty()),
            Place::Tree(outside) => (outside, MountAttrFlags::MOUNT_ATTR_NODEV),
        };
        let named = |step: &str| {
            let (step, object) = (step.to_owned(), outside.display().to_string());
            move |e| Failure::new(&step, object, e)
        };
        // With all below it: a user namespace may not see what a mount hides.
        let flags = OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE;
        let tree = open_tree(CWD, outside, flags).map_err(named("copy the mount of"))?;
        let sealed =
            attributes | MountAttrFlags::MOUNT_ATTR_RDONLY | MountAttrFlags::MOUNT_ATTR_NOSUID;
        let private = MountPropagationFlags::PRIVATE;
        set_attributes(tree.as_fd(), sealed, private, Depth::All).map_err(named("seal"))?;
        trees.push((path.clone(), tree));
    }
    Ok(trees)
}

fn attach(tree: &OwnedFd, place: &Path) -> Result<(), Errno> {
    let flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    move_mount(tree.as_fd(), "", CWD, place, flags)
}

fn make_parents(path: &Path) -> Result<(), Failure> {
    let mut parents: Vec<&Path> = path.ancestors().skip(1).collect();
    parents.reverse();
    for parent in parents {
        match mkdirat(CWD, parent, Mode::from_raw_mode(0o755)) {
            // A read-only mount says so of what is there.
            Ok(()) | Err(Errno::EXIST | Errno::ROFS) => {}
            Err(e) => return Err(Failure::new("make", parent.display().to_string(), e)),
        }
    }
    Ok(())
}

/// A directory or an empty file, as what is to be mounted there is.
fn mount_point(path: &Path, tree: &OwnedFd) -> Result<(), Failure> {
    make_parents(path)?;
    let failed = |e| Failure::new("make", path.display().to_string(), e);
    let kind = FileType::from_raw_mode(fstat(tree).map_err(failed)?.st_mode);
    let made = if kind == FileType::Directory {
        mkdirat(CWD, path, Mode::from_raw_mode(0o755))
    } else {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
        openat(CWD, path, flags, Mode::from_raw_mode(0o644)).map(drop)
    };
    match made {
        Ok(()) | Err(Errno::EXIST) => Ok(()),
        Err(e) => Err(failed(e)),
    }
}
