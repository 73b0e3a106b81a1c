//! Into the container: entries of an archive become files, one after the other.

use std::fs::File;
use std::io::{BufReader, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::{
    AtFlags, FileType, Mode, XattrFlags, chmodat, fchmod, fsetxattr, ftruncate, futimens, linkat,
    lsetxattr, makedev, mkdirat, mknodat, symlinkat, utimensat,
};
use rustix::io::Errno;
use warren_lib_tar::{Entry, Kind, Reader};

use crate::beneath::{Parent, Root, clear, is_directory, is_file, look, open_directory};
use crate::beside::{Beside, create};
use crate::error::{Error, Step, failed, shown};
use crate::made::{Made, times};

/// Data is moved in pieces of this size.
const PIECE: usize = 256 * 1024;

/// Unpacks an uncompressed tar archive below `destination`.
///
/// What is made belongs to the calling process; modes lose the bits of `umask` and set-id and
/// sticky bits, whatever the process's own umask is. Leading slashes of names are dropped, a name
/// with `..` is an error. Files and links that exist are replaced, never written through, and a file
/// by another only when that is whole; directories that exist keep their owner, mode and time.
/// Extended attributes that the kernel does not let the caller set are left out, as with tar. The
/// source is read to its end.
///
/// # Errors
/// [`Error`]; what was unpacked before it stays.
pub fn extract(archive: impl Read, destination: BorrowedFd<'_>, umask: u32) -> Result<(), Error> {
    let mut extraction = Extraction {
        root: Root::new(destination)?,
        made: Made::new(umask),
        umask,
        buffer: vec![0; PIECE],
    };
    let mut archive = Reader::new(BufReader::with_capacity(64 * 1024, archive));
    let outcome = extraction.all(&mut archive);
    // Also after a failure: what stands keeps no mode that was only meant for the time being.
    let finished = extraction.made.finish(&extraction.root);
    outcome.and(finished)
}

struct Extraction<'a> {
    root: Root<'a>,
    made: Made,
    umask: u32,
    buffer: Vec<u8>,
}

