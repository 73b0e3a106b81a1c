//! What really opens: makes a node and tries, in our own cgroup or in another.
//!
//! Nodes are made on a detached tmpfs (`fsmount`, never attached to any tree, gone with its
//! descriptor), so nothing shows up anywhere and `nodev` of existing mounts does not interfere.
//!
//! Two ways to ask for read and write:
//! - [`Ask::Check`]: `faccessat`. The kernel asks the device filter (`inode_permission` →
//!   `devcgroup_inode_permission`) and nothing else happens: no driver is called.
//! - [`Ask::Open`]: really opens (non-blocking, no controlling terminal). Some drivers act on
//!   open (a watchdog starts, a tape rewinds), so only for devices known to be harmless. ENXIO or
//!   ENODEV from here mean that the filter let it pass and no driver answers.

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Access as FsAccess, AtFlags, FileType, Mode, OFlags, accessat, makedev, mknodat};
use rustix::fs::{openat, unlinkat};
use rustix::io::Errno;

use crate::device::{Access, Device, DeviceKind, Request};

mod child;
mod scratch;

pub use scratch::Scratch;
pub(crate) use scratch::scratch_name;

/// How to ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ask {
    /// Ask for permission only; no side effect.
    Check,
    /// Really open.
    Open,
}

/// What came of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Opened, or would be let to the driver (with [`Ask::Check`]), or the node was made.
    Passes,
    /// The filter let it pass; the driver, or the lack of one, answered this.
    Driver(Errno),
    /// The filter said no (EPERM).
    Denied,
    /// Could not be found out.
    Unknown(Errno),
}

impl Outcome {
    /// Whether the filter let it pass; `None` if not known.
    #[must_use]
    pub const fn passes_filter(self) -> Option<bool> {
        match self {
            Self::Passes | Self::Driver(_) => Some(true),
            Self::Denied => Some(false),
            Self::Unknown(_) => None,
        }
    }
}

/// A failure to prepare or to run a probe.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step}{}", path.as_ref().map(|path| format!(" {}", path.display())).unwrap_or_default())]
pub struct ProbeError {
    /// What was being done.
    pub step: &'static str,
    /// To what.
    pub path: Option<PathBuf>,
    /// The kernel's answer.
    #[source]
    pub errno: Errno,
}

fn failed(step: &'static str, path: Option<&Path>) -> impl Fn(Errno) -> ProbeError {
    move |errno| ProbeError {
        step,
        path: path.map(Path::to_owned),
        errno,
    }
}

/// A place to make device nodes.
#[derive(Debug)]
pub struct Nodes {
    dir: OwnedFd,
    existing: Option<Existing>,
}

/// Where to look for a node that somebody made.
#[derive(Debug)]
struct Existing {
    sysfs: PathBuf,
    dev: PathBuf,
}

