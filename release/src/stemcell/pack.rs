//! A stemcell's image: a root file system with what a plan puts over it, as one compressed archive.
//!
//! Members are sorted. What the plan puts has one fixed time; the rest has its own, in whole
//! seconds, so the image of a root file system is the same as often as it is packed.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use sha2::Digest as _;
use warren_lib_tar::{Entry, Kind, Time, WriteError, Writer};

use super::error::file;
use super::plan::{EMPTIED, LEFT_OUT};
use super::{Error, Node, Plan, Put};
use crate::archive::{EPOCH, member};
use crate::hash::{Hashing, Sums};

/// The extended attribute by which programs have more rights than whoever starts them.
const CAPABILITY: &str = "security.capability";

/// A packed image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// Of the compressed bytes.
    pub sums: Sums,
    /// `sha256:HEX` of the uncompressed bytes.
    pub diff_id: String,
    /// Number of the uncompressed bytes.
    pub bytes: u64,
    /// How many members it has.
    pub members: u64,
}

/// A member to be.
enum Source<'a> {
    Base(PathBuf, Metadata),
    Put(&'a Put),
    /// A directory on the way to something that is put.
    Way,
}

/// Packs a root file system into `to`.
///
/// # Errors
/// [`Error`]; what was written until then is for the caller to remove.
pub fn pack<W: Write>(root: &Path, plan: &Plan, to: W) -> Result<(Image, W), Error> {
    let members = members(root, plan)?;
    let encoder = GzBuilder::new()
        .mtime(0)
        .write(Hashing::new(to), flate2::Compression::new(6));
    let plain = Plain {
        to: encoder,
        state: sha2::Sha256::new(),
        bytes: 0,
    };
    let mut writer = Writer::new(BufWriter::with_capacity(256 * 1024, plain));
    writer.start(&member(b"./", Kind::Directory, 0o755, 0))?;
    let mut links: HashMap<(u64, u64), Vec<u8>> = HashMap::new();
    let mut count = 1;
    for (path, source) in &members {
        count += u64::from(write(&mut writer, path, source, &mut links)?);
    }
    let buffer = writer.finish()?;
    let plain = buffer
        .into_inner()
        .map_err(|error| WriteError::Write(error.into_error()))?;
    let hex: String = plain
        .state
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let hashing = plain.to.finish().map_err(WriteError::Write)?;
    let sums = hashing.sums();
    let image = Image {
        sums,
        diff_id: format!("sha256:{hex}"),
        bytes: plain.bytes,
        members: count,
    };
    Ok((image, hashing.into_inner()))
}

/// The uncompressed bytes on their way to the compressor.
struct Plain<W: Write> {
    to: GzEncoder<W>,
    state: sha2::Sha256,
    bytes: u64,
}

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.state.update(bytes.get(..written).unwrap_or_default());
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// All members by path, without a slash before or after.
fn members<'a>(root: &Path, plan: &'a Plan) -> Result<BTreeMap<Vec<u8>, Source<'a>>, Error> {
    let mut members = BTreeMap::new();
    let mut rest = vec![(root.to_owned(), Vec::new())];
    while let Some((folder, name)) = rest.pop() {
        for entry in fs::read_dir(&folder).map_err(file("list", &folder))? {
            let entry = entry.map_err(file("list", &folder))?;
            let mut path: Vec<u8> = name.clone();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend(entry.file_name().as_bytes());
            let meta = entry.metadata().map_err(file("look at", &entry.path()))?;
            if is_left_out(&path) || meta.file_type().is_socket() {
                continue;
            }
            let is_emptied = EMPTIED.iter().any(|one| one.as_bytes() == path);
            if meta.is_dir() && !is_emptied {
                rest.push((entry.path(), path.clone()));
            }
            members.insert(path, Source::Base(entry.path(), meta));
        }
    }
    for (path, put) in &plan.puts {
        for (at, _) in path.match_indices('/') {
            let parent = path.get(..at).unwrap_or_default();
            match members.get(parent.as_bytes()) {
                None => {
                    members.insert(parent.as_bytes().to_vec(), Source::Way);
                }
                Some(source) if is_directory(source) => {}
                Some(_) => {
                    let path = parent.to_owned();
                    return Err(Error::InTheWay { path });
                }
            }
        }
        let is_folder = members.get(path.as_bytes()).map(is_directory);
        match (is_folder, &put.node) {
            (Some(true), Node::Directory) | (None, _) => {}
            (Some(false), node) if *node != Node::Directory => {}
            _ => {
                let path = path.clone();
                return Err(Error::InTheWay { path });
            }
        }
        members.insert(path.as_bytes().to_vec(), Source::Put(put));
    }
    Ok(members)
}

fn is_left_out(path: &[u8]) -> bool {
    LEFT_OUT.iter().any(|one| one.as_bytes() == path) || path.starts_with(b"etc/ssh/ssh_host_")
}

