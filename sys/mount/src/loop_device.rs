//! A file as a block device (`loop(4)`), for as long as something uses it.
//!
//! `LOOP_CTL_GET_FREE` names a free device and `LOOP_CONFIGURE` (Linux 5.8) gives it the file in one
//! step; whoever is beaten to it tries the next. With `LO_FLAGS_AUTOCLEAR` the device is free again
//! when its last user goes: a mount, or this value.
#![expect(unsafe_code, reason = "these ioctls have no safe face")]

use std::fs::{File, OpenOptions};
use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

/// linux/loop.h.
const LOOP_CTL_GET_FREE: libc::c_ulong = 0x4C82;
const LOOP_CONFIGURE: libc::c_ulong = 0x4C0A;
const LO_FLAGS_AUTOCLEAR: u32 = 4;
/// How often others may be quicker.
const TRIES: u32 = 64;

/// `struct loop_info64`.
#[repr(C)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    size_limit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct Configuration {
    descriptor: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

/// A loop device in use.
#[derive(Debug)]
pub struct LoopDevice {
    path: PathBuf,
    _device: File,
}

/// No device could be had.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}", path.display())]
pub struct LoopError {
    /// What was done.
    pub step: &'static str,
    /// To what.
    pub path: PathBuf,
    /// The kernel's answer.
    pub source: Errno,
}

impl LoopDevice {
    /// Gives `file` a device.
    ///
    /// # Errors
    /// [`LoopError`]: in a container there is usually no `/dev/loop-control`.
    pub fn attach(file: &File) -> Result<Self, LoopError> {
        let control = Path::new("/dev/loop-control");
        let opened = OpenOptions::new().read(true).write(true).open(control);
        let opened =
            opened.map_err(|error| failed("open", control)(warren_sys_errno::of(&error)))?;
        let mut last = Errno::BUSY;
        for _ in 0..TRIES {
            // SAFETY: this request takes no argument and only answers a number.
            let number = unsafe { libc::ioctl(opened.as_raw_fd(), LOOP_CTL_GET_FREE) };
            if number < 0 {
                return Err(failed("find a free device with", control)(
                    warren_sys_errno::last(),
                ));
            }
            let path = PathBuf::from(format!("/dev/loop{number}"));
            let device = OpenOptions::new().read(true).write(true).open(&path);
            let device =
                device.map_err(|error| failed("open", &path)(warren_sys_errno::of(&error)))?;
            match configure(&device, file) {
                Ok(()) => {
                    return Ok(Self {
                        path,
                        _device: device,
                    });
                }
                Err(Errno::BUSY) => last = Errno::BUSY,
                Err(other) => return Err(failed("set up", &path)(other)),
            }
        }
        Err(failed("set up a device of", control)(last))
    }

    /// The device.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The devices that have this file, found in `/sys/block`; by name, such as `loop0`.
///
/// # Errors
/// The directory or the file cannot be read.
pub fn devices_of(file: &Path) -> Result<Vec<String>, std::io::Error> {
    let wanted = std::fs::metadata(file)?;
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/sys/block")? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with("loop") {
            continue;
        }
        // A device without a file has no such entry.
        let Ok(backing) = std::fs::read_to_string(entry.path().join("loop/backing_file")) else {
            continue;
        };
        let same = std::fs::metadata(backing.trim_end_matches('\n'))
            .is_ok_and(|other| (other.dev(), other.ino()) == (wanted.dev(), wanted.ino()));
        if same {
            found.push(name);
        }
    }
    Ok(found)
}

fn configure(device: &File, file: &File) -> Result<(), Errno> {
    let configuration = Configuration {
        // A descriptor is never negative.
        descriptor: file.as_fd().as_raw_fd().unsigned_abs(),
        block_size: 0,
        info: Info {
            device: 0,
            inode: 0,
            rdevice: 0,
            offset: 0,
            size_limit: 0,
            number: 0,
            encrypt_type: 0,
            encrypt_key_size: 0,
            flags: LO_FLAGS_AUTOCLEAR,
            file_name: [0; 64],
            crypt_name: [0; 64],
            encrypt_key: [0; 32],
            init: [0; 2],
        },
        reserved: [0; 8],
    };
    // SAFETY: the argument is a valid loop_config that outlives the call; the kernel only reads it.
    let answer = unsafe {
        libc::ioctl(
            device.as_raw_fd(),
            LOOP_CONFIGURE,
            std::ptr::from_ref(&configuration),
        )
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(warren_sys_errno::last())
    }
}

fn failed(step: &'static str, path: &Path) -> impl Fn(Errno) -> LoopError {
    let path = path.to_owned();
    move |source| LoopError {
        step,
        path: path.clone(),
        source,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_have_the_kernels_sizes() {
        assert_eq!(std::mem::size_of::<Info>(), 232);
        assert_eq!(std::mem::size_of::<Configuration>(), 304);
    }

    #[test]
    fn a_file_has_a_device_as_long_as_it_is_used() {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 20).unwrap();
        let device = LoopDevice::attach(file.as_file()).unwrap();
        let name = device
            .path()
            .file_name()
            .unwrap()
            .to_string_lossy()
            .into_owned();
        assert_eq!(devices_of(file.path()).unwrap(), [name]);
        drop(device);
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(30);
        while !devices_of(file.path()).unwrap().is_empty() {
            assert!(std::time::Instant::now() < deadline, "the device stays");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}
