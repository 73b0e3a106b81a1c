//! AppArmor: the profile that the next program of a thread runs under.
//!
//! A thread writes `exec PROFILE` to its own `attr/apparmor/exec`, and the kernel changes over when
//! it executes a program. The profile has to be loaded in the policy namespace of the thread.
//! Source: `apparmor(7)`, `aa_change_onexec(2)`.

use std::fs::File;
use std::io::{Read, Write};

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

/// Of the calling thread; there since Linux 5.8, also without AppArmor.
const CURRENT: &str = "/proc/thread-self/attr/apparmor/current";
const ON_EXEC: &str = "/proc/thread-self/attr/apparmor/exec";
/// What statfs(2) tells of a `/proc`.
const PROC: u64 = 0x9fa0;

/// A profile cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The kernel has no AppArmor, or it is switched off.
    #[error(
        "the kernel has no AppArmor in force; boot it with apparmor=1 security=apparmor, or ask \
         for no profile"
    )]
    Absent(#[source] Errno),
    /// The file is not the kernel's.
    #[error("{ON_EXEC} is not in a file system of the kernel's")]
    NotProc,
    /// There is no such profile.
    #[error("it is not loaded; load it with apparmor_parser --replace FILE")]
    NotLoaded(#[source] Errno),
    /// We are confined ourselves, by a profile that does not let us change to this one.
    #[error("the profile that this process is confined by does not allow it")]
    Confined(#[source] Errno),
    /// Else.
    #[error("cannot write {ON_EXEC}")]
    Other(#[source] Errno),
}

/// Whether the kernel has AppArmor in force.
#[must_use]
pub fn is_there() -> bool {
    let mut label = Vec::new();
    // Without AppArmor the file cannot be read.
    File::open(CURRENT)
        .and_then(|file| file.take(4096).read_to_end(&mut label))
        .is_ok_and(|read| read > 0)
}

/// Has the calling thread's next program run under a profile.
///
/// # Errors
/// [`Error`]; then nothing has changed.
pub fn on_exec(profile: &str) -> Result<(), Error> {
    let file = rustix::fs::open(ON_EXEC, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
    let file = file.map_err(|errno| match errno {
        Errno::NOENT => Error::Absent(errno),
        errno => Error::Other(errno),
    })?;
    let is_proc =
        rustix::fs::fstatfs(&file).is_ok_and(|stat| u64::try_from(stat.f_type) == Ok(PROC));
    if !is_proc {
        return Err(Error::NotProc);
    }
    let Err(error) = File::from(file).write_all(format!("exec {profile}").as_bytes()) else {
        return Ok(());
    };
    Err(match Errno::from_io_error(&error) {
        Some(errno @ Errno::NOENT) => Error::NotLoaded(errno),
        Some(errno @ (Errno::ACCESS | Errno::PERM)) => Error::Confined(errno),
        // Nobody has registered for the file, or AppArmor is switched off.
        Some(errno @ Errno::INVAL) if !is_there() => Error::Absent(errno),
        errno => Error::Other(errno.unwrap_or(Errno::IO)),
    })
}

/// Whether programs could run under a profile: tried by a thread that executes none.
///
/// # Errors
/// [`Error`].
pub fn probe(profile: &str) -> Result<(), Error> {
    let profile = profile.to_owned();
    let tried = std::thread::spawn(move || on_exec(&profile)).join();
    tried.unwrap_or(Err(Error::Other(Errno::IO)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_there_is_not_is_refused_with_the_reason() {
        let error = probe("warren-test-no-such-profile").unwrap_err();
        match is_there() {
            true => assert!(matches!(error, Error::NotLoaded(_)), "{error:?}"),
            false => assert!(matches!(error, Error::Absent(_)), "{error:?}"),
        }
    }
}