impl Nodes {
    /// On a detached tmpfs. Needs CAP_SYS_ADMIN; in a user namespace the kernel makes it `nodev`,
    /// and every outcome will be [`Outcome::Unknown`] with EACCES.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub fn detached() -> Result<Self, ProbeError> {
        use rustix::mount::{
            FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen,
        };
        let fail = failed("mount a detached tmpfs", None);
        let context = fsopen("tmpfs", FsOpenFlags::FSOPEN_CLOEXEC).map_err(&fail)?;
        fsconfig_create(context.as_fd()).map_err(&fail)?;
        let attributes = MountAttrFlags::MOUNT_ATTR_NOEXEC | MountAttrFlags::MOUNT_ATTR_NOSUID;
        let dir =
            fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(&fail)?;
        Ok(Self {
            dir,
            existing: None,
        })
    }

    /// In an existing directory on a file system that takes device nodes. Nodes are removed.
    ///
    /// # Errors
    /// [`ProbeError`].
    pub fn in_dir(path: &Path) -> Result<Self, ProbeError> {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let dir = rustix::fs::open(path, flags, Mode::empty())
            .map_err(failed("open directory", Some(path)))?;
        Ok(Self {
            dir,
            existing: None,
        })
    }

    /// Where no node can be made (our own filter lacks `m`, or we are in a user namespace), uses
    /// the node under `dev` (`/dev`) that `sysfs` (`/sys`) names for the device, if there is one.
    #[must_use]
    pub fn or_existing(mut self, sysfs: &Path, dev: &Path) -> Self {
        self.existing = Some(Existing {
            sysfs: sysfs.to_owned(),
            dev: dev.to_owned(),
        });
        self
    }

    /// Tries in our own cgroup.
    #[must_use]
    pub fn try_here(&self, request: Request, ask: Ask) -> Outcome {
        let Ok(mut names) = Names::new(request.device) else {
            return Outcome::Unknown(Errno::INVAL);
        };
        let made = self.make(request, &mut names);
        let tried = self.job(request, ask, &names);
        self.clean(&names);
        judge(made, tried)
    }

    /// Tries as a child process in the cgroup whose `cgroup.procs` is open for writing in
    /// `procs`. The node is made outside, so that a filter without `m` does not hide the answer
    /// for read and write.
    ///
    /// # Errors
    /// [`ProbeError`] if the child cannot be had or cannot enter the cgroup.
    pub fn try_in(
        &self,
        procs: BorrowedFd<'_>,
        request: Request,
        ask: Ask,
    ) -> Result<Outcome, ProbeError> {
        let mut names = Names::new(request.device).map_err(failed("name a device node", None))?;
        let made = self.make(request, &mut names);
        let answer = child::run_in(procs, &|| self.job(request, ask, &names));
        self.clean(&names);
        let answer = answer.map_err(failed("run a child to try a device", None))?;
        if answer.join != 0 {
            let errno = Errno::from_raw_os_error(answer.join);
            return Err(failed("enter the cgroup to try a device", None)(errno));
        }
        Ok(judge(made, answer.job))
    }

    /// Which of the wanted devices pass the filter from our own cgroup, in order: what to build
    /// a container's nodes from.
    #[must_use]
    pub fn usable_here(&self, wanted: &[Request], ask: Ask) -> Vec<(Request, Outcome)> {
        wanted
            .iter()
            .map(|request| (*request, self.try_here(*request, ask)))
            .collect()
    }

    /// The node for read and write. A refusal matters only if one is asked for.
    fn make(&self, request: Request, names: &mut Names) -> Result<(), Errno> {
        if (request.access & Access::READ_WRITE).is_empty() && !request.access.is_empty() {
            return Ok(());
        }
        let refused = match self.mknod(request.device, &names.outside) {
            Ok(()) => {
                names.made_outside = true;
                return Ok(());
            }
            Err(errno) => errno,
        };
        let found = self
            .existing
            .as_ref()
            .and_then(|existing| existing.find(request.device));
        // An absolute name, which makes the calls below ignore the directory.
        names.outside = found.ok_or(refused)?;
        Ok(())
    }

    fn mknod(&self, device: Device, name: &CString) -> Result<(), Errno> {
        let kind = match device.kind {
            DeviceKind::Char => FileType::CharacterDevice,
            DeviceKind::Block => FileType::BlockDevice,
        };
        let number = makedev(device.major, device.minor);
        mknodat(
            &self.dir,
            name.as_c_str(),
            kind,
            Mode::from_raw_mode(0o600),
            number,
        )
    }

    /// Runs in the forked child too: system calls only. Errnos of mknod, and of read and write.
    fn job(&self, request: Request, ask: Ask, names: &Names) -> [i32; 2] {
        let code = |answer: Result<(), Errno>| answer.err().map_or(0, Errno::raw_os_error);
        let made = if request.access.contains(Access::MKNOD) {
            code(self.mknod(request.device, &names.inside))
        } else {
            0
        };
        let used = request.access & Access::READ_WRITE;
        if used.is_empty() && !request.access.is_empty() {
            return [made, 0];
        }
        let (mut check, mut flags) = (FsAccess::EXISTS, OFlags::RDONLY);
        if used.contains(Access::READ) {
            check |= FsAccess::READ_OK;
        }
        if used.contains(Access::WRITE) {
            check |= FsAccess::WRITE_OK;
            flags = if used == Access::WRITE {
                OFlags::WRONLY
            } else {
                OFlags::RDWR
            };
        }
        let name = names.outside.as_c_str();
        let checked = accessat(&self.dir, name, check, AtFlags::empty());
        // Drivers may answer EPERM as well, so the check comes first and alone names the filter.
        if checked.is_err() || ask == Ask::Check || used.is_empty() {
            return [made, code(checked)];
        }
        let flags = flags | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
        let opened = openat(&self.dir, name, flags, Mode::empty()).map(drop);
        // Negative marks an answer that came from beyond the filter.
        [made, -code(opened)]
    }

    fn clean(&self, names: &Names) {
        let outside = names.made_outside.then_some(&names.outside);
        for name in outside.into_iter().chain([&names.inside]) {
            // The inside one may never have been made, and a detached tmpfs dies anyway.
            let _ = unlinkat(&self.dir, name.as_c_str(), AtFlags::empty());
        }
    }
}

