//! Releases: what a director has, what it lacks, and bringing it.

use std::io::Read;

use serde::Deserialize;
use serde_json::json;

use crate::deployments::text;
use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::{Director, Error, Query, path_segment};

/// A release in a list.
#[derive(Debug, Clone, Deserialize)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its versions.
    #[serde(default)]
    pub release_versions: Vec<ReleaseVersion>,
}

/// A version of a release.
#[derive(Debug, Clone, Deserialize)]
pub struct ReleaseVersion {
    /// The version.
    pub version: String,
    /// Of the sources.
    #[serde(default)]
    pub commit_hash: Option<String>,
    /// Whether the sources had changes that were not committed.
    #[serde(default)]
    pub uncommitted_changes: bool,
    /// Whether a deployment has it.
    #[serde(default)]
    pub currently_deployed: bool,
}

/// A job of a release version.
#[derive(Debug, Clone, Deserialize)]
pub struct ReleaseJob {
    /// Its name.
    pub name: String,
    /// Of its sources.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// Its blob.
    #[serde(default)]
    pub blobstore_id: Option<String>,
    /// The blob's digest.
    #[serde(default)]
    pub sha1: Option<String>,
    /// Links that it uses.
    #[serde(default)]
    pub consumes: Option<Vec<ReleaseLink>>,
    /// Links that it gives.
    #[serde(default)]
    pub provides: Option<Vec<ReleaseLink>>,
}

/// A link of a job.
#[derive(Debug, Clone, Deserialize)]
pub struct ReleaseLink {
    /// Its name.
    #[serde(default)]
    pub name: String,
    /// What is behind it.
    #[serde(default, rename = "type")]
    pub kind: String,
    /// Whether the job does without.
    #[serde(default)]
    pub optional: bool,
}

/// A package of a release version.
#[derive(Debug, Clone, Deserialize)]
pub struct ReleasePackage {
    /// Its name.
    pub name: String,
    /// Of its sources.
    #[serde(default)]
    pub fingerprint: Option<String>,
    /// The source's digest.
    #[serde(default)]
    pub sha1: Option<String>,
    /// The source's blob, if there is one.
    #[serde(default)]
    pub blobstore_id: Option<String>,
    /// For which stemcells it is compiled.
    #[serde(default)]
    pub compiled_packages: Vec<CompiledPackage>,
}

/// A compiled package.
#[derive(Debug, Clone, Deserialize)]
pub struct CompiledPackage {
    /// `OS/VERSION`.
    pub stemcell: String,
    /// Its blob.
    #[serde(default)]
    pub blobstore_id: Option<String>,
    /// The blob's digest.
    #[serde(default)]
    pub sha1: Option<String>,
}

/// What is in a release version.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Contents {
    /// Its jobs.
    #[serde(default)]
    pub jobs: Vec<ReleaseJob>,
    /// Its packages.
    #[serde(default)]
    pub packages: Vec<ReleasePackage>,
}

impl Contents {
    /// Whether every package is there: as source, or compiled for this stemcell (`OS/VERSION`).
    pub fn is_whole(&self, stemcell: Option<&str>) -> bool {
        self.packages.iter().all(|package| match stemcell {
            None => package.blobstore_id.is_some(),
            Some(stemcell) => {
                let mut compiled = package.compiled_packages.iter();
                compiled.any(|compiled| compiled.stemcell == stemcell)
            }
        })
    }
}

/// Which release is exported, and how.
#[derive(Debug, Clone, Copy)]
pub struct Export<'a> {
    /// The deployment that uses it.
    pub deployment: &'a str,
    /// Name and version.
    pub release: (&'a str, &'a str),
    /// Operating system and version of the stemcell that it is compiled for.
    pub stemcell: (&'a str, &'a str),
    /// Only these jobs and what they need; all if empty.
    pub jobs: &'a [String],
}

/// A release that was exported.
#[derive(Debug, Clone, Deserialize)]
pub struct Exported {
    /// Its name, for [`Director::download`].
    pub blobstore_id: String,
    /// Its digest, with or without the algorithm's name.
    pub sha1: String,
}

/// How to upload a release.
#[derive(Debug, Clone, Copy, Default)]
pub struct UploadOptions {
    /// Under the director's next version.
    pub rebase: bool,
    /// Replaces what is there and broken.
    pub fix: bool,
}

