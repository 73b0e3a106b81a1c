//! One entry after the other.

use std::fs::File;
use std::io::Read;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;

use rustix::fs::{
    AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, UTIME_OMIT, Uid, XattrFlags,
    chmodat, chownat, fchmod, fchown, fsetxattr, ftruncate, futimens, linkat, lsetxattr, makedev,
    mkdirat, mknodat, openat, symlinkat, utimensat,
};
use rustix::io::Errno;

use super::{Dropped, Error, Limits};
use crate::layer::beneath::{
    EntryError, Operation, Parent, Root, failed, is_directory, open_directory, proc_path,
};
use crate::layer::hidden::Hidden;
use crate::layer::marker::{Markers, is_overlay_attribute};
use crate::layer::path::{Marked, components, marked};
use warren_lib_tar::{Entry, Kind, Reader, Time, shown};

/// Data is moved in pieces of this size.
const PIECE: usize = 256 * 1024;

/// The unpacking of one archive.
pub(super) struct Entries {
    root: Root,
    markers: Markers,
    limits: Limits,
    hidden: Hidden,
    dropped: Dropped,
    /// Directories' times, set when nothing is written into them any more.
    times: Vec<(Vec<u8>, Time)>,
    bytes: u64,
    entries: u64,
    buffer: Vec<u8>,
}

impl Entries {
    pub(super) fn new(root: Root, markers: Markers, limits: Limits) -> Self {
        Self {
            root,
            markers,
            limits,
            hidden: Hidden::default(),
            dropped: Dropped::default(),
            times: Vec::new(),
            bytes: 0,
            entries: 0,
            buffer: vec![0; PIECE],
        }
    }

    /// Unpacks up to the archive's end.
    pub(super) fn all(&mut self, archive: &mut Reader<impl Read>) -> Result<(), Error> {
        while let Some(entry) = archive.next_entry()? {
            self.entries += 1;
            if self.entries > self.limits.entries {
                let limit = self.limits.entries;
                return Err(Error::TooManyEntries { limit });
            }
            self.bytes = self.bytes.saturating_add(entry.stored);
            if self.bytes > self.limits.bytes {
                let limit = self.limits.bytes;
                return Err(Error::TooManyBytes { limit });
            }
            self.entry(&entry, archive)?;
        }
        Ok(())
    }

    /// Sets what had to wait, and tells what there was.
    pub(super) fn finish(mut self) -> Result<(Hidden, Dropped, u64, u64), Error> {
        // Parents stand before their children, whose marking touches them.
        for path in &self.hidden.opaque {
            if let Ok(directory) = self.root.find(path)
                && *directory.path == **path
            {
                let hide = self.markers.opaque(directory.fd());
                hide.map_err(failed(Operation::Hide, path))?;
            }
        }
        for (path, time) in std::mem::take(&mut self.times).into_iter().rev() {
            // Something else may have taken its place, even a link to somewhere else.
            if let Ok(directory) = self.root.find(&path)
                && *directory.path == *path
            {
                utimensat(directory.fd(), ".", &times(time), AtFlags::empty())
                    .map_err(failed(Operation::SetTime, &path))?;
            }
        }
        Ok((self.hidden, self.dropped, self.bytes, self.entries))
    }

    fn entry(&mut self, entry: &Entry, archive: &mut Reader<impl Read>) -> Result<(), Error> {
        let invalid = |source| Error::Path {
            path: shown(&entry.path),
            source,
        };
        let components = components(&entry.path).map_err(invalid)?;
        let Some((name, above)) = components.split_last() else {
            return self.root_entry(entry);
        };
        match marked(name).map_err(invalid)? {
            Marked::No => {}
            Marked::Aufs => {
                self.dropped.reserved += 1;
                return Ok(());
            }
            Marked::Opaque => {
                let directory = self.parent(above)?;
                self.hidden.opaque.insert(directory.path.to_vec());
                return Ok(());
            }
            Marked::Whiteout(victim) => return self.whiteout(above, victim),
        }
        if matches!(entry.kind, Kind::CharDevice { major: 0, minor: 0 }) {
            // It would hide what is below, without being on the list of what is hidden.
            self.dropped.reserved += 1;
            return Ok(());
        }
        let parent = self.parent(above)?;
        let path = parent.child(name);
        if entry.kind == Kind::Directory {
            return self.directory(&parent, name, entry);
        }
        if let Kind::HardLink { target } = &entry.kind {
            return self.hard_link(&parent, name, target);
        }
        self.clear(&parent, name, &path)?;
        let created = match &entry.kind {
            Kind::File => return self.file(&parent, name, entry, archive),
            Kind::Symlink { target } => symlinkat(target.as_slice(), parent.fd(), *name),
            Kind::Fifo => mknodat(parent.fd(), *name, FileType::Fifo, Mode::RUSR, 0),
            Kind::CharDevice { major, minor } => {
                self.device(&parent, name, FileType::CharacterDevice, *major, *minor)
            }
            Kind::BlockDevice { major, minor } => {
                self.device(&parent, name, FileType::BlockDevice, *major, *minor)
            }
            Kind::Directory | Kind::HardLink { .. } => Ok(()),
        };
        match created {
            Err(Errno::PERM) if is_device(&entry.kind) => {
                self.dropped.devices += 1;
                return Ok(());
            }
            created => created.map_err(failed(Operation::Create, &path))?,
        }
        self.special_attributes(&parent, name, entry)
    }

