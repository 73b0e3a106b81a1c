//! Mounts attached nowhere.
//!
//! `fsopen` → `fsconfig` → `fsmount` (Linux 5.2) ends in a descriptor for the root of a mount that
//! no mount table shows and that is gone when the last descriptor below it is closed.
//!
//! cgroup v2 needs more care than other file systems. There is one instance for the whole machine,
//! and *mounting it from the initial cgroup namespace replaces its options* (`nsdelegate`,
//! `memory_recursiveprot`, ...) for everybody (`apply_cgroup_root_flags`, kernel/cgroup/cgroup.c).
//! [`detached_cgroup2`] never does that:
//!
//! ```text
//! in a private cgroup namespace ──────────────► fresh mount         (options are not applied)
//! initial one, whole and writable mount seen ─► clone of that mount (no new instance)
//! initial one, none such ─────────────────────► fresh mount from a scratch namespace,
//!                                               then its tree's root by file handle
//! ```

use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, OpenTreeFlags, fsconfig_create, fsconfig_set_flag,
    fsconfig_set_string, fsmount, fsopen, open_tree,
};

use crate::{CGROUP2_SUPER_MAGIC, INITIAL_CGROUP_NAMESPACE_INODE, MountTable, kernfs, scratch};

/// The step of making a detached mount that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Step {
    /// `fsopen`: `ENODEV` = the kernel has no such file system, `ENOSYS` = kernel before 5.2,
    /// `EPERM` = no `CAP_SYS_ADMIN` over the mount namespace.
    #[error("opening a context for")]
    Open,
    /// `fsconfig`: an option was refused.
    #[error("setting an option of")]
    Configure,
    /// `FSCONFIG_CMD_CREATE`: the instance was refused.
    #[error("creating an instance of")]
    Create,
    /// `fsmount`.
    #[error("making a mount of")]
    Mount,
    /// `open_tree` of a visible mount.
    #[error("cloning a mount of")]
    Clone,
    /// A scratch cgroup namespace could not be made.
    #[error("making a scratch cgroup namespace for")]
    Namespace,
    /// The root of the tree could not be opened by its handle.
    #[error("opening by handle the root of")]
    Handle,
    /// The result is not the file system it should be.
    #[error("checking the type of")]
    Verify,
}

/// A detached mount could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step} {fs_type}{}", .kernel_log.as_deref().map(|l| format!(" ({l})")).unwrap_or_default())]
pub struct DetachedError {
    /// What was being done.
    pub step: Step,
    /// The file system type.
    pub fs_type: String,
    /// The kernel's own words, if it left any in the context's log.
    pub kernel_log: Option<String>,
    /// The kernel's answer.
    pub source: Errno,
}

impl DetachedError {
    fn new(step: Step, fs_type: &str, source: Errno) -> Self {
        Self {
            step,
            fs_type: fs_type.to_owned(),
            kernel_log: None,
            source,
        }
    }
}

/// A new instance (or, for single-instance file systems, a new mount) of `fs_type`, attached
/// nowhere. An option without a value is a flag.
///
/// For `cgroup2` use [`detached_cgroup2`]; see the module's head.
///
/// # Errors
/// The failed step and the kernel's answer.
pub fn detached(
    fs_type: &str,
    options: &[(&str, Option<&str>)],
    attributes: MountAttrFlags,
) -> Result<OwnedFd, DetachedError> {
    let error = |step| move |e| DetachedError::new(step, fs_type, e);
    let context = fsopen(fs_type, FsOpenFlags::FSOPEN_CLOEXEC).map_err(error(Step::Open))?;
    let logged = |step| {
        let context = context.as_fd();
        move |e| DetachedError {
            kernel_log: last_message(context),
            ..error(step)(e)
        }
    };
    for (key, value) in options {
        match value {
            Some(value) => fsconfig_set_string(context.as_fd(), *key, *value),
            None => fsconfig_set_flag(context.as_fd(), *key),
        }
        .map_err(logged(Step::Configure))?;
    }
    fsconfig_create(context.as_fd()).map_err(logged(Step::Create))?;
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(logged(Step::Mount))
}

/// Messages wait in the context, one per `read`, newest last; each begins with a class letter.
fn last_message(context: impl AsFd) -> Option<String> {
    let mut last = None;
    let mut buffer = [0_u8; 1024];
    // The kernel keeps at most eight.
    for _ in 0..8 {
        match rustix::io::read(context.as_fd(), &mut buffer) {
            Ok(n) if n > 0 => {
                let text = String::from_utf8_lossy(buffer.get(..n).unwrap_or_default());
                last = Some(
                    text.trim()
                        .trim_start_matches(['e', 'w', 'i'])
                        .trim()
                        .to_owned(),
                );
            }
            _ => break,
        }
    }
    last
}

/// A detached copy of the mount at `path` (that mount alone, nothing mounted below it).
///
/// # Errors
/// `EPERM` without `CAP_SYS_ADMIN`, `EINVAL` for an unbindable mount.
pub fn clone_of(path: &Path) -> Result<OwnedFd, Errno> {
    open_tree(
        CWD,
        path,
        OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC,
    )
}

