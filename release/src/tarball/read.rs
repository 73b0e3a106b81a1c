//! Reading a release tarball in one pass.
//!
//! Each archive's digests are computed while it passes by, since `release.MF` may come after it;
//! jobs are looked into at the same time. Kept archives are files of names that were checked, below
//! a directory that was given.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use warren_lib_tar::{Entry, Kind, Reader};
use warren_wire_release::yaml::MOST_BYTES;
use warren_wire_release::{
    CompiledPackageRef, JobRef, JobSpec, LicenseRef, MultiDigest, PackageRef, ReleaseManifest,
    check_name,
};

use super::{Error, JobError, job};
use crate::archive::{Data, Limited, Name, Plain, member_name};
use crate::hash::{Hashing, Sums};

/// Bounds of a tarball.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Most bytes of the uncompressed tarball.
    pub bytes: u64,
    /// Most members of it.
    pub members: u64,
    /// Most bytes of a job's uncompressed archive.
    pub job_bytes: u64,
}

impl Default for Limits {
    /// 64 GiB, a million members, 1 GiB for a job.
    fn default() -> Self {
        Self {
            bytes: 64 << 30,
            members: 1_000_000,
            job_bytes: 1 << 30,
        }
    }
}

/// What becomes of the archives in the tarball.
#[derive(Debug, Clone, Copy)]
pub enum Keep<'a> {
    /// Nothing: they are only looked at.
    Nothing,
    /// They are written below this directory under the paths they have in the tarball. What is kept
    /// of a tarball that is refused is for the caller to remove.
    Below(&'a Path),
}

/// An archive of the tarball.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Digests and length.
    pub sums: Sums,
    /// Where it is kept.
    pub path: Option<PathBuf>,
}

/// A job of a release.
#[derive(Debug, Clone, PartialEq)]
pub struct Job {
    /// As listed.
    pub listed: JobRef,
    /// What it says of itself, if it is in the tarball.
    pub spec: Option<JobSpec>,
    /// Its archive, if it is in the tarball.
    pub archive: Option<Archive>,
}

/// Something else of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package<T> {
    /// As listed.
    pub listed: T,
    /// Its archive, if it is in the tarball.
    pub archive: Option<Archive>,
}

/// A release as a tarball has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Release {
    /// What it says of itself.
    pub manifest: ReleaseManifest,
    /// Its jobs, in the order of the manifest, as everything here.
    pub jobs: Vec<Job>,
    /// Its packages as source.
    pub packages: Vec<Package<PackageRef>>,
    /// Its packages compiled.
    pub compiled_packages: Vec<Package<CompiledPackageRef>>,
    /// Its licence.
    pub license: Option<Package<LicenseRef>>,
}

impl Release {
    /// Members that are listed but not in the tarball.
    pub fn absent(&self) -> Vec<String> {
        let mut absent = Vec::new();
        let mut look = |folder: &str, name: &str, archive: &Option<Archive>| {
            if archive.is_none() {
                absent.push(format!("{folder}/{name}.tgz"));
            }
        };
        for job in &self.jobs {
            look("jobs", &job.listed.name, &job.archive);
        }
        for one in &self.packages {
            look("packages", &one.listed.name, &one.archive);
        }
        for one in &self.compiled_packages {
            look("compiled_packages", &one.listed.name, &one.archive);
        }
        absent
    }
}

/// What was found, before it is compared with the manifest.
#[derive(Default)]
struct Found {
    manifest: Option<Vec<u8>>,
    archives: BTreeMap<String, Archive>,
    jobs: BTreeMap<String, Result<JobSpec, JobError>>,
}

/// Reads a release tarball to the end of its source.
///
/// # Errors
/// [`Error`].
pub fn read(source: impl Read, keep: Keep<'_>, limits: &Limits) -> Result<Release, Error> {
    let plain = Plain::new(source).map_err(Error::Read)?;
    let mut archive = Reader::new(Limited::new(plain, limits.bytes));
    let mut found = Found::default();
    let mut members = 0;
    while let Some(entry) = archive.next_entry()? {
        members += 1;
        if members > limits.members {
            return Err(Error::TooMany {
                limit: limits.members,
            });
        }
        let name = match member_name(&entry.path) {
            Name::Root => continue,
            Name::Below(name) => name,
            Name::Bad(name) => return Err(Error::Name { name }),
        };
        found.member(&entry, name, &mut archive, keep, limits)?;
    }
    archive.drain()?;
    found.compared()
}

/// Which kind of archive a member is, and of what name.
fn place(member: &str) -> Option<(&str, &str)> {
    if member == "license.tgz" {
        return Some(("", "license"));
    }
    let (folder, file) = member.split_once('/')?;
    let name = file.strip_suffix(".tgz")?;
    let is_known = matches!(folder, "jobs" | "packages" | "compiled_packages");
    (is_known && check_name("archive", name).is_ok()).then_some((folder, name))
}

