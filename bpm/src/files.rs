//! Directories and files of jobs, most of which belong to the user the processes run as.
//!
//! Root makes and hands over what lies in directories that the user owns, so a link that the user
//! has put there must lead nowhere: links are followed only if they are root's.

use std::ffi::OsString;
use std::fs::{DirBuilder, File};
use std::io::Write;
use std::os::fd::{AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use crate::Step;

/// Links that are followed on one way.
const MOST_LINKS: usize = 40;

/// Whose a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Owner {
    pub uid: u32,
    pub gid: u32,
}

/// Makes a directory for its owner, mode 0700, with its parents, or hands over the file or directory
/// that is there; its mode stays, but for the owner's own rights in a directory.
pub(crate) fn directory(path: &Path, owner: Owner) -> Result<(), Step> {
    let (found, stat) = locate(path)?;
    let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
    let mode = Mode::from_raw_mode(stat.st_mode & 0o7777);
    if is_directory && !mode.contains(Mode::RWXU) {
        let link = format!("/proc/self/fd/{}", found.as_raw_fd());
        rustix::fs::chmod(link, mode | Mode::RWXU)
            .map_err(Step::errno("change the mode of", path))?;
    }
    give(&found, &stat, owner).map_err(Step::errno("change the owner of", path))
}

/// Makes a directory of root's, with its parents.
pub(crate) fn root_directory(path: &Path, mode: u32) -> Result<(), Step> {
    DirBuilder::new()
        .recursive(true)
        .mode(mode)
        .create(path)
        .map_err(Step::file("make", path))
}

fn give(found: &OwnedFd, stat: &Stat, owner: Owner) -> Result<(), Errno> {
    if (stat.st_uid, stat.st_gid) == (owner.uid, owner.gid) {
        return Ok(());
    }
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    rustix::fs::chownat(found, "", Some(uid), Some(gid), AtFlags::EMPTY_PATH)
}

/// Opens a file or directory without side effects, following root's links only. What is missing is
/// made: directories on the way for all to enter, the last for its owner alone.
fn locate(path: &Path) -> Result<(OwnedFd, Stat), Step> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let top =
        || rustix::fs::openat(CWD, "/", flags, Mode::empty()).map_err(Step::errno("open", "/"));
    let mut left: Vec<PathBuf> = parts(path);
    let mut done = PathBuf::from("/");
    let mut at = top()?;
    let mut stat = rustix::fs::fstat(&at).map_err(Step::errno("look at", "/"))?;
    let mut links = 0;
    while let Some(part) = left.pop() {
        let here = done.join(&part);
        let open = || rustix::fs::openat(&at, &part, flags, Mode::empty());
        let next = match open() {
            Err(Errno::NOENT) => {
                let mode = if left.is_empty() { 0o700 } else { 0o755 };
                match rustix::fs::mkdirat(&at, &part, Mode::from_raw_mode(mode)) {
                    Ok(()) | Err(Errno::EXIST) => open(),
                    Err(errno) => return Err(Step::errno("make", here)(errno)),
                }
            }
            opened => opened,
        };
        let next = next.map_err(Step::errno("open", &here))?;
        let found = rustix::fs::fstat(&next).map_err(Step::errno("look at", &here))?;
        if FileType::from_raw_mode(found.st_mode) != FileType::Symlink {
            (at, stat, done) = (next, found, here);
            continue;
        }
        links += 1;
        if links > MOST_LINKS {
            return Err(Step::errno("follow", here)(Errno::LOOP));
        }
        if found.st_uid != 0 {
            let owner = found.st_uid;
            return Err(Step::ForeignLink { path: here, owner });
        }
        let to = rustix::fs::readlinkat(&next, "", Vec::new())
            .map_err(Step::errno("read the link", &here))?;
        let to = PathBuf::from(OsString::from_vec(to.into_bytes()));
        if to.is_absolute() {
            (at, done) = (top()?, PathBuf::from("/"));
        }
        left.extend(parts(&to));
    }
    Ok((at, stat))
}

/// The names of a path, last first.
fn parts(path: &Path) -> Vec<PathBuf> {
    use std::path::Component;
    let names = path.components().filter_map(|part| match part {
        Component::Normal(_) | Component::ParentDir => Some(PathBuf::from(part.as_os_str())),
        _ => None,
    });
    let mut names: Vec<PathBuf> = names.collect();
    names.reverse();
    names
}

