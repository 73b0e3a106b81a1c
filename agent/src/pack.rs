//! Directories and logs become archives, compressed with gzip.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::fs::OFlags;
use warren_lib_tar::{Entry, Kind, Time, WriteError, Writer};

use crate::files::{self, FileError, failed};

/// An archive could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PackError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is packed.
    #[error("cannot pack {}", path.display())]
    Content {
        /// Which directory.
        path: PathBuf,
        /// Why not.
        source: warren_container_stream::Error,
    },
    /// The archive.
    #[error("cannot write an archive of {}", path.display())]
    Write {
        /// Of what.
        path: PathBuf,
        /// Why not.
        source: WriteError,
    },
}

/// Packs all of a directory, with names that begin with `./`.
///
/// # Errors
/// [`PackError`].
pub fn directory(source: &Path, archive: &Path, gzip: bool) -> Result<(), PackError> {
    let file = File::create(archive).map_err(failed("make", archive))?;
    let mut text = source.as_os_str().to_owned();
    text.push("/");
    let packed = |source_error| PackError::Content {
        path: source.to_owned(),
        source: source_error,
    };
    if gzip {
        let mut encoder = GzEncoder::new(BufWriter::new(file), Compression::default());
        warren_container_stream::archive(&mut encoder, Path::new(&text)).map_err(packed)?;
        let ended = encoder.finish().and_then(|mut file| file.flush());
        ended.map_err(failed("write", archive))?;
    } else {
        warren_container_stream::archive(BufWriter::new(file), Path::new(&text)).map_err(packed)?;
    }
    Ok(())
}

/// Packs the files below directories that match one of the patterns; each directory has a prefix
/// for its names. No pattern means all. Files that vanish or shrink meanwhile do no harm.
///
/// # Errors
/// [`PackError`].
pub fn logs(
    sources: &[(String, PathBuf)],
    patterns: &[String],
    archive: &Path,
) -> Result<(), PackError> {
    let file = File::create(archive).map_err(failed("make", archive))?;
    let encoder = GzEncoder::new(BufWriter::new(file), Compression::default());
    let mut writer = Writer::new(encoder);
    for (prefix, top) in sources {
        for path in files_below(top)? {
            let relative = path.strip_prefix(top).unwrap_or(&path);
            let name = relative.as_os_str().as_bytes();
            let wanted = patterns.is_empty()
                || patterns
                    .iter()
                    .any(|pattern| matches(pattern.as_bytes(), name));
            if wanted {
                let mut full = format!("./{prefix}").into_bytes();
                full.extend_from_slice(name);
                file_into(&mut writer, &path, full)?;
            }
        }
    }
    let write = |source| PackError::Write {
        path: archive.to_owned(),
        source,
    };
    let encoder = writer.finish().map_err(write)?;
    let ended = encoder.finish().and_then(|mut file| file.flush());
    ended.map_err(failed("write", archive))?;
    Ok(())
}

fn file_into(writer: &mut Writer<impl Write>, path: &Path, name: Vec<u8>) -> Result<(), PackError> {
    let write = |source| PackError::Write {
        path: path.to_owned(),
        source,
    };
    // It may have been rotated away, or be one that only its owner reads, or a pipe by now, which would be
    // waited for.
    let flags = OFlags::NONBLOCK.union(OFlags::NOCTTY).bits().cast_signed();
    let opened = File::options().read(true).custom_flags(flags).open(path);
    let Ok((file, about)) = opened.and_then(|file| file.metadata().map(|about| (file, about)))
    else {
        return Ok(());
    };
    if !about.is_file() {
        return Ok(());
    }
    let entry = Entry {
        path: name,
        kind: Kind::File,
        mode: about.mode() & 0o7777,
        uid: about.uid(),
        gid: about.gid(),
        mtime: Time {
            seconds: about.mtime(),
            nanoseconds: 0,
        },
        stored: about.size(),
        xattrs: Vec::new(),
        sparse: None,
    };
    writer.start(&entry).map_err(write)?;
    let (mut left, mut file, mut piece) = (about.size(), file, vec![0; 64 * 1024]);
    while left > 0 {
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
        let count = match file.read(&mut piece[..most]) {
            Ok(0) | Err(_) => {
                piece.fill(0);
                most
            }
            Ok(count) => count,
        };
        writer.data(&piece[..count]).map_err(write)?;
        left -= count as u64;
    }
    Ok(())
}