impl Found {
    fn member<R: Read>(
        &mut self,
        entry: &Entry,
        member: String,
        archive: &mut Reader<R>,
        keep: Keep<'_>,
        limits: &Limits,
    ) -> Result<(), Error> {
        let is_manifest = member == "release.MF";
        let place = place(&member);
        if !is_manifest && place.is_none() {
            return Ok(());
        }
        if entry.kind != Kind::File || entry.sparse.is_some() {
            return Err(Error::Kind { name: member });
        }
        let is_there = match is_manifest {
            true => self.manifest.is_some(),
            false => self.archives.contains_key(&member),
        };
        if is_there {
            return Err(Error::Twice { name: member });
        }
        let Some((folder, name)) = place else {
            let mut bytes = Vec::new();
            let mut data = Data(archive).take(MOST_BYTES as u64 + 1);
            data.read_to_end(&mut bytes).map_err(Error::Read)?;
            self.manifest = Some(bytes);
            return Ok(());
        };
        let kept = match keep {
            Keep::Nothing => None,
            Keep::Below(top) => Some(create(&top.join(&member))?),
        };
        let (file, path) = kept.unzip();
        let mut passing = Passing {
            data: Hashing::new(Data(archive)),
            file,
            failed: None,
        };
        if folder == "jobs" {
            let spec = job::read(&mut passing, name, limits.job_bytes);
            self.jobs.insert(name.to_owned(), spec);
        }
        // What a job's reader left, or all of it.
        let rest = io::copy(&mut passing, &mut io::sink());
        if let (Some(source), Some(path)) = (passing.failed, &path) {
            let path = path.clone();
            let step = "write";
            return Err(Error::File { step, path, source });
        }
        rest.map_err(Error::Read)?;
        let sums = passing.data.sums();
        self.archives.insert(member, Archive { sums, path });
        Ok(())
    }

    fn compared(mut self) -> Result<Release, Error> {
        let bytes = self.manifest.take().ok_or(Error::NoManifest)?;
        let manifest = ReleaseManifest::parse(&bytes)?;
        let mut jobs = Vec::new();
        for listed in &manifest.jobs {
            let member = format!("jobs/{}.tgz", listed.name);
            let archive = self.archive(&member, &listed.sha1)?;
            let spec = self.jobs.remove(&listed.name).transpose();
            jobs.push(Job {
                listed: listed.clone(),
                spec: spec.map_err(|source| Error::Job {
                    name: member,
                    source,
                })?,
                archive,
            });
        }
        let mut packages = Vec::new();
        for listed in &manifest.packages {
            let archive = self.archive(&format!("packages/{}.tgz", listed.name), &listed.sha1)?;
            let listed = listed.clone();
            packages.push(Package { listed, archive });
        }
        let mut compiled_packages = Vec::new();
        for listed in manifest.compiled_packages.iter().flatten() {
            let member = format!("compiled_packages/{}.tgz", listed.name);
            let archive = self.archive(&member, &listed.sha1)?;
            let listed = listed.clone();
            compiled_packages.push(Package { listed, archive });
        }
        let license = match &manifest.license {
            Some(listed) => Some(Package {
                listed: listed.clone(),
                archive: self.archive("license.tgz", &listed.sha1)?,
            }),
            None => None,
        };
        Ok(Release {
            manifest,
            jobs,
            packages,
            compiled_packages,
            license,
        })
    }

    fn archive(&mut self, member: &str, expected: &str) -> Result<Option<Archive>, Error> {
        let Some(archive) = self.archives.remove(member) else {
            return Ok(None);
        };
        let digest: MultiDigest = expected.parse().map_err(|source| Error::BadDigest {
            name: member.to_owned(),
            source,
        })?;
        if !archive.sums.are(&digest) {
            let algorithm = digest.strongest().algorithm();
            let actual = archive.sums.digest(algorithm);
            return Err(Error::Digest {
                name: member.to_owned(),
                expected: digest.strongest().to_string(),
                actual: actual.map(|digest| digest.to_string()).unwrap_or_default(),
            });
        }
        Ok(Some(archive))
    }
}

/// A new file, with the directory it is in.
fn create(path: &Path) -> Result<(File, PathBuf), Error> {
    let file = |source| Error::File {
        step: "make",
        path: path.to_owned(),
        source,
    };
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(file)?;
    }
    let opened = File::create_new(path).map_err(file)?;
    Ok((opened, path.to_owned()))
}

/// An archive on its way through: hashed, and written if it is kept.
struct Passing<R> {
    data: Hashing<R>,
    file: Option<File>,
    /// Writing failed, which is not the tarball's fault.
    failed: Option<io::Error>,
}

impl<R: Read> Read for Passing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.data.read(buffer)?;
        if let (Some(file), None) = (&mut self.file, &self.failed) {
            let written = file.write_all(buffer.get(..read).unwrap_or_default());
            self.failed = written.err();
        }
        Ok(read)
    }
}
