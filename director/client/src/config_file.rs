//! `~/.bosh/config`: the environments that a user has named, shared with the stock command line.
//!
//! ```text
//! environments:
//! - url: https://192.0.2.1:25555     which one; an alias may stand for it
//!   ca_cert: PEM
//!   alias: lab
//!   username: admin                  who logged in, basic
//!   password: ...
//!   refresh_token: ...               or with a token server
//! ```
//!
//! The file holds secrets: it is written anew with mode 0600 and renamed into place. Keys that we do
//! not know stay.

use std::fs::{self, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use yaml_serde::{Mapping, Value};

use crate::Error;

/// The file.
#[derive(Debug, Clone)]
pub struct ConfigFile {
    path: PathBuf,
    document: Mapping,
}

/// What it says of an environment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Environment {
    /// Its address.
    pub url: String,
    /// Authorities (PEM).
    pub ca_cert: Option<String>,
    /// Its name.
    pub alias: Option<String>,
    /// Who logged in.
    pub username: Option<String>,
    /// Who logged in.
    pub password: Option<String>,
    /// Who logged in, with a token server.
    pub refresh_token: Option<String>,
}

fn text(map: &Mapping, key: &str) -> Option<String> {
    let value = map.get(key).and_then(Value::as_str)?;
    (!value.is_empty()).then(|| value.to_owned())
}

impl ConfigFile {
    /// Reads it; a file that is absent says nothing.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Config`].
    pub fn read(path: &Path) -> Result<Self, Error> {
        let document = match fs::read_to_string(path) {
            Ok(text) if text.trim().is_empty() => Mapping::new(),
            Ok(text) => yaml_serde::from_str(&text).map_err(|source| Error::Config {
                path: path.to_owned(),
                source,
            })?,
            Err(error) if error.kind() == ErrorKind::NotFound => Mapping::new(),
            Err(source) => {
                return Err(Error::File {
                    step: "Reading",
                    path: path.to_owned(),
                    source,
                });
            }
        };
        Ok(Self {
            path: path.to_owned(),
            document,
        })
    }

    /// The environments in it.
    pub fn environments(&self) -> Vec<Environment> {
        let all = self
            .document
            .get("environments")
            .and_then(Value::as_sequence);
        let maps = all.into_iter().flatten().filter_map(Value::as_mapping);
        maps.map(|map| Environment {
            url: text(map, "url").unwrap_or_default(),
            ca_cert: text(map, "ca_cert"),
            alias: text(map, "alias"),
            username: text(map, "username"),
            password: text(map, "password"),
            refresh_token: text(map, "refresh_token"),
        })
        .collect()
    }

    /// The environment of this alias or address.
    pub fn find(&self, name: &str) -> Option<Environment> {
        let all = self.environments();
        let by_alias = all.iter().find(|one| one.alias.as_deref() == Some(name));
        by_alias
            .or_else(|| all.iter().find(|one| one.url == name))
            .cloned()
    }

    /// Puts an environment in, in place of the one of its address; an alias has one address.
    pub fn set(&mut self, environment: &Environment) {
        let all = self.document.entry("environments".into());
        let all = all.or_insert_with(|| Value::Sequence(Vec::new()));
        if !all.is_sequence() {
            *all = Value::Sequence(Vec::new());
        }
        let Some(all) = all.as_sequence_mut() else {
            return;
        };
        let is = |one: &Value, key: &str, value: &str| {
            one.as_mapping().and_then(|map| text(map, key)).as_deref() == Some(value)
        };
        if let Some(alias) = &environment.alias {
            for one in all.iter_mut().filter(|one| is(one, "alias", alias)) {
                if let Some(map) = one.as_mapping_mut() {
                    map.remove("alias");
                }
            }
        }
        let at = all.iter().position(|one| is(one, "url", &environment.url));
        let at = at.unwrap_or_else(|| {
            all.push(Value::Mapping(Mapping::new()));
            all.len() - 1
        });
        let Some(map) = all.get_mut(at).and_then(Value::as_mapping_mut) else {
            return;
        };
        map.insert("url".into(), environment.url.clone().into());
        for (key, value) in [
            ("ca_cert", &environment.ca_cert),
            ("alias", &environment.alias),
            ("username", &environment.username),
            ("password", &environment.password),
            ("refresh_token", &environment.refresh_token),
        ] {
            match value {
                Some(value) => map.insert(key.into(), value.clone().into()),
                None => map.remove(key),
            };
        }
    }

    /// Takes an alias away; whether there was one.
    pub fn remove_alias(&mut self, alias: &str) -> bool {
        let all = self.document.get_mut("environments");
        let all = all.and_then(Value::as_sequence_mut);
        let maps = all
            .into_iter()
            .flatten()
            .filter_map(Value::as_mapping_mut)
            .filter(|map| text(map, "alias").as_deref() == Some(alias));
        let mut is_found = false;
        for map in maps {
            map.remove("alias");
            is_found = true;
        }
        is_found
    }

    /// Writes it, readable by its owner alone.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn write(&self) -> Result<(), Error> {
        let failed = |step| {
            move |source| Error::File {
                step,
                path: self.path.clone(),
                source,
            }
        };
        let text = yaml_serde::to_string(&self.document).map_err(|source| Error::Config {
            path: self.path.clone(),
            source,
        })?;
        if let Some(parent) = self.path.parent() {
            fs::create_dir_all(parent).map_err(failed("Making the directory of"))?;
        }
        let mut name = self.path.as_os_str().to_owned();
        name.push(format!(".{}.new", std::process::id()));
        let new = PathBuf::from(name);
        let mut options = OpenOptions::new();
        let opened = options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&new);
        let mut file = opened.map_err(failed("Writing"))?;
        file.write_all(text.as_bytes())
            .and_then(|()| file.sync_all())
            .and_then(|()| fs::rename(&new, &self.path))
            .map_err(failed("Writing"))
    }
}