/// All regular files below a directory, sorted; links to files count, links to directories are not
/// followed.
fn files_below(top: &Path) -> Result<Vec<PathBuf>, FileError> {
    let (mut found, mut pending) = (Vec::new(), vec![top.to_owned()]);
    while let Some(directory) = pending.pop() {
        for name in files::names(&directory).unwrap_or_default() {
            let path = directory.join(name);
            match std::fs::symlink_metadata(&path) {
                Ok(about) if about.is_dir() => pending.push(path),
                Ok(_) if path.is_file() => found.push(path),
                // Sockets, pipes, what vanished.
                _ => {}
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Whether a path matches a pattern: `*` and `?` within a name, `**/` any directories.
#[must_use]
pub fn matches(pattern: &[u8], path: &[u8]) -> bool {
    // Positions in the pattern that are reached after each byte: linear in memory, no recursion.
    let mut now = vec![false; pattern.len() + 1];
    now[0] = true;
    close(pattern, &mut now, true);
    for (at, byte) in path.iter().enumerate() {
        let mut next = vec![false; pattern.len() + 1];
        for position in 0..pattern.len() {
            if !now[position] {
                continue;
            }
            let rest = &pattern[position..];
            if rest.starts_with(b"**") {
                next[position] = true;
            } else if rest[0] == b'*' {
                next[position] |= *byte != b'/';
            } else if rest[0] == *byte || (rest[0] == b'?' && *byte != b'/') {
                next[position + 1] = true;
            }
        }
        close(pattern, &mut next, path[at] == b'/');
        now = next;
    }
    now[pattern.len()]
}

/// Adds the positions that are reached without a byte. `**/` may match nothing, at the beginning of
/// a name.
fn close(pattern: &[u8], reached: &mut [bool], begins_name: bool) {
    for position in 0..pattern.len() {
        if !reached[position] {
            continue;
        }
        let rest = &pattern[position..];
        if rest.starts_with(b"**/") {
            reached[position + 3] |= begins_name;
        } else if rest.starts_with(b"**") {
            reached[position + 2] = true;
        } else if rest[0] == b'*' {
            reached[position + 1] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Writer, file_into, matches};
    use proptest::prelude::*;

    #[test]
    fn a_log_that_is_a_pipe_by_now_is_not_waited_for() {
        let top = tempfile::tempdir().unwrap();
        let path = top.path().join("log");
        let mode = rustix::fs::Mode::RUSR;
        rustix::fs::mknodat(rustix::fs::CWD, &path, rustix::fs::FileType::Fifo, mode, 0).unwrap();
        let mut written = Vec::new();
        file_into(&mut Writer::new(&mut written), &path, b"log".to_vec()).unwrap();
        assert!(written.is_empty());
    }

    #[test]
    fn patterns() {
        for (pattern, path, expected) in [
            ("**/*", "a", true),
            ("**/*", "a/b/c.log", true),
            ("*.log", "a.log", true),
            ("*.log", "a/b.log", false),
            ("**/*.log", "a.log", true),
            ("**/*.log", "x/y/a.log", true),
            ("**/*.log", "x/y/a.txt", false),
            ("web/*", "web/a", true),
            ("web/*", "web/a/b", false),
            ("web/**", "web/a/b", true),
            ("w?b/a", "web/a", true),
            ("w?b", "w/b", false),
            ("", "a", false),
        ] {
            assert_eq!(
                matches(pattern.as_bytes(), path.as_bytes()),
                expected,
                "{pattern} {path}"
            );
        }
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(pattern in "[*?/a]{0,20}", path in "[/ab]{0,30}") {
            let _ = matches(pattern.as_bytes(), path.as_bytes());
        }

        #[test]
        fn a_text_matches_itself(path in "[a-z/.]{1,30}") {
            prop_assert!(matches(path.as_bytes(), path.as_bytes()));
        }
    }
}
