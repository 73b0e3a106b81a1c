//! Stemcells.

use std::io::Read;

use serde::Deserialize;
use serde_json::json;

use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::releases::Remote;
use crate::{Director, Error, Query, path_segment};

/// A stemcell in a list, one row for each CPI.
#[derive(Debug, Clone, Deserialize)]
pub struct Stemcell {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// What manifests ask for.
    #[serde(default)]
    pub operating_system: Option<String>,
    /// The image at the CPI.
    #[serde(default)]
    pub cid: Option<String>,
    /// The CPI.
    #[serde(default)]
    pub cpi: Option<String>,
    /// What runs on it.
    #[serde(default)]
    pub deployments: Vec<Named>,
}

/// Something with a name.
#[derive(Debug, Clone, Deserialize)]
pub struct Named {
    /// The name.
    pub name: String,
}

impl Director {
    /// All stemcells.
    ///
    /// # Errors
    /// [`Error`].
    pub fn stemcells(&self) -> Result<Vec<Stemcell>, Error> {
        self.get("/stemcells")
            .step(|| "Finding stemcells".to_owned())
    }

    /// Whether some CPI lacks this stemcell.
    ///
    /// # Errors
    /// [`Error`].
    pub fn needs_stemcell(&self, name: &str, version: &str) -> Result<bool, Error> {
        #[derive(Deserialize)]
        struct Answer {
            needed: bool,
        }
        let document = json!({"stemcell": {"name": name, "version": version}});
        let body = Body::Text("application/json", document.to_string().into_bytes());
        self.send_for::<Answer>(Method::Post, "/stemcell_uploads", body)
            .map(|answer| answer.needed)
            .step(|| format!("Finding stemcell '{name}/{version}'"))
    }

    /// Uploads a tarball; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn upload_stemcell(
        &self,
        tarball: &mut dyn Read,
        length: u64,
        fix: bool,
    ) -> Result<u64, Error> {
        let query = Query::new().flag("fix", fix);
        let path = format!("/stemcells{}", query.as_str());
        self.start(Method::Post, &path, Body::Stream(tarball, length))
            .step(|| "Uploading stemcell file".to_owned())
    }

    /// Has the director fetch a tarball; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn fetch_stemcell(&self, remote: Remote<'_>, fix: bool) -> Result<u64, Error> {
        let query = Query::new().flag("fix", fix);
        let path = format!("/stemcells{}", query.as_str());
        self.start(Method::Post, &path, remote.body())
            .step(|| format!("Uploading remote stemcell '{}'", remote.url))
    }

    /// Starts a deletion; the task.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_stemcell(&self, name: &str, version: &str, force: bool) -> Result<u64, Error> {
        let query = Query::new().flag("force", force);
        let (name, version) = (path_segment(name), path_segment(version));
        let path = format!("/stemcells/{name}/{version}{}", query.as_str());
        self.start(Method::Delete, &path, Body::None)
            .step(|| format!("Deleting stemcell '{name}/{version}'"))
    }
}
