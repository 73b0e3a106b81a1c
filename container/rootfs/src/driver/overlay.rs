//! Mounting overlays and tmpfs.
//!
//! Through the mount API of file descriptors, one `lowerdir+` per layer (Linux 6.8), so that neither
//! the number of layers nor odd characters in paths matter. Older kernels get mount(2) with one
//! string of at most a page. A path that is long or odd is given as `/proc/self/fd/N`.

use std::ffi::CString;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::Errno;
use rustix::mount::{
    FsMountFlags, FsOpenFlags, MountAttrFlags, MountFlags, MoveMountFlags, UnmountFlags,
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, mount as mount_by_string, move_mount,
    unmount,
};

use super::{Error, Step};

/// Longest value that fsconfig(2) takes, with its NUL.
const LONGEST_VALUE: usize = 255;
/// Most bytes of mount(2)'s options.
const LONGEST_OPTIONS: usize = 4095;

/// An overlay to be mounted.
#[derive(Debug, Clone)]
pub(crate) struct Overlay {
    /// Topmost first.
    pub lower: Vec<PathBuf>,
    pub upper: PathBuf,
    pub work: PathBuf,
    pub userxattr: bool,
    pub redirect_dir: bool,
    /// Nothing is synced, not even when it is unmounted: see
    /// [`Options::volatile`](crate::store::Options::volatile).
    pub volatile: bool,
}

/// Paths short and plain enough for options; descriptors that must stay open for those that are
/// not.
struct Paths {
    lower: Vec<String>,
    upper: String,
    work: String,
    _open: Vec<OwnedFd>,
}

impl Paths {
    fn of(overlay: &Overlay) -> Result<Self, Errno> {
        let mut open = Vec::new();
        let mut plain = |path: &Path| -> Result<String, Errno> {
            let is_plain = |text: &&str| {
                text.len() < LONGEST_VALUE && !text.contains([',', ':', '\\', '"', '\n', '='])
            };
            if let Some(text) = path.to_str().filter(is_plain) {
                return Ok(text.to_owned());
            }
            let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
            let directory = openat(CWD, path, flags, Mode::empty())?;
            let text = format!("/proc/self/fd/{}", directory.as_raw_fd());
            open.push(directory);
            Ok(text)
        };
        let lower = overlay.lower.iter().map(|path| plain(path));
        Ok(Self {
            lower: lower.collect::<Result<_, _>>()?,
            upper: plain(&overlay.upper)?,
            work: plain(&overlay.work)?,
            _open: open,
        })
    }
}

impl Overlay {
    fn flags(&self) -> Vec<(&'static str, &'static str)> {
        // Layers may be moved and copied, which an index does not survive.
        let mut options = vec![("index", "off")];
        if self.redirect_dir && !self.userxattr {
            options.push(("redirect_dir", "on"));
        }
        options
    }
}

/// Mounts an overlay on `target`.
pub(crate) fn mount(overlay: &Overlay, target: &Path) -> Result<(), Error> {
    let paths = Paths::of(overlay).map_err(Error::at(Step::Prepare))?;
    match by_descriptor(overlay, &paths) {
        Ok(mount) => attach(&mount, target),
        // No such call (or a filter), no such option.
        Err(Failure::Unknown) => by_string(overlay, &paths, target),
        Err(Failure::Refused(error)) => Err(error),
    }
}

enum Failure {
    Unknown,
    Refused(Error),
}

