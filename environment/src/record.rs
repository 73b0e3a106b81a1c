//! What was asked for when the environment was made, and what was found out since.

use std::fmt;
use std::fs;
use std::io;
use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::{Error, ImageOptions, files};

const NAME: &str = "environment.json";

/// An environment, as it is written down.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The director's name.
    pub name: String,
    /// At which level the director is.
    pub depth: usize,
    /// Where the director keeps its rows.
    pub database: Database,
    /// The director's password there.
    pub database_password: String,
    /// Whether the director's processes run in bpm's containers.
    pub bpm: bool,
    /// What sets this machine's Garden server apart from others here: in names of links and of
    /// control groups.
    pub tag: char,
    /// The network of its machines: the first two bytes of the addresses.
    pub machines: [u8; 2],
    /// The network of the containers of levels, likewise.
    pub levels: [u8; 2],
    /// The image of all containers.
    pub image: String,
    /// What that was asked to be made of.
    #[serde(default)]
    pub image_options: ImageOptions,
    /// The addresses of the containers, the outermost first.
    pub addresses: Vec<Ipv4Addr>,
}

/// Where a director keeps its rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Database {
    /// In a file of its own.
    #[default]
    Sqlite,
    /// In a PostgreSQL beside it.
    Postgres,
}

impl fmt::Debug for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Record")
            .field("name", &self.name)
            .field("depth", &self.depth)
            .field("addresses", &self.addresses)
            .finish_non_exhaustive()
    }
}

impl Record {
    /// That of a home, if there is one.
    ///
    /// # Errors
    /// [`Error::File`], [`Error::Record`].
    pub fn read(home: &Path) -> Result<Option<Self>, Error> {
        let path = home.join(NAME);
        match fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|source| Error::Record { path, source }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::file("read", &path)(error)),
        }
    }

    /// That of a home where there must be one.
    ///
    /// # Errors
    /// As [`Record::read`], and [`Error::NotUp`].
    pub fn of(home: &Path) -> Result<Self, Error> {
        Self::read(home)?.ok_or_else(|| Error::NotUp(home.to_owned()))
    }

    /// One as it was begun with.
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            name: "warren".to_owned(),
            depth: 1,
            database: Database::Sqlite,
            database_password: String::new(),
            bpm: false,
            tag: 'u',
            machines: [10, 244],
            levels: [10, 255],
            image: String::new(),
            image_options: ImageOptions::default(),
            addresses: Vec::new(),
        }
    }

    pub(crate) fn write(&self, home: &Path) -> Result<(), Error> {
        let path = home.join(NAME);
        let text = serde_json::to_vec_pretty(self).map_err(|source| Error::Record {
            path: path.clone(),
            source,
        })?;
        files::write(&path, &text, 0o600).map(drop)
    }

    /// The director's address, once it is known.
    pub fn director(&self) -> Option<Ipv4Addr> {
        self.addresses.get(self.depth.checked_sub(1)?).copied()
    }
}