/// Opens a log for its owner, to be added to. A link in its place is refused.
pub(crate) fn open_log(path: &Path, owner: Owner) -> Result<File, Step> {
    let opened = File::options()
        .create(true)
        .append(true)
        .mode(0o600)
        .custom_flags(i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or_default())
        .open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) if Errno::from_io_error(&error) == Some(Errno::LOOP) => {
            return Err(Step::Symlink(path.to_owned()));
        }
        Err(error) => return Err(Step::file("open", path)(error)),
    };
    let (uid, gid) = (Uid::from_raw(owner.uid), Gid::from_raw(owner.gid));
    rustix::fs::fchown(&file, Some(uid), Some(gid))
        .map_err(Step::errno("change the owner of", path))?;
    Ok(file)
}

/// Replaces a file as a whole, so that whoever reads it sees the old or the new one.
pub(crate) fn replace(path: &Path, content: &[u8], mode: u32) -> Result<(), Step> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let new = path.with_file_name(format!(".{name}"));
    let write = || -> std::io::Result<()> {
        // What an earlier attempt left is in the way of nobody.
        match std::fs::remove_file(&new) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = File::options()
            .create_new(true)
            .write(true)
            .mode(mode)
            .open(&new)?;
        file.write_all(content)?;
        std::fs::rename(&new, path)
    };
    write().map_err(Step::file("write", path))
}

/// Removes a file that may be missing.
pub(crate) fn remove(path: &Path) -> Result<(), Step> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Step::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

/// Removes a directory with all in it, which may be missing.
pub(crate) fn remove_tree(path: &Path) -> Result<(), Step> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Step::file("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, lchown, symlink};

    use super::*;

    const USER: Owner = Owner {
        uid: 4242,
        gid: 4243,
    };

    #[test]
    fn directories_are_made_or_handed_over() {
        let top = tempfile::tempdir().unwrap();
        let new = top.path().join("a/b");
        directory(&new, USER).unwrap();
        let is = |path: &Path| {
            let of = std::fs::metadata(path).unwrap();
            (of.uid(), of.gid(), of.mode() & 0o7777)
        };
        assert_eq!(is(&new), (4242, 4243, 0o700));
        assert_eq!(is(new.parent().unwrap()).0, 0);
        let there = top.path().join("there");
        std::fs::create_dir(&there).unwrap();
        std::fs::set_permissions(&there, PermissionsExt::from_mode(0o1055)).unwrap();
        directory(&there, USER).unwrap();
        assert_eq!(is(&there), (4242, 4243, 0o1755));
    }

    #[test]
    fn links_are_followed_only_if_they_are_roots() {
        let top = tempfile::tempdir().unwrap();
        let real = top.path().join("real");
        std::fs::create_dir(&real).unwrap();
        let link = top.path().join("link");
        symlink("real", &link).unwrap();
        directory(&link.join("inner"), USER).unwrap();
        assert_eq!(std::fs::metadata(real.join("inner")).unwrap().uid(), 4242);
        lchown(&link, Some(4242), Some(4242)).unwrap();
        for path in [link.clone(), link.join("inner")] {
            let refused = directory(&path, USER).unwrap_err();
            assert!(
                matches!(refused, Step::ForeignLink { owner: 4242, .. }),
                "{refused}"
            );
        }
        assert_eq!(std::fs::metadata(&real).unwrap().uid(), 0);
    }

    #[test]
    fn a_log_is_no_link() {
        let top = tempfile::tempdir().unwrap();
        let log = top.path().join("log");
        open_log(&log, USER).unwrap().write_all(b"1").unwrap();
        open_log(&log, USER).unwrap().write_all(b"2").unwrap();
        assert_eq!(std::fs::read(&log).unwrap(), b"12");
        let meta = std::fs::metadata(&log).unwrap();
        assert_eq!((meta.uid(), meta.mode() & 0o777), (4242, 0o600));
        let link = top.path().join("link");
        symlink("log", &link).unwrap();
        let refused = open_log(&link, USER).unwrap_err().to_string();
        assert_eq!(
            refused,
            format!("refusing to open symlink at {}", link.display())
        );
    }

    #[test]
    fn replacing_needs_no_clean_directory() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("web.pid");
        std::fs::write(top.path().join(".web.pid"), "left behind by somebody").unwrap();
        replace(&path, b"1", 0o644).unwrap();
        replace(&path, b"22", 0o644).unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"22");
        assert_eq!(std::fs::read_dir(top.path()).unwrap().count(), 1);
        remove(&path).unwrap();
        remove(&path).unwrap();
        chown(top.path(), None, None).unwrap();
    }
}
