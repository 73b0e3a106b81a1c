//! Writing a release tarball from its archives.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use warren_lib_tar::{Kind, Reader};
use warren_wire_release::ReleaseManifest;

use super::Error;
use crate::archive::{Compression, Data, Limited, Members, Name, Plain, member_name};

/// Most bytes of a licence.
const MOST_LICENSE: u64 = 64 << 20;

/// The archives of a release, in the order of its manifest.
#[derive(Debug, Clone, Default)]
pub struct Listed {
    /// Names and files of its jobs.
    pub jobs: Vec<(String, PathBuf)>,
    /// Names and files of its packages.
    pub packages: Vec<(String, PathBuf)>,
    /// Names and files of its compiled packages.
    pub compiled_packages: Vec<(String, PathBuf)>,
    /// The licence's file.
    pub license: Option<PathBuf>,
}

/// Writes a release tarball: `release.MF`, the archives, and the files of the licence beside it.
///
/// # Errors
/// [`Error`].
pub fn write<W: Write>(
    to: W,
    compression: Compression,
    manifest: &ReleaseManifest,
    listed: &Listed,
) -> Result<W, Error> {
    let mut members = Members::new(to, compression);
    members.bytes(b"release.MF", 0o644, manifest.to_yaml().as_bytes())?;
    let groups = [
        ("jobs", &listed.jobs),
        ("packages", &listed.packages),
        ("compiled_packages", &listed.compiled_packages),
    ];
    for (folder, archives) in groups {
        if !archives.is_empty() {
            members.directory(format!("{folder}/").as_bytes())?;
        }
        for (name, path) in archives {
            add(&mut members, &format!("{folder}/{name}.tgz"), path)?;
        }
    }
    if let Some(path) = &listed.license {
        add(&mut members, "license.tgz", path)?;
        license_files(&mut members, path)?;
    }
    Ok(members.finish()?)
}

fn at(step: &'static str, path: &Path) -> impl Fn(std::io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File {
        step,
        path: path.clone(),
        source,
    }
}

fn add<W: Write>(members: &mut Members<W>, name: &str, path: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(at("open", path))?;
    let size = file.metadata().map_err(at("look at", path))?.len();
    members.file(name.as_bytes(), 0o644, size, file)?;
    Ok(())
}

/// `LICENSE*` and `NOTICE*` of the licence's archive, for people who look into the tarball.
fn license_files<W: Write>(members: &mut Members<W>, path: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(at("open", path))?;
    let plain = Plain::new(file).map_err(at("read", path))?;
    let mut archive = Reader::new(Limited::new(plain, MOST_LICENSE));
    while let Some(entry) = archive.next_entry()? {
        let Name::Below(name) = member_name(&entry.path) else {
            continue;
        };
        let is_license = name.starts_with("LICENSE") || name.starts_with("NOTICE");
        if is_license && !name.contains('/') && entry.kind == Kind::File {
            let mut bytes = Vec::new();
            let read = Data(&mut archive).read_to_end(&mut bytes);
            read.map_err(at("read", path))?;
            members.bytes(name.as_bytes(), 0o644, &bytes)?;
        }
    }
    Ok(())
}