impl Extraction<'_> {
    fn all(&mut self, archive: &mut Reader<impl Read>) -> Result<(), Error> {
        while let Some(entry) = archive.next_entry()? {
            self.entry(&entry, archive)?;
        }
        // Writers pad with more zeros than the end needs; they must not meet a closed pipe.
        Ok(archive.drain()?)
    }

    fn entry(&mut self, entry: &Entry, archive: &mut Reader<impl Read>) -> Result<(), Error> {
        let components = components(&entry.path)?;
        let Some((name, above)) = components.split_last() else {
            // The archive's root, often stored as `./`: the destination, which exists.
            return match entry.kind {
                Kind::Directory => Ok(()),
                _ => Err(Error::Root),
            };
        };
        let parent = self.root.parent(above, &mut self.made)?;
        let path = components.join(&b'/');
        match &entry.kind {
            Kind::Directory => self.directory(&parent, name, &path, entry),
            Kind::File => self.file(&parent, name, &path, entry, archive),
            Kind::HardLink { target } => self.hard_link(&parent, name, &path, target),
            Kind::Symlink { target } => {
                self.instead(&parent, name, &path, Step::Create, |parent| {
                    symlinkat(target.as_slice(), parent, *name)
                })?;
                set_xattrs_by_path(&parent, name, &path, entry)?;
                set_time_by_path(&parent, name, &path, entry)
            }
            Kind::Fifo => self.special(&parent, name, &path, entry, FileType::Fifo, 0),
            Kind::CharDevice { major, minor } => {
                let (kind, device) = (FileType::CharacterDevice, makedev(*major, *minor));
                self.special(&parent, name, &path, entry, kind, device)
            }
            Kind::BlockDevice { major, minor } => {
                let (kind, device) = (FileType::BlockDevice, makedev(*major, *minor));
                self.special(&parent, name, &path, entry, kind, device)
            }
        }
    }

    /// Makes something that must not exist; what is in its place is removed and it is tried again.
    fn instead<T>(
        &mut self,
        parent: &Parent,
        name: &[u8],
        path: &[u8],
        step: Step,
        mut make: impl FnMut(BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<T, Error> {
        match make(parent.fd()) {
            Err(Errno::EXIST) => {}
            done => return done.map_err(failed(step, path)),
        }
        clear(parent.fd(), name).map_err(failed(Step::Remove, path))?;
        self.root.forget();
        make(parent.fd()).map_err(failed(step, path))
    }

    fn directory(
        &mut self,
        parent: &Parent,
        name: &[u8],
        path: &[u8],
        entry: &Entry,
    ) -> Result<(), Error> {
        match look(parent.fd(), name).map_err(failed(Step::Read, path))? {
            Some(stat) if is_directory(&stat) => {
                let id = (stat.st_dev, stat.st_ino);
                if !self.made.again(id, entry.mode, entry.mtime) {
                    return Ok(());
                }
            }
            _ => {
                self.instead(parent, name, path, Step::Create, |parent| {
                    mkdirat(parent, name, Mode::RWXU)
                })?;
                let made = open_directory(parent.fd(), name).map_err(failed(Step::Read, path))?;
                self.made.entry(path, &made, entry.mode, entry.mtime)?;
            }
        }
        if entry.xattrs.is_empty() {
            return Ok(());
        }
        let directory = open_directory(parent.fd(), name).map_err(failed(Step::Read, path))?;
        set_xattrs(&directory, path, entry)
    }

    fn file(
        &mut self,
        parent: &Parent,
        name: &[u8],
        path: &[u8],
        entry: &Entry,
        archive: &mut Reader<impl Read>,
    ) -> Result<(), Error> {
        match create(parent.fd(), name) {
            Err(Errno::EXIST) => {}
            // As a rule.
            made => {
                let file = File::from(made.map_err(failed(Step::Create, path))?);
                return self.fill(&file, path, entry, archive);
            }
        }
        let there = look(parent.fd(), name).map_err(failed(Step::Read, path))?;
        if !there.is_some_and(|stat| is_file(&stat)) {
            let file = self.instead(parent, name, path, Step::Create, |parent| {
                create(parent, name)
            })?;
            return self.fill(&File::from(file), path, entry, archive);
        }
        // Who reads it has the one or the other, and nobody half of one, wherever the archive ends.
        let (beside, file) = Beside::create(parent.fd()).map_err(failed(Step::Create, path))?;
        self.fill(&File::from(file), path, entry, archive)?;
        beside.place(name).map_err(failed(Step::Remove, path))
    }

    /// Writes what is to be in a file just made, and says how it is to be.
    fn fill(
        &mut self,
        file: &File,
        path: &[u8],
        entry: &Entry,
        archive: &mut Reader<impl Read>,
    ) -> Result<(), Error> {
        if let Some(sparse) = &entry.sparse {
            ftruncate(file, sparse.size).map_err(failed(Step::Write, path))?;
        }
        archive.copy_data(entry, &mut self.buffer, |piece, at| {
            let written = file.write_all_at(piece, at);
            written.map_err(|error| failed(Step::Write, path)(errno(&error)))
        })?;
        // After the data, as writing takes capabilities away; before the mode, as the mode may
        // take the permission to set them away, and an access list would change the mode.
        set_xattrs(file, path, entry)?;
        fchmod(file, self.mode(entry)).map_err(failed(Step::ChangeMode, path))?;
        futimens(file, &times(entry.mtime)).map_err(failed(Step::SetTime, path))
    }

    fn hard_link(
        &mut self,
        parent: &Parent,
        name: &[u8],
        path: &[u8],
        target: &[u8],
    ) -> Result<(), Error> {
        let error = failed(Step::Link, path);
        let to = components(target)?;
        let Some((to_name, to_above)) = to.split_last() else {
            return Err(error(Errno::ISDIR));
        };
        let holder = self.root.find(&to_above.join(&b'/')).map_err(error)?;
        let link =
            |parent: BorrowedFd<'_>| linkat(&holder, *to_name, parent, name, AtFlags::empty());
        match link(parent.fd()) {
            Err(Errno::EXIST) => {}
            done => return done.map_err(error),
        }
        // One file under both names is what is wanted; removing the name could lose it.
        let there = look(parent.fd(), name).map_err(error)?;
        let wanted = look(std::os::fd::AsFd::as_fd(&holder), to_name).map_err(error)?;
        let id = |stat: Option<rustix::fs::Stat>| stat.map(|stat| (stat.st_dev, stat.st_ino));
        if id(there) == id(wanted) {
            return Ok(());
        }
        clear(parent.fd(), name).map_err(failed(Step::Remove, path))?;
        self.root.forget();
        link(parent.fd()).map_err(error)
    }

    fn special(
        &mut self,
        parent: &Parent,
        name: &[u8],
        path: &[u8],
        entry: &Entry,
        kind: FileType,
        device: u64,
    ) -> Result<(), Error> {
        self.instead(parent, name, path, Step::Create, |parent| {
            mknodat(parent, name, kind, Mode::RUSR | Mode::WUSR, device)
        })?;
        set_xattrs_by_path(parent, name, path, entry)?;
        // It has just been made and is no link.
        chmodat(parent.fd(), name, self.mode(entry), AtFlags::empty())
            .map_err(failed(Step::ChangeMode, path))?;
        set_time_by_path(parent, name, path, entry)
    }

    fn mode(&self, entry: &Entry) -> Mode {
        Mode::from_raw_mode(entry.mode & 0o777 & !self.umask)
    }
}

/// A writer that writes nothing says no errno.
fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// A name without `.`, empty components and leading slashes.
fn components(path: &[u8]) -> Result<Vec<&[u8]>, Error> {
    let parts = path.split(|byte| *byte == b'/');
    let parts: Vec<&[u8]> = parts.filter(|part| !matches!(*part, b"" | b".")).collect();
    if parts.contains(&b"..".as_slice()) {
        return Err(Error::ParentDirectory { path: shown(path) });
    }
    Ok(parts)
}

fn set_xattrs(file: impl AsFd + Copy, path: &[u8], entry: &Entry) -> Result<(), Error> {
    for (name, value) in &entry.xattrs {
        let set = fsetxattr(file, name.as_slice(), value, XattrFlags::empty());
        or_refused(set, path)?;
    }
    Ok(())
}

/// For what must not be opened. The way is through the parent's descriptor, so that nothing on it
/// can be a symbolic link.
fn set_xattrs_by_path(
    parent: &Parent,
    name: &[u8],
    path: &[u8],
    entry: &Entry,
) -> Result<(), Error> {
    for (key, value) in &entry.xattrs {
        let place = format!("/proc/self/fd/{}", parent.fd().as_raw_fd());
        let place = Path::new(&place).join(std::ffi::OsStr::from_bytes(name));
        let set = lsetxattr(place, key.as_slice(), value, XattrFlags::empty());
        match set {
            // No /proc here.
            Err(Errno::NOENT) => {}
            set => or_refused(set, path)?,
        }
    }
    Ok(())
}

/// Which attributes may be set depends on privileges and file system; tar only warns.
fn or_refused(set: Result<(), Errno>, path: &[u8]) -> Result<(), Error> {
    match set {
        Err(
            Errno::PERM
            | Errno::ACCESS
            | Errno::OPNOTSUPP
            | Errno::INVAL
            | Errno::RANGE
            | Errno::TOOBIG,
        ) => Ok(()),
        set => set.map_err(failed(Step::SetXattr, path)),
    }
}

fn set_time_by_path(parent: &Parent, name: &[u8], path: &[u8], entry: &Entry) -> Result<(), Error> {
    let nofollow = AtFlags::SYMLINK_NOFOLLOW;
    utimensat(parent.fd(), name, &times(entry.mtime), nofollow).map_err(failed(Step::SetTime, path))
}