impl Existing {
    fn find(&self, device: Device) -> Option<CString> {
        use std::os::unix::ffi::OsStrExt;
        let kind = match device.kind {
            DeviceKind::Char => "char",
            DeviceKind::Block => "block",
        };
        let number = format!("{}:{}", device.major, device.minor);
        let uevent = self
            .sysfs
            .join("dev")
            .join(kind)
            .join(number)
            .join("uevent");
        // No such device, or no sysfs here: both mean that no node is known.
        let text = std::fs::read_to_string(uevent).ok()?;
        let name = text
            .lines()
            .find_map(|line| line.strip_prefix("DEVNAME="))?;
        let path = std::path::absolute(self.dev.join(name)).ok()?;
        let stat = rustix::fs::lstat(&path).ok()?;
        let file_type = match device.kind {
            DeviceKind::Char => FileType::CharacterDevice,
            DeviceKind::Block => FileType::BlockDevice,
        };
        let same = stat.st_rdev == makedev(device.major, device.minor)
            && FileType::from_raw_mode(stat.st_mode) == file_type;
        same.then(|| CString::new(path.as_os_str().as_bytes()).ok())
            .flatten()
    }
}

struct Names {
    /// Node for read and write.
    outside: CString,
    made_outside: bool,
    /// Node to be made in the cgroup.
    inside: CString,
}

impl Names {
    fn new(device: Device) -> Result<Self, Errno> {
        use std::sync::atomic::{AtomicU64, Ordering};
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let Device { kind, major, minor } = device;
        let unique = NEXT.fetch_add(1, Ordering::Relaxed);
        let stem = format!(
            "warren-probe-{}-{unique}-{kind}-{major}-{minor}",
            std::process::id()
        );
        let name = |suffix| CString::new(format!("{stem}-{suffix}")).map_err(|_| Errno::INVAL);
        Ok(Self {
            outside: name("o")?,
            made_outside: false,
            inside: name("i")?,
        })
    }
}

fn judge(made_outside: Result<(), Errno>, [made, used]: [i32; 2]) -> Outcome {
    if made != 0 {
        let errno = Errno::from_raw_os_error(made);
        // EPERM is also what a process gets without CAP_MKNOD or in a user namespace, whatever
        // the filter says.
        return if errno == Errno::PERM && may_mknod() {
            Outcome::Denied
        } else {
            Outcome::Unknown(errno)
        };
    }
    if let Err(errno) = made_outside {
        return Outcome::Unknown(errno);
    }
    match used {
        0 => Outcome::Passes,
        used if used < 0 => Outcome::Driver(Errno::from_raw_os_error(-used)),
        used => match Errno::from_raw_os_error(used) {
            Errno::PERM => Outcome::Denied,
            errno => Outcome::Unknown(errno),
        },
    }
}

fn may_mknod() -> bool {
    use rustix::thread::{CapabilitySet, capabilities};
    let whole_id_range = |map: String| map.split_whitespace().eq(["0", "0", "4294967295"]);
    capabilities(None).is_ok_and(|sets| sets.effective.contains(CapabilitySet::MKNOD))
        && std::fs::read_to_string("/proc/self/uid_map").is_ok_and(whole_id_range)
}
