//! Archives become directories: all of one or nothing, and nothing outside it.
//!
//! An archive is unpacked into a directory beside its destination, whose name begins with `.new-`,
//! and renamed when it is complete. So a destination that exists is complete, whenever the agent
//! ends. Left-overs are removed with [`sweep`].

use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use flate2::read::MultiGzDecoder;
use rustix::fs::statvfs;

use crate::files::{self, FileError, failed};
use crate::owner::Owner;

/// How directories on their way are called.
const PREFIX: &str = ".new-";
/// The first bytes of gzip.
const GZIP: [u8; 2] = [0x1f, 0x8b];

/// An archive could not be unpacked.
#[derive(Debug, thiserror::Error)]
pub enum UnpackError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The archive.
    #[error("cannot unpack {}", archive.display())]
    Archive {
        /// Which.
        archive: PathBuf,
        /// Why not.
        source: warren_container_stream::Error,
    },
    /// Not enough room.
    #[error("{} unpacks to more than the {free} bytes that are free", archive.display())]
    TooLarge {
        /// Which.
        archive: PathBuf,
        /// How many bytes are free.
        free: u64,
    },
}

/// Whether an archive is compressed.
///
/// # Errors
/// [`FileError`].
pub fn is_gzip(archive: &Path) -> Result<bool, FileError> {
    let mut file = File::open(archive).map_err(failed("open", archive))?;
    let mut first = [0; 2];
    match file.read_exact(&mut first) {
        Ok(()) => Ok(first == GZIP),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(failed("read", archive)(error)),
    }
}

/// Unpacks a tar archive, compressed with gzip or not, to a new directory beside `destination`.
/// `finish` sees it before it gets its name; what is at `destination` is replaced then.
///
/// # Errors
/// [`UnpackError`], or that of `finish`; nothing is left behind.
pub fn unpack<E: From<UnpackError>>(
    archive: &Path,
    destination: &Path,
    finish: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    let parent = destination.parent().unwrap_or(Path::new("/"));
    let new = tempfile::Builder::new()
        .prefix(PREFIX)
        .tempdir_in(parent)
        .map_err(failed("make a directory in", parent))
        .map_err(UnpackError::from)?;
    extract(archive, new.path())?;
    finish(new.path())?;
    settle(new, destination).map_err(UnpackError::from)?;
    Ok(())
}

/// Gives a complete directory its name.
fn settle(new: tempfile::TempDir, destination: &Path) -> Result<(), FileError> {
    files::remove(destination)?;
    write_out(new.path())?;
    std::fs::rename(new.path(), destination).map_err(failed("name", destination))?;
    // It is not there under the old name any more.
    let _ = new.keep();
    Ok(())
}

/// Has all that was written to a directory's file system be on the disk: before a name says that something is
/// complete, which may be there after a crash of the machine when its content is not.
///
/// # Errors
/// [`FileError`].
pub fn write_out(directory: &Path) -> Result<(), FileError> {
    let file = File::open(directory).map_err(failed("open", directory))?;
    rustix::fs::syncfs(&file).map_err(|errno| failed("write", directory)(errno.into()))
}

/// Unpacks into a directory that is there.
///
/// # Errors
/// [`UnpackError`].
pub fn extract(archive: &Path, into: &Path) -> Result<(), UnpackError> {
    let mut file = File::open(archive).map_err(failed("open", archive))?;
    let gzip = is_gzip(archive)?;
    file.rewind().map_err(failed("read", archive))?;
    let directory = File::open(into).map_err(failed("open", into))?;
    let free = statvfs(into).map_err(|errno| failed("look at", into)(errno.into()))?;
    let free = free.f_bavail.saturating_mul(free.f_frsize);
    let file = BufReader::with_capacity(128 * 1024, file);
    let mut limited = Limited {
        inner: if gzip {
            Source::Gzip(Box::new(MultiGzDecoder::new(file)))
        } else {
            Source::Plain(file)
        },
        left: free,
        exceeded: false,
    };
    match warren_container_stream::extract(&mut limited, directory.as_fd(), 0o022) {
        Ok(()) => Ok(()),
        Err(_) if limited.exceeded => Err(UnpackError::TooLarge {
            archive: archive.to_owned(),
            free,
        }),
        Err(source) => Err(UnpackError::Archive {
            archive: archive.to_owned(),
            source,
        }),
    }
}

enum Source {
    Gzip(Box<MultiGzDecoder<BufReader<File>>>),
    Plain(BufReader<File>),
}

/// Ends with an error where an archive would fill the disk.
struct Limited {
    inner: Source,
    left: u64,
    exceeded: bool,
}

impl Read for Limited {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = match &mut self.inner {
            Source::Gzip(inner) => inner.read(buffer)?,
            Source::Plain(inner) => inner.read(buffer)?,
        };
        match self.left.checked_sub(count as u64) {
            Some(left) => self.left = left,
            None => {
                self.exceeded = true;
                return Err(io::Error::from(io::ErrorKind::FileTooLarge));
            }
        }
        Ok(count)
    }
}

/// Removes what an earlier life left on its way, in directories of directories too.
///
/// # Errors
/// [`FileError`].
pub fn sweep(directory: &Path) -> Result<(), FileError> {
    for name in files::names(directory)? {
        let path = directory.join(&name);
        if name.starts_with(PREFIX) {
            files::remove(&path)?;
        } else if path.is_dir() && !path.is_symlink() {
            for inner in files::names(&path)?
                .iter()
                .filter(|name| name.starts_with(PREFIX))
            {
                files::remove(&path.join(inner))?;
            }
        }
    }
    Ok(())
}

/// Gives everything below a directory, and itself, to an owner; `mode` may change a mode (of
/// directories and files) by the path from the top.
///
/// # Errors
/// [`FileError`].
pub fn give_all(
    top: &Path,
    owner: Owner,
    mode: impl Fn(&Path, bool) -> Option<u32>,
) -> Result<(), FileError> {
    use std::os::unix::fs::PermissionsExt;
    let mut pending = vec![top.to_owned()];
    while let Some(path) = pending.pop() {
        let about = std::fs::symlink_metadata(&path).map_err(failed("look at", &path))?;
        owner.give(&path)?;
        if about.is_symlink() {
            continue;
        }
        let relative = path.strip_prefix(top).unwrap_or(&path);
        if let Some(mode) = mode(relative, about.is_dir()) {
            let mode = std::fs::Permissions::from_mode(mode);
            std::fs::set_permissions(&path, mode).map_err(failed("set the mode of", &path))?;
        }
        if about.is_dir() {
            for name in files::names(&path)? {
                pending.push(path.join(name));
            }
        }
    }
    Ok(())
}