impl UploadOptions {
    fn query(self) -> String {
        let query = Query::new()
            .flag("rebase", self.rebase)
            .flag("fix", self.fix);
        query.as_str().to_owned()
    }
}

/// A file that the director fetches itself.
#[derive(Debug, Clone, Copy)]
pub struct Remote<'a> {
    /// Where it is.
    pub url: &'a str,
    /// Its digest.
    pub sha1: &'a str,
}

impl Remote<'_> {
    pub(crate) fn body(self) -> Body<'static> {
        let document = match self.sha1 {
            "" => json!({"location": self.url}),
            sha1 => json!({"location": self.url, "sha1": sha1}),
        };
        Body::Text("application/json", document.to_string().into_bytes())
    }
}

impl Director {
    /// All releases.
    ///
    /// # Errors
    /// [`Error`].
    pub fn releases(&self) -> Result<Vec<Release>, Error> {
        self.get("/releases").step(|| "Finding releases".to_owned())
    }

    /// Whether there is this version, and all of it.
    ///
    /// # Errors
    /// [`Error`].
    pub fn has_release(
        &self,
        name: &str,
        version: &str,
        stemcell: Option<&str>,
    ) -> Result<bool, Error> {
        let releases = self.releases()?;
        let is_listed = releases
            .iter()
            .filter(|release| release.name == name)
            .flat_map(|release| &release.release_versions)
            .any(|listed| listed.version == version);
        if !is_listed {
            return Ok(false);
        }
        Ok(self.release(name, version)?.is_whole(stemcell))
    }

    /// What is in a release version.
    ///
    /// # Errors
    /// [`Error`].
    pub fn release(&self, name: &str, version: &str) -> Result<Contents, Error> {
        let query = Query::new().with("version", version);
        let path = format!("/releases/{}{}", path_segment(name), query.as_str());
        self.get(&path)
            .step(|| format!("Finding release '{name}/{version}'"))
    }

    /// Has the director compile a release of a deployment and pack it; the task, whose result is an
    /// [`Exported`].
    ///
    /// # Errors
    /// [`Error`].
    pub fn export_release(&self, wanted: &Export<'_>) -> Result<u64, Error> {
        let jobs: Vec<_> = wanted
            .jobs
            .iter()
            .map(|name| json!({"name": name}))
            .collect();
        let (name, version) = wanted.release;
        let (os, stemcell_version) = wanted.stemcell;
        let document = json!({
            "deployment_name": wanted.deployment,
            "release_name": name,
            "release_version": version,
            "stemcell_os": os,
            "stemcell_version": stemcell_version,
            "sha2": true,
            "jobs": jobs,
        });
        let body = Body::Text("application/json", document.to_string().into_bytes());
        self.start(Method::Post, "/releases/export", body)
            .step(|| "Exporting release".to_owned())
    }

    /// Which of the packages of a `release.MF` the director has: fingerprints.
    ///
    /// # Errors
    /// [`Error`].
    pub fn matching_packages(
        &self,
        manifest: &str,
        is_compiled: bool,
    ) -> Result<Vec<String>, Error> {
        let path = match is_compiled {
            true => "/packages/matches_compiled",
            false => "/packages/matches",
        };
        self.send_for(Method::Post, path, text(manifest))
            .step(|| "Finding package matches".to_owned())
    }

    /// Uploads a tarball; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn upload_release(
        &self,
        tarball: &mut dyn Read,
        length: u64,
        options: UploadOptions,
    ) -> Result<u64, Error> {
        let path = format!("/releases{}", options.query());
        self.start(Method::Post, &path, Body::Stream(tarball, length))
            .step(|| "Uploading release file".to_owned())
    }

    /// Has the director fetch a tarball; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn fetch_release(&self, remote: Remote<'_>, options: UploadOptions) -> Result<u64, Error> {
        let path = format!("/releases{}", options.query());
        self.start(Method::Post, &path, remote.body())
            .step(|| format!("Uploading remote release '{}'", remote.url))
    }

    /// Starts a deletion of all versions, or of one; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_release(
        &self,
        name: &str,
        version: Option<&str>,
        force: bool,
    ) -> Result<u64, Error> {
        let query = Query::new().some("version", version).flag("force", force);
        let path = format!("/releases/{}{}", path_segment(name), query.as_str());
        self.start(Method::Delete, &path, Body::None)
            .step(|| format!("Deleting release '{name}'"))
    }
}