/// A cgroup v2 mount attached nowhere, rooted at the caller's cgroup namespace root.
#[derive(Debug)]
pub struct DetachedCgroup2 {
    /// The root directory.
    pub root: OwnedFd,
    /// How it was had.
    pub origin: Origin,
}

/// How a [`DetachedCgroup2`] was had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A fresh mount from within a private cgroup namespace.
    Fresh,
    /// A copy of this visible mount.
    CloneOf(PathBuf),
    /// The tree's root, opened by handle through a mount made in a scratch cgroup namespace.
    RootByHandle,
}

/// A cgroup v2 mount that needs no visible cgroup mount, shows in no mount table, and leaves the
/// options of the machine's cgroup v2 tree alone. Its root is the root of the calling thread's
/// cgroup namespace. It is writable even where all visible mounts are read-only, unless only a clone
/// of such a mount could be had.
///
/// # Errors
/// The failed step; commonly `EPERM` at [`Step::Open`] without `CAP_SYS_ADMIN`.
pub fn detached_cgroup2() -> Result<DetachedCgroup2, DetachedError> {
    let made = if in_initial_cgroup_namespace() {
        from_initial_namespace()?
    } else {
        DetachedCgroup2 {
            root: fresh_cgroup2()?,
            origin: Origin::Fresh,
        }
    };
    verified(made.root).map(|root| DetachedCgroup2 {
        root,
        origin: made.origin,
    })
}

/// A detached cgroup v2 mount whose root directory *is the calling process's own cgroup*, whatever
/// paths and mounts say: it is made in a scratch cgroup namespace, which is rooted there.
///
/// # Errors
/// As [`detached_cgroup2`].
pub fn detached_own_cgroup2() -> Result<OwnedFd, DetachedError> {
    scratch::in_own_cgroup_namespace(fresh_cgroup2)
        .map_err(|e| DetachedError::new(Step::Namespace, "cgroup2", e))?
        .and_then(verified)
}

fn fresh_cgroup2() -> Result<OwnedFd, DetachedError> {
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    detached("cgroup2", &[], attributes)
}

/// A namespace whose inode cannot be read counts as the initial one, where more care is needed.
fn in_initial_cgroup_namespace() -> bool {
    rustix::fs::stat("/proc/thread-self/ns/cgroup")
        .or_else(|_| rustix::fs::stat("/proc/self/ns/cgroup"))
        .map_or(true, |stat| stat.st_ino == INITIAL_CGROUP_NAMESPACE_INODE)
}

fn from_initial_namespace() -> Result<DetachedCgroup2, DetachedError> {
    let cloned = |path: PathBuf| {
        let root = clone_of(&path).map_err(|e| DetachedError::new(Step::Clone, "cgroup2", e))?;
        Ok(DetachedCgroup2 {
            root,
            origin: Origin::CloneOf(path),
        })
    };
    let (writable, read_only) = visible_whole_mounts();
    if let Some(path) = writable {
        return cloned(path);
    }
    match (root_by_handle(), read_only) {
        (Ok(root), _) => Ok(DetachedCgroup2 {
            root,
            origin: Origin::RootByHandle,
        }),
        (Err(_), Some(path)) => cloned(path),
        (Err(e), None) => Err(e),
    }
}

/// Reachable cgroup2 mounts that show the whole namespace: a writable and a read-only one.
fn visible_whole_mounts() -> (Option<PathBuf>, Option<PathBuf>) {
    let Ok(table) = MountTable::read(Path::new("/proc"), "thread-self") else {
        return (None, None);
    };
    let find = |read_only: bool| {
        let whole = |m: &&crate::Mount| m.root == Path::new("/") && table.is_reachable(m);
        let mut mounts = table.of_type("cgroup2").filter(whole);
        mounts
            .find(|m| m.is_read_only() == read_only)
            .map(|m| m.mount_point.clone())
    };
    (find(false), find(true))
}

fn root_by_handle() -> Result<OwnedFd, DetachedError> {
    let own = detached_own_cgroup2()?;
    kernfs::open_by_id(&own, kernfs::ROOT_ID)
        .map_err(|e| DetachedError::new(Step::Handle, "cgroup2", e))
}

/// A mount descriptor is `O_PATH`; give back an ordinary directory descriptor, checked by type.
fn verified(root: OwnedFd) -> Result<OwnedFd, DetachedError> {
    let error = |e| DetachedError::new(Step::Verify, "cgroup2", e);
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let directory = rustix::fs::openat(&root, ".", flags, Mode::empty()).map_err(error)?;
    let stat = rustix::fs::fstatfs(&directory).map_err(error)?;
    if u64::try_from(stat.f_type).ok() == Some(CGROUP2_SUPER_MAGIC) {
        Ok(directory)
    } else {
        Err(error(Errno::NODEV))
    }
}
