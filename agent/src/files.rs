//! Files and directories, with errors that name them.

use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::full::is_full;
use crate::owner::Owner;

/// A file operation that failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {step} {}", path.display())]
pub struct FileError {
    /// What was tried.
    pub step: &'static str,
    /// With which file.
    pub path: PathBuf,
    /// Why not.
    pub source: io::Error,
}

/// For `map_err`.
pub fn failed(step: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
    let path = path.to_owned();
    move |source| FileError { step, path, source }
}

/// Makes a directory with those above it, and gives it mode and owner, whether it was there or not.
///
/// # Errors
/// [`FileError`].
pub fn directory(path: &Path, mode: u32, owner: Owner) -> Result<(), FileError> {
    let made = std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(path);
    made.map_err(failed("make the directory", path))?;
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(failed("set the mode of", path))?;
    owner.give(path)
}

/// Whether a file is on the disk when it has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lasting {
    /// It is: after a crash of the machine there is the old or the new content.
    Yes,
    /// Not yet: for what the next boot makes anew whatever it finds. A disk that others write to
    /// takes tens of milliseconds for the difference.
    UntilReboot,
}

/// Writes a file in one step: there is the old or the new content, never a part, also after a crash.
///
/// # Errors
/// [`FileError`].
pub fn write(path: &Path, content: &[u8], mode: u32, owner: Owner) -> Result<(), FileError> {
    store(path, content, mode, owner, Lasting::Yes)
}

/// Writes a file in one step, as lasting as is asked for.
///
/// # Errors
/// [`FileError`].
pub fn store(
    path: &Path,
    content: &[u8],
    mode: u32,
    owner: Owner,
    lasting: Lasting,
) -> Result<(), FileError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    if !directory.is_dir() {
        std::fs::create_dir_all(directory).map_err(failed("make the directory", directory))?;
    }
    let mut temporary = tempfile::Builder::new()
        .prefix(".new-")
        .tempfile_in(directory)
        .map_err(failed("make a file in", directory))?;
    let mode = std::fs::Permissions::from_mode(mode);
    temporary
        .as_file()
        .set_permissions(mode)
        .map_err(failed("set the mode of", path))?;
    temporary
        .write_all(content)
        .map_err(failed("write", path))?;
    owner.give(temporary.path())?;
    if lasting == Lasting::Yes {
        temporary
            .as_file()
            .sync_all()
            .map_err(failed("write", path))?;
    }
    let stored = temporary.persist(path);
    stored
        .map(drop)
        .map_err(|error| failed("write", path)(error.error))
}

/// Writes a file in place, for one that may be a mount point and cannot be renamed over.
///
/// # Errors
/// [`FileError`].
pub fn replace(
    path: &Path,
    content: &[u8],
    mode: u32,
    owner: Owner,
    lasting: Lasting,
) -> Result<(), FileError> {
    match store(path, content, mode, owner, lasting) {
        Err(error) if error.source.raw_os_error() == Some(BUSY) => {
            let file = std::fs::OpenOptions::new()
                .write(true)
                .truncate(true)
                .mode(mode)
                .open(path);
            let mut file = file.map_err(failed("open", path))?;
            file.write_all(content).map_err(failed("write", path))
        }
        done => done,
    }
}

/// `EBUSY`.
const BUSY: i32 = 16;

/// Copies a file. What failed for want of room is not what was copied.
///
/// # Errors
/// [`FileError`].
pub fn copy(from: &Path, to: &Path) -> Result<(), FileError> {
    match std::fs::copy(from, to) {
        Err(error) if is_full(&error) => Err(failed("write", to)(error)),
        done => done.map(drop).map_err(failed("copy", from)),
    }
}

/// Writes a value as JSON, in one step.
///
/// # Errors
/// [`FileError`].
pub fn write_json<T: Serialize + ?Sized>(
    path: &Path,
    value: &T,
    mode: u32,
) -> Result<(), FileError> {
    let content = serde_json::to_vec(value).map_err(io::Error::from);
    write(
        path,
        &content.map_err(failed("write", path))?,
        mode,
        Owner::ROOT,
    )
}

/// The content of a file, or none if there is no file.
///
/// # Errors
/// [`FileError`].
pub fn read_if_there(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match std::fs::read(path) {
        Ok(content) => Ok(Some(content)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Removes what is there, of whatever kind; nothing there is no error.
///
/// # Errors
/// [`FileError`].
pub fn remove(path: &Path) -> Result<(), FileError> {
    let removed = match std::fs::symlink_metadata(path) {
        Ok(about) if about.is_dir() => std::fs::remove_dir_all(path),
        Ok(_) => std::fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed("remove", path)(error)),
        _ => Ok(()),
    }
}

/// Makes a symbolic link in one step, in place of whatever link is there.
///
/// # Errors
/// [`FileError`].
pub fn link(target: &Path, path: &Path) -> Result<(), FileError> {
    if std::fs::read_link(path).is_ok_and(|found| found == target) {
        return Ok(());
    }
    if let Some(directory) = path.parent()
        && !directory.is_dir()
    {
        std::fs::create_dir_all(directory).map_err(failed("make the directory", directory))?;
    }
    // A directory cannot be renamed over; it is none of ours to keep where a link belongs.
    if std::fs::symlink_metadata(path).is_ok_and(|about| about.is_dir()) {
        remove(path)?;
    }
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let new = path.with_file_name(name);
    remove(&new)?;
    std::os::unix::fs::symlink(target, &new).map_err(failed("make the link", &new))?;
    std::fs::rename(&new, path).map_err(failed("make the link", path))
}

/// Names in a directory, sorted; none if there is no directory.
///
/// # Errors
/// [`FileError`].
pub fn names(path: &Path) -> Result<Vec<String>, FileError> {
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed("list", path)(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(failed("list", path))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// Whether a text can be the name of one file in a directory.
#[must_use]
pub fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.len() < 256
        && text != "."
        && text != ".."
        && !text.contains(['/', '\0'])
}

/// A name in a message that could lead elsewhere.
#[derive(Debug, thiserror::Error)]
#[error("{what} {name:?} is no name of a file")]
pub struct NotAName {
    /// What it is the name of.
    pub what: &'static str,
    /// It.
    pub name: String,
}

/// Checks such a name.
///
/// # Errors
/// [`NotAName`].
pub fn checked_name<'a>(what: &'static str, name: &'a str) -> Result<&'a str, NotAName> {
    if is_name(name) {
        Ok(name)
    } else {
        let name = name.to_owned();
        Err(NotAName { what, name })
    }
}
