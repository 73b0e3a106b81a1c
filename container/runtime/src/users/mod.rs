//! Who a process runs as, by the container's own `/etc/passwd` and `/etc/group`.
//!
//! | text | user | group | other groups |
//! |---|---|---|---|
//! | empty | 0 | 0, or as passwd has for uid 0 | by `group` |
//! | `name` | by `passwd`; `root` is 0 even without | by `passwd` | by `group` |
//! | `uid` | that; needs no entry | by `passwd`, else 0 | by `group`, if there is an entry |
//! | `USER:gid`, `USER:name` | as above | that; a number needs no entry | none |
//!
//! The files belong to the container, which may put anything there: they are opened beneath its
//! root, only if they are ordinary files, and read up to a limit.

mod parse;
#[cfg(test)]
mod tests;

use std::io::Read;
use std::os::fd::BorrowedFd;
use std::path::PathBuf;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

use parse::{Entry, groups, id, users};

/// Longest file that is read.
const MAX_FILE: u64 = 16 << 20;

/// A user as a process gets it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// User id in the container.
    pub uid: u32,
    /// Group id in the container.
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    /// Home directory, `/` without an entry.
    pub home: PathBuf,
    /// What `USER` is set to: the text asked for, or `root`.
    pub name: String,
}

/// The user or group is not to be found.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LookupError {
    /// No such user. The text is what clients of Garden look for.
    #[error("unable to find user {0}: no matching entries in passwd file")]
    NoUser(String),
    /// No such group.
    #[error("unable to find group {0}: no matching entries in group file")]
    NoGroup(String),
    /// A file is there and cannot be read.
    #[error("cannot read the container's {file}")]
    File {
        /// Which.
        file: &'static str,
        /// Why.
        #[source]
        source: Errno,
    },
}

/// Finds the user that `text` means in the container whose root directory is `root`.
///
/// # Errors
/// [`LookupError`].
pub fn lookup(root: BorrowedFd<'_>, text: &str) -> Result<User, LookupError> {
    let passwd = read(root, "etc/passwd")?;
    let group = read(root, "etc/group")?;
    resolve(text, &passwd, &group)
}

/// As [`lookup`], from the texts of the files; a file that is missing is empty.
///
/// # Errors
/// [`LookupError`].
pub fn resolve(text: &str, passwd: &str, group: &str) -> Result<User, LookupError> {
    let (user_part, group_part) = match text.split_once(':') {
        Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
        None => (text, None),
    };
    let wanted = if user_part.is_empty() { "0" } else { user_part };
    let number: Option<u32> = id(wanted);
    // A name comes before a number: somebody may be called 1000.
    let entry = users(passwd)
        .find(|entry| entry.name == wanted)
        .or_else(|| users(passwd).find(|entry| Some(entry.uid) == number));
    let entry = match (entry, number) {
        (Some(entry), _) => entry,
        (None, Some(uid)) => Entry::unknown(uid),
        (None, None) if wanted == "root" => Entry::unknown(0),
        (None, None) => return Err(LookupError::NoUser(text.to_owned())),
    };
    let (gid, others) = match group_part {
        Some(part) => {
            let found = groups(group).find(|group| group.name == part);
            let gid = found.map(|group| group.gid).or_else(|| id(part));
            let gid = gid.ok_or_else(|| LookupError::NoGroup(part.to_owned()))?;
            (gid, Vec::new())
        }
        None => {
            let mut others: Vec<u32> = groups(group)
                .filter(|group| group.has(entry.name))
                .map(|group| group.gid)
                .filter(|gid| *gid != entry.gid)
                .collect();
            others.sort_unstable();
            others.dedup();
            (entry.gid, others)
        }
    };
    let name = if text.is_empty() { "root" } else { text };
    Ok(User {
        uid: entry.uid,
        gid,
        groups: others,
        home: PathBuf::from(entry.home),
        name: name.to_owned(),
    })
}

/// The text of a file; empty if there is none.
fn read(root: BorrowedFd<'_>, file: &'static str) -> Result<String, LookupError> {
    let failed = |source| LookupError::File { file, source };
    // Without waiting, should it be a pipe.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let resolve = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
    let opened = rustix::fs::openat2(root, file, flags, Mode::empty(), resolve);
    let fd = match opened {
        Ok(fd) => fd,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(String::new()),
        Err(errno) => return Err(failed(errno)),
    };
    let stat = rustix::fs::fstat(&fd).map_err(failed)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(failed(Errno::INVAL));
    }
    let mut bytes = Vec::new();
    std::fs::File::from(fd)
        .take(MAX_FILE)
        .read_to_end(&mut bytes)
        .map_err(|error| failed(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