fn is_directory(source: &Source<'_>) -> bool {
    match source {
        Source::Base(_, meta) => meta.is_dir(),
        Source::Put(put) => put.node == Node::Directory,
        Source::Way => true,
    }
}

/// Writes one member; whether it did.
fn write<W: Write>(
    writer: &mut Writer<W>,
    path: &[u8],
    source: &Source<'_>,
    links: &mut HashMap<(u64, u64), Vec<u8>>,
) -> Result<bool, Error> {
    let name = [b"./", path].concat();
    let folder = [name.as_slice(), b"/"].concat();
    match source {
        Source::Way => writer.start(&member(&folder, Kind::Directory, 0o755, 0))?,
        Source::Put(put) => {
            let entry = |name: &[u8], kind, stored| {
                let mut entry = member(name, kind, put.mode, stored);
                (entry.uid, entry.gid) = (put.uid, put.gid);
                entry
            };
            match &put.node {
                Node::Directory => writer.start(&entry(&folder, Kind::Directory, 0))?,
                Node::Symlink(target) => {
                    let target = target.clone().into_bytes();
                    writer.start(&entry(&name, Kind::Symlink { target }, 0))?;
                }
                Node::Bytes(bytes) => {
                    writer.start(&entry(&name, Kind::File, bytes.len() as u64))?;
                    writer.data(bytes)?;
                }
                Node::Copy(from) => {
                    let opened = File::open(from).map_err(file("open", from))?;
                    let size = opened.metadata().map_err(file("look at", from))?.len();
                    writer.start(&entry(&name, Kind::File, size))?;
                    data(writer, opened, from)?;
                }
            }
        }
        Source::Base(from, meta) => return base(writer, name, folder, (from, meta), links),
    }
    Ok(true)
}

fn base<W: Write>(
    writer: &mut Writer<W>,
    name: Vec<u8>,
    folder: Vec<u8>,
    (from, meta): (&Path, &Metadata),
    links: &mut HashMap<(u64, u64), Vec<u8>>,
) -> Result<bool, Error> {
    let kind = meta.file_type();
    let device = || {
        let device = meta.rdev();
        (rustix::fs::major(device), rustix::fs::minor(device))
    };
    let mut entry = Entry {
        uid: meta.uid(),
        gid: meta.gid(),
        mtime: Time {
            seconds: meta.mtime().max(EPOCH),
            nanoseconds: 0,
        },
        ..member(&name, Kind::File, meta.mode() & 0o7777, 0)
    };
    if kind.is_dir() {
        entry.path = folder;
        entry.kind = Kind::Directory;
    } else if kind.is_symlink() {
        let target = fs::read_link(from).map_err(file("read", from))?;
        let target = target.as_os_str().as_bytes().to_vec();
        entry.kind = Kind::Symlink { target };
    } else if kind.is_fifo() {
        entry.kind = Kind::Fifo;
    } else if kind.is_char_device() {
        let (major, minor) = device();
        entry.kind = Kind::CharDevice { major, minor };
    } else if kind.is_block_device() {
        let (major, minor) = device();
        entry.kind = Kind::BlockDevice { major, minor };
    } else if kind.is_file() {
        let id = (meta.dev(), meta.ino());
        if let Some(target) = links.get(&id).filter(|_| meta.nlink() > 1) {
            entry.kind = Kind::HardLink {
                target: target.clone(),
            };
            writer.start(&entry)?;
            return Ok(true);
        }
        links.insert(id, name);
        let opened = File::open(from).map_err(file("open", from))?;
        entry.stored = opened.metadata().map_err(file("look at", from))?.len();
        if let Some(value) = capability(from)? {
            entry.xattrs.push((CAPABILITY.into(), value));
        }
        writer.start(&entry)?;
        data(writer, opened, from)?;
        return Ok(true);
    } else {
        return Ok(false);
    }
    writer.start(&entry)?;
    Ok(true)
}

fn data<W: Write>(writer: &mut Writer<W>, mut opened: File, from: &Path) -> Result<(), Error> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match opened.read(&mut buffer) {
            Ok(0) => return Ok(()),
            Ok(read) => writer.data(buffer.get(..read).unwrap_or_default())?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(file("read", from)(error)),
        }
    }
}

/// A program's capabilities, where the file system has such a thing.
fn capability(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let mut value = [0u8; 64];
    let path: &OsStr = path.as_os_str();
    match rustix::fs::lgetxattr(path, CAPABILITY, &mut value) {
        Ok(length) => Ok(value.get(..length).map(<[u8]>::to_vec)),
        Err(rustix::io::Errno::NODATA | rustix::io::Errno::NOTSUP) => Ok(None),
        Err(error) => Err(file("read the capabilities of", Path::new(path))(
            error.into(),
        )),
    }
}
