//! A user namespace with several ranges of ids, kept by its descriptor alone: for mapping mounts
//! before the container exists that will have such a namespace of its own.
//!
//! ```text
//! child   unshare user ─► errno ─► waits ──► ends
//! parent                  reads ─► writes the maps, opens the namespace, hangs up
//! ```
//!
//! Needs `CAP_SETUID` and `CAP_SETGID`, unlike [`crate::user_namespace`], which is for a look.
#![expect(unsafe_code, reason = "runs in a fork of the process")]

use std::fs::File;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::Path;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, waitpid};
use rustix::thread::UnshareFlags;

use crate::namespaces::{self, Kind};
use crate::user_namespace::{Error, Map};

/// Makes a user namespace with these ids, of users and of groups alike.
///
/// # Errors
/// [`Error`]; no process is left behind.
pub fn mapped(maps: &[Map]) -> Result<File, Error> {
    let (from_child, to_parent) = pipe_with(PipeFlags::CLOEXEC).map_err(Error::Child)?;
    let (from_parent, to_child) = pipe_with(PipeFlags::CLOEXEC).map_err(Error::Child)?;
    // SAFETY: the child only makes system calls over memory that exists, and never returns.
    let pid = match unsafe { libc::fork() } {
        0 => {
            for end in [&from_child, &to_child] {
                // SAFETY: the child never returns, so nobody uses or drops these again.
                unsafe { rustix::io::close(end.as_raw_fd()) };
            }
            child(&to_parent, &from_parent)
        }
        pid => Pid::from_raw(pid),
    };
    let Some(pid) = pid.filter(|pid| pid.as_raw_nonzero().get() > 0) else {
        return Err(Error::Child(warren_sys_errno::last()));
    };
    drop((to_parent, from_parent));
    let outcome = lead(pid, maps, &from_child);
    // The child ends when the pipe does.
    drop((from_child, to_child));
    while matches!(
        waitpid(Some(pid), WaitOptions::empty()),
        Err(Errno::INTR) | Ok(None)
    ) {}
    outcome
}

fn lead(pid: Pid, maps: &[Map], from_child: &OwnedFd) -> Result<File, Error> {
    let mut word = [0u8; 4];
    let told = loop {
        match rustix::io::read(from_child, &mut word) {
            Err(Errno::INTR) => {}
            told => break told.map_err(Error::Child)?,
        }
    };
    match i32::from_ne_bytes(word) {
        _ if told != word.len() => return Err(Error::Child(Errno::CHILD)),
        0 => {}
        errno => return Err(Error::Create(Errno::from_raw_os_error(errno))),
    }
    let task = Path::new("/proc").join(pid.as_raw_nonzero().to_string());
    let lines: String = maps
        .iter()
        .map(|map| format!("{} {} {}\n", map.inside, map.outside, map.count))
        .collect();
    for file in ["uid_map", "gid_map"] {
        let path = task.join(file);
        std::fs::write(&path, &lines).map_err(|source| Error::Map { path, source })?;
    }
    Ok(namespaces::open(&task, Kind::User)?)
}

/// The child's part: system calls only.
fn child(to_parent: &OwnedFd, from_parent: &OwnedFd) -> ! {
    // SAFETY: descriptors stay shared with nobody but the parent's copy, as after any fork.
    let outcome = unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER) };
    let errno = outcome.err().map_or(0, Errno::raw_os_error);
    if rustix::io::write(to_parent, &errno.to_ne_bytes()).is_ok() {
        let mut end = [0u8; 1];
        while matches!(rustix::io::read(from_parent, &mut end), Err(Errno::INTR)) {}
    }
    // SAFETY: _exit only ends this process; no destructor of the copied parent runs.
    unsafe { libc::_exit(0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_namespace_of_two_ranges_is_another() {
        let map = |inside, outside, count| Map {
            inside,
            outside,
            count,
        };
        let made = mapped(&[map(0, 1000, 1), map(1, 1, 999)]).unwrap();
        let here = namespaces::id(Path::new("/proc/self"), Kind::User).unwrap();
        assert_ne!(made.metadata().unwrap().ino(), here);
        let error = mapped(&[map(0, 1, 2), map(1, 1, 2)]).unwrap_err();
        assert!(error.to_string().ends_with("/uid_map"), "{error}");
    }
}