    /// The archive's own root, often stored as `./`.
    fn root_entry(&mut self, entry: &Entry) -> Result<(), Error> {
        if entry.kind != Kind::Directory {
            return Err(Error::Root);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(self.root.directory(), ".", flags, Mode::empty())
            .map_err(failed(Operation::Inspect, b""))?;
        self.attributes(&directory, b"", entry)?;
        self.times.push((Vec::new(), entry.mtime));
        Ok(())
    }

    /// The directory an entry belongs in. A whiteout where a directory should be means that the
    /// layer replaces what is below by a directory.
    fn parent(&mut self, above: &[&[u8]]) -> Result<Parent, EntryError> {
        let hidden = &mut self.hidden;
        let found = self.root.parent(above, &mut |parent, name| {
            let path = parent.child(name);
            if !hidden.whiteouts.remove(&path) {
                return Ok(false);
            }
            rustix::fs::unlinkat(parent.fd(), name, AtFlags::empty())
                .map_err(failed(Operation::Remove, &path))?;
            mkdirat(parent.fd(), name, Mode::from(0o755))
                .map_err(failed(Operation::Create, &path))?;
            chmodat(parent.fd(), name, Mode::from(0o755), AtFlags::empty())
                .map_err(failed(Operation::ChangeMode, &path))?;
            hidden.opaque.insert(path);
            Ok(true)
        })?;
        // The same where the file system holds no whiteouts, so that nothing was in the way.
        if !self.hidden.whiteouts.is_empty() {
            let ends = (0..found.path.len()).filter(|at| found.path.get(*at) == Some(&b'/'));
            for end in ends.chain([found.path.len()]) {
                let above = found.path.get(..end).unwrap_or_default();
                if self.hidden.whiteouts.remove(above) {
                    self.hidden.opaque.insert(above.to_vec());
                }
            }
        }
        Ok(found)
    }

    /// Makes room for an entry that is no directory.
    fn clear(&mut self, parent: &Parent, name: &[u8], path: &[u8]) -> Result<(), Error> {
        self.hidden.whiteouts.remove(path);
        if let Some(stat) = parent.stat(name)? {
            if is_directory(&stat) {
                self.forget_below(path);
            }
            self.root.remove(parent, name)?;
        }
        Ok(())
    }

    /// A directory goes: nothing in it hides anything any more.
    fn forget_below(&mut self, path: &[u8]) {
        let below = [path, b"/"].concat();
        let keep = |known: &Vec<u8>| known != path && !known.starts_with(&below);
        self.hidden.whiteouts.retain(keep);
        self.hidden.opaque.retain(keep);
    }

    fn whiteout(&mut self, above: &[&[u8]], victim: &[u8]) -> Result<(), Error> {
        let parent = self.parent(above)?;
        let path = parent.child(victim);
        match parent.stat(victim)? {
            // This layer's own entry hides what is below by itself.
            Some(stat) if is_directory(&stat) => {
                self.hidden.opaque.insert(path);
            }
            Some(_) => {}
            None => {
                self.markers
                    .whiteout(parent.fd(), victim)
                    .map_err(failed(Operation::Hide, &path))?;
                self.hidden.whiteouts.insert(path);
            }
        }
        Ok(())
    }

    fn directory(&mut self, parent: &Parent, name: &[u8], entry: &Entry) -> Result<(), Error> {
        let path = parent.child(name);
        let there = parent.stat(name)?;
        let is_hidden = self.hidden.whiteouts.remove(&path);
        let exists = there.as_ref().is_some_and(is_directory);
        if !exists {
            if there.is_some() {
                self.root.remove(parent, name)?;
            }
            mkdirat(parent.fd(), name, Mode::RWXU).map_err(failed(Operation::Create, &path))?;
        }
        if is_hidden {
            self.hidden.opaque.insert(path.clone());
        }
        let directory = open_directory(parent, name)?;
        self.attributes(&directory, &path, entry)?;
        self.times.push((path, entry.mtime));
        Ok(())
    }

    fn hard_link(&mut self, parent: &Parent, name: &[u8], target: &[u8]) -> Result<(), Error> {
        let invalid = |source| Error::Path {
            path: shown(target),
            source,
        };
        let to = components(target).map_err(invalid)?;
        let path = parent.child(name);
        let link = failed(Operation::Link, &path);
        let Some((to_name, to_above)) = to.split_last() else {
            return Err(link(Errno::ISDIR).into());
        };
        let holder = self.root.find(&to_above.join(&b'/')).map_err(link)?;
        let to_path = holder.child(to_name);
        // What marks it as hidden is no file of the archive.
        if self.hidden.whiteouts.contains(&to_path) {
            return Err(link(Errno::NOENT).into());
        }
        if to_path == path {
            // A link to itself changes nothing, if it is there.
            return match parent.stat(name)? {
                Some(_) => Ok(()),
                None => Err(link(Errno::NOENT).into()),
            };
        }
        // Looked at first: a directory that holds the target must not be removed for the link.
        match holder.stat(to_name)? {
            None => return Err(link(Errno::NOENT).into()),
            Some(stat) if is_directory(&stat) => return Err(link(Errno::ISDIR).into()),
            Some(_) => {}
        }
        self.clear(parent, name, &path)?;
        linkat(holder.fd(), *to_name, parent.fd(), name, AtFlags::empty()).map_err(link)?;
        Ok(())
    }

    fn file(
        &mut self,
        parent: &Parent,
        name: &[u8],
        entry: &Entry,
        archive: &mut Reader<impl Read>,
    ) -> Result<(), Error> {
        let path = parent.child(name);
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mode = Mode::RUSR | Mode::WUSR;
        let file =
            openat(parent.fd(), name, flags, mode).map_err(failed(Operation::Create, &path))?;
        let file = File::from(file);
        if let Some(sparse) = &entry.sparse {
            ftruncate(&file, sparse.size).map_err(failed(Operation::Write, &path))?;
        }
        archive.copy_data(entry, &mut self.buffer, |piece, at| {
            let written = file.write_all_at(piece, at);
            // A writer that writes nothing says no errno.
            let errno = |error| Errno::from_io_error(&error).unwrap_or(Errno::IO);
            Ok::<_, Error>(written.map_err(|error| failed(Operation::Write, &path)(errno(error)))?)
        })?;
        self.attributes(&file, &path, entry)?;
        futimens(&file, &times(entry.mtime)).map_err(failed(Operation::SetTime, &path))?;
        Ok(())
    }

    fn device(
        &self,
        parent: &Parent,
        name: &[u8],
        kind: FileType,
        major: u32,
        minor: u32,
    ) -> Result<(), Errno> {
        mknodat(parent.fd(), name, kind, Mode::RUSR, makedev(major, minor))
    }

    /// Owner first: chown(2) clears set-id bits and capabilities.
    fn attributes(
        &mut self,
        file: impl AsFd + Copy,
        path: &[u8],
        entry: &Entry,
    ) -> Result<(), Error> {
        let (uid, gid) = owner(entry);
        fchown(file, uid, gid).map_err(failed(Operation::ChangeOwner, path))?;
        fchmod(file, Mode::from_raw_mode(entry.mode))
            .map_err(failed(Operation::ChangeMode, path))?;
        for (name, value) in self.own_xattrs(entry) {
            let set = fsetxattr(file, name.as_slice(), value, XattrFlags::empty());
            self.count_xattr(set, path)?;
        }
        Ok(())
    }

    /// The same for what must not be opened.
    fn special_attributes(
        &mut self,
        parent: &Parent,
        name: &[u8],
        entry: &Entry,
    ) -> Result<(), Error> {
        let path = parent.child(name);
        let (uid, gid) = owner(entry);
        let nofollow = AtFlags::SYMLINK_NOFOLLOW;
        chownat(parent.fd(), name, uid, gid, nofollow)
            .map_err(failed(Operation::ChangeOwner, &path))?;
        if !matches!(entry.kind, Kind::Symlink { .. }) {
            // It has just been made and is no link.
            chmodat(
                parent.fd(),
                name,
                Mode::from_raw_mode(entry.mode),
                AtFlags::empty(),
            )
            .map_err(failed(Operation::ChangeMode, &path))?;
        }
        for (key, value) in self.own_xattrs(entry) {
            let place = proc_path(parent, name);
            let set = lsetxattr(place, key.as_slice(), value, XattrFlags::empty());
            self.count_xattr(set, &path)?;
        }
        utimensat(parent.fd(), name, &times(entry.mtime), nofollow)
            .map_err(failed(Operation::SetTime, &path))?;
        Ok(())
    }

    /// The attributes that an archive may carry.
    fn own_xattrs<'a>(&mut self, entry: &'a Entry) -> Vec<&'a (Vec<u8>, Vec<u8>)> {
        let (reserved, own): (Vec<_>, Vec<_>) = entry
            .xattrs
            .iter()
            .partition(|(name, _)| is_overlay_attribute(name));
        self.dropped.reserved += reserved.len() as u64;
        own
    }

    /// Refused attributes are counted: which are possible depends on privileges and file system.
    fn count_xattr(&mut self, set: Result<(), Errno>, path: &[u8]) -> Result<(), Error> {
        match set {
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::INVAL | Errno::RANGE | Errno::TOOBIG) => {
                self.dropped.xattrs += 1;
                Ok(())
            }
            set => Ok(set.map_err(failed(Operation::SetXattr, path))?),
        }
    }
}

fn is_device(kind: &Kind) -> bool {
    matches!(kind, Kind::CharDevice { .. } | Kind::BlockDevice { .. })
}

fn owner(entry: &Entry) -> (Option<Uid>, Option<Gid>) {
    (
        Some(Uid::from_raw(entry.uid)),
        Some(Gid::from_raw(entry.gid)),
    )
}

fn times(time: Time) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: time.seconds,
            tv_nsec: time.nanoseconds.into(),
        },
    }
}
