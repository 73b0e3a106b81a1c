//! A cgroup that is nobody's, for the packets that must not pass.
//!
//! `warren-proof-<pid namespace>-<pid>` below our cgroup namespace's root. Removed with the value; one left by a killed process is removed by the next.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;
use std::time::Duration;

use warren_sys_cgroup::layout::Shows;
use warren_sys_cgroup::{Cgroup, Layout};
use warren_sys_mount::{DetachedError, detached_cgroup2};
use warren_sys_process::namespaces::{self, Kind};

/// The child that was in it has ended; the kernel lets go of it a moment later.
const RELEASE: Duration = Duration::from_millis(500);

/// No such cgroup can be made here.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No mount.
    #[error("no cgroup2 mount can be made")]
    Mount(#[source] DetachedError),
    /// No name for it.
    #[error("the pid namespace is not known")]
    Pid(#[source] namespaces::Error),
    /// No directory.
    #[error("no cgroup can be made")]
    Group(#[source] warren_sys_cgroup::Error),
}

/// The cgroup; it exists for as long as this value lives.
#[derive(Debug)]
pub struct Outsider {
    root: Cgroup,
    name: String,
    group: Cgroup,
}

impl Outsider {
    /// Makes it.
    ///
    /// # Errors
    /// Without `CAP_SYS_ADMIN` or write access to the namespace root's cgroup.
    pub fn create() -> Result<Self, Error> {
        let root = namespace_root()?;
        let prefix = prefix()?;
        sweep(&root, &prefix);
        let name = format!("{prefix}{}", std::process::id());
        let group = root.create_or_open(&name).map_err(Error::Group)?;
        Ok(Outsider { root, name, group })
    }

    /// Its directory.
    pub fn directory(&self) -> BorrowedFd<'_> {
        self.group.as_fd()
    }
}

impl Drop for Outsider {
    fn drop(&mut self) {
        // An empty directory is all that a failure leaves, and the next proof removes it.
        let _ = self.root.remove_child(&self.name, RELEASE);
    }
}

/// `warren-proof-<pid namespace>-`: processes of different containers may share a pid and, without
/// cgroup namespaces, the directory too.
fn prefix() -> Result<String, Error> {
    let namespace = namespaces::id(Path::new("/proc/self"), Kind::Pid).map_err(Error::Pid)?;
    Ok(format!("warren-proof-{namespace}-"))
}

/// The root of our cgroup namespace: through a mount that shows it where there is one, which
/// saves the milliseconds that a mount of our own takes.
fn namespace_root() -> Result<Cgroup, Error> {
    let layout = Layout::discover().ok();
    let mut shown = layout.iter().flat_map(|layout| &layout.v2);
    let visible = shown.find(|mount| mount.shows() == Shows::Namespace && !mount.read_only);
    if let Some(group) = visible.and_then(|mount| Cgroup::open(&mount.mount_point).ok()) {
        return Ok(group);
    }
    let tree = detached_cgroup2().map_err(Error::Mount)?;
    Cgroup::from_fd(tree.root, "(cgroup2)".into()).map_err(Error::Group)
}

/// Removes what killed processes left. One that is in use refuses to go, which is right.
fn sweep(root: &Cgroup, prefix: &str) {
    for name in root.children().unwrap_or_default() {
        let Some(name) = name.to_str() else { continue };
        let owner = name
            .strip_prefix(prefix)
            .and_then(|pid| pid.parse::<u32>().ok());
        if owner.is_some_and(|pid| !Path::new("/proc").join(pid.to_string()).exists()) {
            let _ = root.remove_child(name, Duration::ZERO);
        }
    }
}
