//! Where a level is: seen from this machine, and from inside.

use std::path::{Path, PathBuf};

use warren_garden_client::{Client, Target};

use crate::Record;

/// What each level below the machine calls its own directory.
pub(crate) const INSIDE: &str = "/var/lib/warren";
/// The container with the director.
const DIRECTOR: &str = "director";

/// A level: 0 is this machine, 1 the container on it, and so on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// How deep it is.
    pub index: usize,
    here: PathBuf,
    own: PathBuf,
}

/// All levels of an environment, this machine first, the director's last.
pub fn levels(home: &Path, record: &Record) -> Vec<Level> {
    let mut all = vec![Level::machine(home)];
    for _ in 0..record.depth {
        let next = all.last().map(Level::next);
        all.extend(next);
    }
    all
}

impl Level {
    /// This machine.
    pub fn machine(home: &Path) -> Self {
        Self {
            index: 0,
            here: home.to_owned(),
            own: home.to_owned(),
        }
    }

    /// The one inside it.
    #[must_use]
    pub fn next(&self) -> Self {
        Self {
            index: self.index + 1,
            here: self.here.join("next"),
            own: PathBuf::from(INSIDE),
        }
    }

    /// A path of it, as this machine sees it.
    pub fn here(&self, name: &str) -> PathBuf {
        self.here.join(name)
    }

    /// A path of it, as it sees it itself.
    pub fn own(&self, name: &str) -> PathBuf {
        self.own.join(name)
    }

    /// Its Garden server.
    pub fn garden(&self) -> Client {
        Client::new(Target::Unix(self.here("garden.sock")))
    }

    /// The handle of its container, which is the next level.
    pub fn container(&self, record: &Record) -> String {
        match self.index + 1 == record.depth {
            true => DIRECTOR.to_owned(),
            false => format!("level{}", self.index + 1),
        }
    }

    /// Whether the director is in it.
    pub fn has_director(&self, record: &Record) -> bool {
        self.index == record.depth
    }
}