fn by_descriptor(overlay: &Overlay, paths: &Paths) -> Result<OwnedFd, Failure> {
    let context = fsopen("overlay", FsOpenFlags::FSOPEN_CLOEXEC).map_err(|errno| match errno {
        Errno::NOSYS => Failure::Unknown,
        errno => Failure::Refused(Error::at(Step::Mount)(errno)),
    })?;
    let refused = |errno| {
        let error = Error::at(Step::Mount)(errno);
        Failure::Refused(match message(&context) {
            Some(words) => error.with(words),
            None => error,
        })
    };
    fsconfig_set_string(context.as_fd(), "source", "overlay").map_err(refused)?;
    for lower in &paths.lower {
        fsconfig_set_string(context.as_fd(), "lowerdir+", lower.as_str()).map_err(|errno| {
            match message(&context) {
                Some(words) if words.contains("Unknown parameter") => Failure::Unknown,
                None if errno == Errno::INVAL => Failure::Unknown,
                _ => refused(errno),
            }
        })?;
    }
    fsconfig_set_string(context.as_fd(), "upperdir", paths.upper.as_str()).map_err(refused)?;
    fsconfig_set_string(context.as_fd(), "workdir", paths.work.as_str()).map_err(refused)?;
    for (key, value) in overlay.flags() {
        fsconfig_set_string(context.as_fd(), key, value).map_err(refused)?;
    }
    if overlay.userxattr {
        rustix::mount::fsconfig_set_flag(context.as_fd(), "userxattr").map_err(refused)?;
    }
    if overlay.volatile {
        rustix::mount::fsconfig_set_flag(context.as_fd(), "volatile").map_err(refused)?;
    }
    fsconfig_create(context.as_fd()).map_err(|errno| match message(&context) {
        // Before Linux 6.5 an overlay's options are only collected until here, and nothing is said
        // about the one that is not known.
        None if errno == Errno::INVAL => Failure::Unknown,
        Some(words) => Failure::Refused(Error::at(Step::Mount)(errno).with(words)),
        None => refused(errno),
    })?;
    let attributes = MountAttrFlags::empty();
    fsmount(context.as_fd(), FsMountFlags::FSMOUNT_CLOEXEC, attributes).map_err(refused)
}

fn by_string(overlay: &Overlay, paths: &Paths, target: &Path) -> Result<(), Error> {
    let mut options = format!(
        "lowerdir={},upperdir={},workdir={}",
        paths.lower.join(":"),
        paths.upper,
        paths.work
    );
    for (key, value) in overlay.flags() {
        options += &format!(",{key}={value}");
    }
    if overlay.userxattr {
        options += ",userxattr";
    }
    if overlay.volatile {
        options += ",volatile";
    }
    let error = Error::at(Step::Mount);
    if options.len() > LONGEST_OPTIONS {
        let words = "too many layers for a kernel before 6.8";
        return Err(error(Errno::TOOBIG).with(words));
    }
    let options = CString::new(options).map_err(|_| error(Errno::INVAL))?;
    mount_by_string(
        "overlay",
        target,
        "overlay",
        MountFlags::empty(),
        Some(options.as_c_str()),
    )
    .map_err(error)
}

fn attach(mount: &OwnedFd, target: &Path) -> Result<(), Error> {
    move_mount(
        mount,
        "",
        CWD,
        target,
        MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH,
    )
    .map_err(|errno| Error::at(Step::Mount)(errno).with("attaching it"))
}

/// The kernel's last words in a mount context.
fn message(context: &OwnedFd) -> Option<String> {
    let mut last = None;
    let mut buffer = [0_u8; 512];
    while let Ok(length @ 1..) = rustix::io::read(context, &mut buffer) {
        let text = String::from_utf8_lossy(buffer.get(..length).unwrap_or_default());
        last = Some(
            text.trim()
                .trim_start_matches(['e', 'w', 'i'])
                .trim()
                .to_owned(),
        );
    }
    last
}

/// Mounts a tmpfs for upper layers on `target`; no more than `bytes` fit, if given.
pub(crate) fn mount_tmpfs(target: &Path, bytes: Option<u64>) -> Result<(), Error> {
    let mut options = "mode=0711".to_owned();
    if let Some(bytes) = bytes {
        // Rounded up to pages by the kernel; 0 would mean no bound.
        options += &format!(",size={}", bytes.max(1));
    }
    let error = Error::at(Step::MountTmpfs);
    let options = CString::new(options).map_err(|_| error(Errno::INVAL))?;
    mount_by_string(
        "tmpfs",
        target,
        "tmpfs",
        MountFlags::empty(),
        Some(options.as_c_str()),
    )
    .map_err(error)
}

/// Unmounts all that is mounted on `target`; `true` if there was something.
pub(crate) fn unmount_all(target: &Path) -> Result<bool, Error> {
    let mut any = false;
    loop {
        match unmount(target, UnmountFlags::DETACH | UnmountFlags::NOFOLLOW) {
            Ok(()) => any = true,
            // Not a mount point, or not there.
            Err(Errno::INVAL | Errno::NOENT) => return Ok(any),
            // Who may not mount has not mounted.
            Err(Errno::PERM) if !any => return Ok(false),
            Err(errno) => {
                let error = Error::at(Step::Unmount)(errno);
                return Err(error.with(String::from_utf8_lossy(target.as_os_str().as_bytes())));
            }
        }
    }
}
