//! Marks for hidden entries, made anew after a store was moved.
//!
//! Marks are devices and attributes that most ways of copying a directory leave behind, and another
//! file system or user namespace may take another form of them. What a layer hides is always in its
//! `hidden`, so the marks are made again from that when the store is opened in another place.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;

use rustix::fs::{
    AtFlags, FileType, Timespec, Timestamps, UTIME_OMIT, fstat, statat, unlinkat, utimensat,
};
use rustix::io::Errno;

use super::lock::{Hold, Lock};
use super::{Error, Lease, Store, io, write_whole};
use crate::tree::open_beneath;

impl Store {
    /// Sees that all layers are marked for where the store is now.
    pub(super) fn remark(&self) -> Result<(), Error> {
        let root = self.root();
        let meta = std::fs::metadata(root).map_err(io("look at", root))?;
        let here = format!("{:?}", (meta.dev(), meta.ino(), self.report.markers));
        let path = root.join("marks");
        let is_current = || std::fs::read_to_string(&path).is_ok_and(|there| there == here);
        if is_current() {
            return Ok(());
        }
        let lock_path = self.lock_path("store", "marks");
        let _lock = Lock::wait(&lock_path, Hold::Exclusive).map_err(io("lock", &lock_path))?;
        if is_current() {
            return Ok(());
        }
        for layer in self.layers()? {
            if let Some(lease) = self.lease(layer)? {
                self.remark_layer(&lease)?;
            }
        }
        write_whole(&path, here.as_bytes())
    }

    fn remark_layer(&self, layer: &Lease) -> Result<(), Error> {
        let hidden = layer.hidden()?;
        if hidden.is_empty() {
            return Ok(());
        }
        let diff = layer.diff();
        let top = File::open(&diff).map_err(io("open", &diff))?;
        let failed = |errno: Errno| io("mark", &diff)(errno);
        for path in &hidden.whiteouts {
            let slash = path.iter().rposition(|byte| *byte == b'/');
            let (above, name) = match slash {
                Some(slash) => (path.get(..slash), path.get(slash + 1..)),
                None => (Some(b"".as_slice()), Some(path.as_slice())),
            };
            let (Some(above), Some(name)) = (above, name) else {
                continue;
            };
            if let Some(parent) = open_beneath(top.as_fd(), above).map_err(failed)? {
                self.remark_one(&parent, name).map_err(failed)?;
            }
        }
        for path in &hidden.opaque {
            if let Some(directory) = open_beneath(top.as_fd(), path).map_err(failed)? {
                let marked = self.report.markers.opaque(directory.as_fd());
                marked.map_err(failed)?;
            }
        }
        Ok(())
    }

    fn remark_one(&self, parent: &impl AsFd, name: &[u8]) -> Result<(), Errno> {
        match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            // A device is understood everywhere.
            Ok(stat)
                if FileType::from_raw_mode(stat.st_mode) == FileType::CharacterDevice
                    && stat.st_rdev == 0 =>
            {
                return Ok(());
            }
            Ok(_) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        let before = fstat(parent)?;
        // The layer has no entry of that name, so what is there is a mark.
        match unlinkat(parent, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(errno) => return Err(errno),
        }
        self.report.markers.whiteout(parent.as_fd(), name)?;
        let times = Timestamps {
            last_access: Timespec {
                tv_sec: 0,
                tv_nsec: UTIME_OMIT,
            },
            last_modification: Timespec {
                tv_sec: before.st_mtime,
                tv_nsec: i64::try_from(before.st_mtime_nsec).unwrap_or(0),
            },
        };
        utimensat(parent, ".", &times, AtFlags::empty())
    }
}
