//! Disks that are ext4 file systems in files, mounted through loop devices.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::io::Errno;
use rustix::mount::{MountAttrFlags, MountFlags};
use warren_sys_mount::detached;
use warren_sys_mount::loop_device::{LoopDevice, devices_of};

use crate::Error;

/// Makes one, and mounts it once where nobody sees it: that is the proof that it can be.
pub(crate) fn create(path: &Path, mebibytes: u64) -> Result<(), Error> {
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path);
    let file = file.map_err(Error::host("make the disk", path))?;
    set_size(&file, path, mebibytes)?;
    // Without a journal of what is unused: the file is all zeros.
    let lazy = "lazy_itable_init=1,lazy_journal_init=1,nodiscard";
    program("mkfs.ext4", &["-q", "-F", "-E", lazy], path, &[], &[0])?;
    let device = attach(path)?;
    let name = device.path().display().to_string();
    let trial = detached("ext4", &[("source", Some(&name))], MountAttrFlags::empty());
    trial.map(drop).map_err(|error| Error::Host {
        step: "mount the disk",
        path: path.to_owned(),
        source: std::io::Error::other(warren_lib_errchain::chain(&error)),
    })
}

fn attach(path: &Path) -> Result<LoopDevice, Error> {
    let file = OpenOptions::new().read(true).write(true).open(path);
    let file = file.map_err(Error::host("open the disk", path))?;
    LoopDevice::attach(&file).map_err(|error| Error::Host {
        step: "make a block device of",
        path: path.to_owned(),
        source: std::io::Error::new(
            std::io::Error::from(error.source).kind(),
            warren_lib_errchain::chain(&error),
        ),
    })
}

/// Mounts one.
pub(crate) fn mount(path: &Path, point: &Path) -> Result<(), Error> {
    let device = attach(path)?;
    rustix::mount::mount(device.path(), point, "ext4", MountFlags::empty(), None)
        .map_err(Error::errno("mount the disk at", point))
}

/// Makes one larger, file system included. It must not be mounted.
pub(crate) fn grow(path: &Path, mebibytes: u64) -> Result<(), Error> {
    let file = OpenOptions::new().write(true).open(path);
    let file = file.map_err(Error::host("open the disk", path))?;
    let before = file.metadata().map_err(Error::host("look at", path))?.len();
    set_size(&file, path, mebibytes)?;
    let grown = program("e2fsck", &["-f", "-p"], path, &[], &[0, 1])
        .and_then(|()| program("resize2fs", &[], path, &[], &[0]));
    if grown.is_err() && file.set_len(before).is_err() {
        // A file that is longer than its file system is a disk all the same.
        return grown;
    }
    grown
}

fn set_size(file: &File, path: &Path, mebibytes: u64) -> Result<(), Error> {
    let bytes = mebibytes
        .checked_mul(1 << 20)
        .filter(|bytes| i64::try_from(*bytes).is_ok());
    let too_large = || std::io::Error::from(std::io::ErrorKind::FileTooLarge);
    bytes
        .ok_or_else(too_large)
        .and_then(|bytes| file.set_len(bytes))
        .map_err(Error::host("set the size of", path))
}

/// Loop devices that have the file, by name.
pub(crate) fn devices(path: &Path) -> Result<Vec<String>, Error> {
    devices_of(path).map_err(Error::host("find loop devices of", path))
}

/// A block device's number, as mount tables show it.
pub(crate) fn number(name: &str) -> Option<String> {
    let text = std::fs::read_to_string(format!("/sys/block/{name}/dev")).ok()?;
    Some(text.trim().to_owned())
}

/// Runs a helper program on a file.
pub(crate) fn program(
    name: &'static str,
    before: &[&str],
    path: &Path,
    after: &[&Path],
    good: &[i32],
) -> Result<(), Error> {
    let output = Command::new(name)
        // Its words are looked at below.
        .env("LC_ALL", "C")
        .args(before)
        .arg(path)
        .args(after)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Error::Program {
            program: name,
            path: path.to_owned(),
            said: format!("cannot run it: {error}"),
        })?;
    if output
        .status
        .code()
        .is_some_and(|code| good.contains(&code))
    {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    let last = words.trim().lines().last().unwrap_or_default();
    for (said, errno) in [
        ("No space left on device", Errno::NOSPC),
        ("Disk quota exceeded", Errno::DQUOT),
        ("File too large", Errno::FBIG),
    ] {
        if words.contains(said) {
            return Err(Error::errno("write to", path)(errno));
        }
    }
    Err(Error::Program {
        program: name,
        path: path.to_owned(),
        said: format!("{}: {last}", output.status),
    })
}

#[cfg(test)]
mod tests {
    use super::program;
    use crate::Error;
    use std::path::Path;

    #[test]
    fn programs_speak_the_language_that_is_understood() {
        let script = ["-c", "echo $LC_ALL >&2; exit 3"];
        let Err(Error::Program { said, .. }) = program("sh", &script, Path::new("/x"), &[], &[0])
        else {
            panic!("it succeeds");
        };
        assert!(said.ends_with(": C"), "{said}");
    }
}
