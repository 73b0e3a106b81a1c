//! Configs of all kinds. Cloud and runtime configs have endpoints of their own, which the stock
//! command line uses for their verbs.

use serde::Deserialize;
use serde_json::json;

use crate::deployments::{Diff, text};
use crate::error::Stepped;
use crate::http::{Body, Method};
use crate::{Director, Error, Query, path_segment};

/// A config.
#[derive(Debug, Clone, Deserialize)]
pub struct Config {
    /// Its number.
    pub id: String,
    /// What it is for.
    #[serde(rename = "type")]
    pub kind: String,
    /// Its name.
    pub name: String,
    /// The document.
    #[serde(default)]
    pub content: String,
    /// Whose it is.
    #[serde(default)]
    pub team: Option<String>,
    /// When it was given.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Whether it is the newest.
    #[serde(default)]
    pub current: bool,
}

/// Which of the kinds with endpoints of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `/cloud_configs`.
    Cloud,
    /// `/runtime_configs`.
    Runtime,
    /// `/cpi_configs`.
    Cpi,
}

impl Kind {
    /// `cloud`, `runtime` or `cpi`.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Cloud => "cloud",
            Kind::Runtime => "runtime",
            Kind::Cpi => "cpi",
        }
    }
}

/// One side of a comparison.
#[derive(Debug, Clone)]
pub enum Side {
    /// A config that the director has.
    Id(String),
    /// A document.
    Content(String),
}

impl Side {
    fn body(&self) -> serde_json::Value {
        // Both keys, one of them empty, as the stock command line sends them.
        match self {
            Side::Id(id) => json!({"id": id, "content": ""}),
            Side::Content(content) => json!({"id": "", "content": content}),
        }
    }
}

/// Which configs are listed.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of this kind.
    pub kind: Option<String>,
    /// Of this name.
    pub name: Option<String>,
    /// So many of each, the newest.
    pub recent: u64,
}

impl Director {
    /// The newest document of a kind, if there is one.
    ///
    /// # Errors
    /// [`Error`].
    pub fn latest_config(&self, kind: Kind, name: &str) -> Result<Option<String>, Error> {
        #[derive(Deserialize)]
        struct Row {
            properties: String,
        }
        let kind = kind.name();
        let query = Query::new().with("limit", "1").with("name", name);
        let rows: Vec<Row> = self
            .get(&format!("/{kind}_configs{}", query.as_str()))
            .step(|| format!("Finding {kind} config"))?;
        Ok(rows.into_iter().next().map(|row| row.properties))
    }

    /// What a document would change.
    ///
    /// # Errors
    /// [`Error`].
    pub fn diff_config_of(
        &self,
        kind: Kind,
        name: &str,
        document: &str,
        redact: bool,
    ) -> Result<Diff, Error> {
        let kind = kind.name();
        let query = Query::new().with("name", name);
        // Directors redact unless told otherwise.
        let query = if redact {
            query
        } else {
            query.with("redact", "false")
        };
        let path = format!("/{kind}_configs/diff{}", query.as_str());
        self.send_for(Method::Post, &path, text(document))
            .step(|| format!("Diffing {kind} config"))
    }

    /// Gives a new document.
    ///
    /// # Errors
    /// [`Error`].
    pub fn update_config_of(&self, kind: Kind, name: &str, document: &str) -> Result<(), Error> {
        let kind = kind.name();
        let query = Query::new().with("name", name);
        let path = format!("/{kind}_configs{}", query.as_str());
        self.send(Method::Post, &path, text(document))
            .map(drop)
            .step(|| format!("Updating {kind} config"))
    }

    /// Configs of any kind.
    ///
    /// # Errors
    /// [`Error`].
    pub fn configs(&self, filter: &Filter) -> Result<Vec<Config>, Error> {
        let recent = filter.recent.max(1);
        let query = Query::new()
            .with("latest", if recent == 1 { "true" } else { "false" })
            .with("limit", &recent.to_string())
            .some("name", filter.name.as_deref())
            .some("type", filter.kind.as_deref());
        self.get(&format!("/configs{}", query.as_str()))
            .step(|| "Listing configs".to_owned())
    }

    /// One config.
    ///
    /// # Errors
    /// [`Error`].
    pub fn config(&self, id: u64) -> Result<Config, Error> {
        self.get(&format!("/configs/{id}"))
            .step(|| format!("Finding config '{id}'"))
    }

    /// What a document of any kind would change.
    ///
    /// # Errors
    /// [`Error`].
    pub fn diff_config(&self, kind: &str, name: &str, document: &str) -> Result<Diff, Error> {
        let body = json!({"type": kind, "name": name, "content": document});
        let body = Body::Text("application/json", body.to_string().into_bytes());
        self.send_for(Method::Post, "/configs/diff", body)
            .step(|| "Fetching diff result".to_owned())
    }

    /// Gives a new document of any kind, unless another did since the difference was shown.
    ///
    /// # Errors
    /// [`Error`].
    pub fn update_config(
        &self,
        kind: &str,
        name: &str,
        document: &str,
        expected: Option<&str>,
    ) -> Result<Config, Error> {
        let mut body = json!({"type": kind, "name": name, "content": document});
        if let (Some(id), Some(fields)) = (expected, body.as_object_mut()) {
            fields.insert("expected_latest_id".to_owned(), id.into());
        }
        let body = Body::Text("application/json", body.to_string().into_bytes());
        self.send_for(Method::Post, "/configs", body)
            .step(|| "Updating config".to_owned())
    }

    /// What is different between two configs.
    ///
    /// # Errors
    /// [`Error`].
    pub fn compare_configs(&self, from: &Side, to: &Side) -> Result<Diff, Error> {
        let body = json!({"from": from.body(), "to": to.body()});
        let body = Body::Text("application/json", body.to_string().into_bytes());
        self.send_for(Method::Post, "/configs/diff", body)
            .step(|| "Fetching diff result".to_owned())
    }

    /// Removes one by its number; whether there was any.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_config_by_id(&self, id: &str) -> Result<bool, Error> {
        let path = format!("/configs/{}", path_segment(id));
        self.delete_configs(&path)
    }

    /// Removes all of a kind and a name; whether there was any.
    ///
    /// # Errors
    /// [`Error`].
    pub fn delete_config(&self, kind: &str, name: &str) -> Result<bool, Error> {
        let query = Query::new().with("name", name).with("type", kind);
        self.delete_configs(&format!("/configs{}", query.as_str()))
    }

    fn delete_configs(&self, path: &str) -> Result<bool, Error> {
        match self.send(Method::Delete, path, Body::None) {
            Ok(_) => Ok(true),
            Err(error) if error.status() == Some(404) => Ok(false),
            Err(error) => Err(error.step("Deleting config")),
        }
    }
}
