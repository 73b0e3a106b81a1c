//! A layer that is a copy of a directory.

use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use warren_lib_tree::usage;

use super::{Error, LayerInfo, io};
use crate::layer::{Compression, Digest, Dropped};
use crate::tree::{Method, copy};

/// Copies `from`, without what is mounted below it, into the empty `to`, sharing blocks where the file system can.
pub(super) fn copy_into(from: &Path, to: &Path, name: Digest) -> Result<LayerInfo, Error> {
    let source = File::open(from).map_err(io("open", from))?;
    let target = File::open(to).map_err(io("open", to))?;
    let device = source.metadata().map_err(io("look at", from))?.dev();
    let is_elsewhere = |path: &[u8]| {
        let meta = std::fs::symlink_metadata(from.join(OsStr::from_bytes(path)));
        meta.is_ok_and(|meta| meta.dev() != device)
    };
    copy(source.as_fd(), target.as_fd(), Method::Copy, &is_elsewhere).map_err(|error| {
        let path = from.join(error.path);
        io("copy", &path)(error.source)
    })?;
    let bytes = usage(target.as_fd()).map_err(io("count", to))?;
    Ok(LayerInfo {
        diff_id: name,
        blob: name,
        blob_size: 0,
        compression: Compression::None,
        bytes,
        entries: 0,
        dropped: Dropped::default(),
    })
}
