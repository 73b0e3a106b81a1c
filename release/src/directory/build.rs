//! A part's archive.
//!
//! ```text
//! ./  ./job.MF  ./monit  ./templates/  ./templates/ctl.erb  ...     sorted, directories before
//! ```

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};

use warren_lib_tar::WriteError;

use super::error::file;
use super::fingerprint::fingerprint;
use super::member::{Content, Links, Member};
use super::read::Source;
use super::{Error, Kind, Part};
use crate::archive::{Compression, Members};

/// Most bytes of what `pre_packaging` says that are told.
const TAIL: usize = 2000;

/// Writes the archive of a part.
pub(super) fn build<W: Write>(
    root: &Path,
    part: &Part,
    source: &Source,
    to: W,
) -> Result<W, Error> {
    let compression = match source.is_compressed {
        true => Compression::Gzip,
        false => Compression::None,
    };
    let staged;
    let members = match &source.pre_packaging {
        None => &source.members,
        Some(script) => {
            let staging = tempfile::Builder::new().prefix("warren-release-").tempdir();
            let staging = staging.map_err(file("make a directory in", &std::env::temp_dir()))?;
            stage(&source.members, staging.path())?;
            prepare(root, &part.name, script, staging.path())?;
            staged = (all_below(staging.path())?, staging);
            &staged.0
        }
    };
    let written = write(to, compression, members).map_err(|source| Error::Archive {
        what: part.kind.name(),
        name: part.name.clone(),
        source,
    })?;
    // What was archived is what has the fingerprint.
    let extra: &[String] = match part.kind {
        Kind::Package => &part.packages,
        Kind::Job | Kind::License => &[],
    };
    if fingerprint(&source.members, extra)? != part.fingerprint {
        return Err(Error::Changed {
            what: part.kind.name(),
            name: part.name.clone(),
        });
    }
    Ok(written)
}

fn write<W: Write>(to: W, compression: Compression, all: &[Member]) -> Result<W, WriteError> {
    let mut sorted: Vec<&Member> = all.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut members = Members::new(to, compression);
    members.directory(b"./")?;
    let mut made: BTreeSet<&[u8]> = BTreeSet::new();
    for member in sorted {
        for (at, _) in member
            .name
            .iter()
            .enumerate()
            .filter(|(_, byte)| **byte == b'/')
        {
            let parent = member.name.get(..at).unwrap_or_default();
            if made.insert(parent) {
                members.directory(&[b"./", parent, b"/"].concat())?;
            }
        }
        let name = [b"./", member.name.as_slice()].concat();
        match &member.content {
            Content::Directory if made.insert(&member.name) => {
                members.directory(&[name.as_slice(), b"/"].concat())?;
            }
            Content::Directory => {}
            Content::Symlink(target) => members.symlink(&name, target)?,
            Content::File => {
                let mode = if member.is_executable { 0o755 } else { 0o644 };
                let opened = File::open(&member.from).map_err(WriteError::Write)?;
                let size = opened.metadata().map_err(WriteError::Write)?.len();
                members.file(&name, mode, size, opened)?;
            }
        }
    }
    members.finish()
}

/// Copies members to a directory.
fn stage(members: &[Member], to: &Path) -> Result<(), Error> {
    for member in members {
        let path = to.join(std::ffi::OsStr::from_bytes(&member.name));
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(file("make", parent))?;
        }
        match &member.content {
            Content::Directory => {}
            Content::Symlink(target) => {
                let target = std::ffi::OsStr::from_bytes(target);
                std::os::unix::fs::symlink(target, &path).map_err(file("make", &path))?;
            }
            Content::File => {
                fs::copy(&member.from, &path).map_err(file("copy", &member.from))?;
                let mode = if member.is_executable { 0o755 } else { 0o644 };
                let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
                fs::set_permissions(&path, permissions).map_err(file("change", &path))?;
            }
        }
    }
    Ok(())
}

/// Runs the package's script on its files, then removes it from them.
fn prepare(root: &Path, package: &str, script: &Path, staging: &Path) -> Result<(), Error> {
    let absolute = |path: &Path| path.canonicalize().map_err(file("find", path));
    let output = Command::new("bash")
        .arg("-x")
        .arg(absolute(script)?)
        .current_dir(staging)
        .env("BUILD_DIR", absolute(staging)?)
        .env("RELEASE_DIR", absolute(root)?)
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Error::Program {
            program: "bash",
            source,
        })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let said = said.trim_end();
        let skip = said.chars().count().saturating_sub(TAIL);
        let tail: String = said.chars().skip(skip).collect();
        return Err(Error::PrePackaging {
            package: package.to_owned(),
            status: output.status,
            tail: if tail.is_empty() {
                tail
            } else {
                format!(":\n{tail}")
            },
        });
    }
    let copy = staging.join("pre_packaging");
    match fs::remove_file(&copy) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(file("remove", &copy)(error))
        }
        _ => Ok(()),
    }
}

/// Everything below a directory.
fn all_below(top: &Path) -> Result<Vec<Member>, Error> {
    let mut members = Vec::new();
    let mut rest = vec![top.to_owned()];
    while let Some(directory) = rest.pop() {
        for entry in fs::read_dir(&directory).map_err(file("list", &directory))? {
            let entry = entry.map_err(file("list", &directory))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(file("look at", &path))?;
            let name = path.strip_prefix(top).unwrap_or(&path);
            let name = name.as_os_str().as_bytes().to_vec();
            if !kind.is_dir() {
                members.push(Member::new(name, path, Links::Keep)?);
                continue;
            }
            members.push(Member {
                name,
                from: path.clone(),
                content: Content::Directory,
                is_executable: true,
                counts_mode: false,
            });
            rest.push(path);
        }
    }
    Ok(members)
}
