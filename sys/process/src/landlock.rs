//! Landlock: a process gives up reaching files, for itself and all that it will ever start.
//!
//! What a ruleset *handles* is refused from then on, but for what its rules allow below a directory
//! or on a file. It needs no privileges, so that it works where namespaces are refused; it does not
//! hide that files are there, nor their sizes and owners.
//!
//! Source: landlock(7), `Documentation/userspace-api/landlock.rst`.
#![expect(unsafe_code, reason = "landlock has no safe face")]

use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

/// Rights on files (`LANDLOCK_ACCESS_FS_*`, linux/landlock.h).
pub mod access {
    /// To execute a file.
    pub const EXECUTE: u64 = 1 << 0;
    /// To open a file for writing.
    pub const WRITE_FILE: u64 = 1 << 1;
    /// To open a file for reading.
    pub const READ_FILE: u64 = 1 << 2;
    /// To list a directory.
    pub const READ_DIR: u64 = 1 << 3;
    /// All that makes, removes, moves or truncates, and requests to devices.
    const CHANGE: u64 = 0xfff0;

    /// All rights that this version of the interface knows.
    #[must_use]
    pub fn all(abi: u32) -> u64 {
        let known = match abi {
            0 => 0,
            1 => (1 << 13) - 1,
            2 => (1 << 14) - 1,
            3 | 4 => (1 << 15) - 1,
            _ => (1 << 16) - 1,
        };
        known & (EXECUTE | WRITE_FILE | READ_FILE | READ_DIR | CHANGE)
    }
}

/// `LANDLOCK_ACCESS_NET_BIND_TCP` and `LANDLOCK_ACCESS_NET_CONNECT_TCP`, from version 4.
const ALL_TCP: u64 = 0b11;
/// `LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET` and `LANDLOCK_SCOPE_SIGNAL`, from version 6.
const ALL_SCOPES: u64 = 0b11;

/// `struct landlock_ruleset_attr`.
#[repr(C)]
struct Attributes {
    files: u64,
    net: u64,
    scopes: u64,
}

/// `struct landlock_path_beneath_attr`.
#[repr(C, packed)]
struct PathBeneath {
    allowed: u64,
    parent: i32,
}

/// `LANDLOCK_RULE_PATH_BENEATH`.
const PATH_BENEATH: u32 = 1;
/// `LANDLOCK_CREATE_RULESET_VERSION`.
const VERSION: u32 = 1;

/// The version of the interface that the kernel has, from 1.
///
/// # Errors
/// `ENOSYS`: no Landlock. `EOPNOTSUPP`: turned off when the machine started. `EPERM`: filtered.
pub fn abi() -> Result<u32, Errno> {
    let none: *const Attributes = std::ptr::null();
    // SAFETY: with this flag the kernel reads nothing and answers a number.
    let answer = unsafe { libc::syscall(libc::SYS_landlock_create_ruleset, none, 0, VERSION) };
    u32::try_from(answer).map_err(|_| warren_sys_errno::last())
}

/// Rules that are not in force yet.
#[derive(Debug)]
pub struct Ruleset {
    rules: OwnedFd,
    files: u64,
}

impl Ruleset {
    /// Rules that handle `files`, a set of [`access`] rights, and, as far as version `abi` knows
    /// them: TCP, abstract unix sockets of others, and signals to others, all of which are refused.
    ///
    /// # Errors
    /// The kernel's; `EINVAL` for rights that it does not know.
    pub fn new(abi: u32, files: u64) -> Result<Self, Errno> {
        let attributes = Attributes {
            files,
            net: ALL_TCP,
            scopes: ALL_SCOPES,
        };
        // An older kernel takes the first fields alone.
        let size: usize = match abi {
            0..=3 => 8,
            4 | 5 => 16,
            _ => 24,
        };
        // SAFETY: the struct is at least as long as the size passed; the kernel only reads it.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_landlock_create_ruleset,
                &raw const attributes,
                size,
                0_u32,
            )
        };
        let number = i32::try_from(answer).ok().filter(|number| *number >= 0);
        let number = number.ok_or_else(warren_sys_errno::last)?;
        Ok(Self {
            // SAFETY: the kernel has just made this descriptor for us, and nobody else has it.
            rules: unsafe { OwnedFd::from_raw_fd(number) },
            files,
        })
    }

    /// Allows rights below a directory, or on a file; of those, only what these rules handle.
    ///
    /// # Errors
    /// The kernel's; `EINVAL` for rights of directories on a file.
    pub fn allow(&self, place: BorrowedFd<'_>, rights: u64) -> Result<(), Errno> {
        let rule = PathBeneath {
            allowed: rights & self.files,
            parent: place.as_raw_fd(),
        };
        if rights & self.files == 0 {
            return Ok(());
        }
        // SAFETY: `rule` is a valid landlock_path_beneath_attr, which the kernel only reads.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_landlock_add_rule,
                self.rules.as_raw_fd(),
                PATH_BENEATH,
                &raw const rule,
                0_u32,
            )
        };
        if answer == 0 {
            Ok(())
        } else {
            Err(warren_sys_errno::last())
        }
    }

    /// Puts the rules in force for the calling thread and all that it will ever start.
    ///
    /// # Errors
    /// `EPERM`: neither `no_new_privs` nor `CAP_SYS_ADMIN`. `E2BIG`: too many on top of each other.
    pub fn restrict(&self) -> Result<(), Errno> {
        // SAFETY: takes a descriptor and no memory.
        let answer = unsafe {
            libc::syscall(
                libc::SYS_landlock_restrict_self,
                self.rules.as_raw_fd(),
                0_u32,
            )
        };
        if answer == 0 {
            Ok(())
        } else {
            Err(warren_sys_errno::last())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;
    use std::os::fd::AsFd;

    #[test]
    fn what_is_not_allowed_is_refused() {
        // It goes with the thread.
        std::thread::spawn(|| {
            let abi = abi().unwrap();
            let rules = Ruleset::new(abi, access::all(abi)).unwrap();
            let etc = File::open("/etc").unwrap();
            rules
                .allow(etc.as_fd(), access::READ_FILE | access::READ_DIR)
                .unwrap();
            rustix::thread::set_no_new_privs(true).unwrap();
            rules.restrict().unwrap();
            File::open("/etc/passwd").unwrap();
            assert!(File::open("/usr/bin/env").is_err());
            assert!(File::options().append(true).open("/etc/passwd").is_err());
            let path = std::env::temp_dir().join(format!("landlock-{}", std::process::id()));
            assert!(File::create(path).is_err());
        })
        .join()
        .unwrap();
    }

    #[test]
    fn rights_grow_with_the_version() {
        assert_eq!(access::all(0), 0);
        assert_eq!(access::all(1), 0x1fff);
        assert_eq!(access::all(9), 0xffff);
    }
}
