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

/// A part of a release version.
#[derive(Debug, Clone, Deserialize)]
pub struct ReleasePackage {
    /// Its name.
    pub name: String,
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
}

/// What is in a release version.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Contents {
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
        let query = Query::new().with("version", version);
        let contents: Contents = self
            .get(&format!(
                "/releases/{}{}",
                path_segment(name),
                query.as_str()
            ))
            .step(|| format!("Finding release '{name}/{version}'"))?;
        Ok(contents.is_whole(stemcell))
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
