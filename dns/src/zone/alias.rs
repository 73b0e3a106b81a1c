//! Aliases: names that stand for other names.
//!
//! ```json
//! {"sql.service.internal": ["*.mysql.default.cf.bosh", "10.0.0.9"],
//!  "_.cell.service.internal": ["_.diego-cell.default.cf.bosh"]}
//! ```
//!
//! A `*` at the head of a target is `q-s0`, everybody of the group. A `_` at the head of an alias is
//! any one label, and in its targets the same. A `*` at the head of an alias is any one label, too.

use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;

/// What an alias stands for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Target {
    /// An address.
    Address(IpAddr),
    /// A name, in lower case and without the last dot.
    Name(String),
}

/// What stands in a table: a target, or one that takes its first label from the name.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Entry {
    Target(Target),
    Tail(String),
}

/// Aliases by name.
#[derive(Debug, Clone, Default)]
pub struct Aliases {
    exact: HashMap<String, Vec<Entry>>,
    /// By what follows the first label.
    any: HashMap<String, Vec<Entry>>,
}

/// A file that holds no aliases.
#[derive(Debug, thiserror::Error)]
#[error("it is no JSON object of lists of names")]
pub struct NoAliases(#[from] serde_json::Error);

impl Aliases {
    /// Adds those of a file; names that are there already stay what they are.
    ///
    /// # Errors
    /// [`NoAliases`]; then nothing is added.
    pub fn add_file(&mut self, bytes: &[u8]) -> Result<(), NoAliases> {
        let aliases: BTreeMap<String, Vec<String>> = serde_json::from_slice(bytes)?;
        for (name, targets) in aliases {
            let name = plain(&name);
            if name.is_empty() || self.has(&name) {
                continue;
            }
            for target in targets {
                self.add(&name, &target);
            }
        }
        Ok(())
    }

    /// Whether there is an alias of this name.
    pub(super) fn has(&self, name: &str) -> bool {
        match any_label(name) {
            Some(rest) => self.any.contains_key(rest),
            None => self.exact.contains_key(name),
        }
    }

    /// Adds a target to an alias.
    pub(super) fn add(&mut self, name: &str, target: &str) {
        let target = plain(target);
        let entry = match (target.parse(), target.split_once('.')) {
            (Ok(address), _) => Entry::Target(Target::Address(address)),
            (_, Some(("*", rest))) => Entry::Target(Target::Name(format!("q-s0.{rest}"))),
            (_, Some(("_", rest))) => Entry::Tail(rest.to_owned()),
            _ => Entry::Target(Target::Name(target)),
        };
        let name = plain(name);
        let list = match any_label(&name) {
            Some(rest) => self.any.entry(rest.to_owned()),
            None => self.exact.entry(name),
        };
        list.or_default().push(entry);
    }

    /// Whether this is an alias, or what follows the first label of one.
    pub(super) fn has_host(&self, name: &str) -> bool {
        self.exact.contains_key(name) || self.any.contains_key(name)
    }

    /// Names that stand for exactly one name or address, by that.
    pub(super) fn inverted(&self) -> HashMap<&Target, Vec<&str>> {
        let mut names: HashMap<&Target, Vec<&str>> = HashMap::new();
        for (name, entries) in &self.exact {
            for entry in entries {
                if let Entry::Target(target) = entry {
                    names.entry(target).or_default().push(name);
                }
            }
        }
        names
    }

    /// Puts what aliases stand for in their place, until there are none or `most` were taken.
    pub(super) fn expand(&self, targets: &mut Vec<Target>, most: usize) {
        let (mut at, mut taken) = (0, 0);
        while let Some(target) = targets.get(at) {
            let found = match target {
                Target::Name(name) => self.resolutions(name),
                Target::Address(_) => None,
            };
            match found {
                // The bound also ends aliases that stand for each other.
                Some(found) if taken + found.len() < most => {
                    taken += found.len().max(1);
                    targets.splice(at..=at, found);
                }
                Some(_) => {
                    targets.remove(at);
                }
                None => at += 1,
            }
        }
    }

    fn resolutions(&self, name: &str) -> Option<Vec<Target>> {
        let (first, rest) = name.split_once('.').unwrap_or((name, ""));
        let entries = self.exact.get(name).or_else(|| self.any.get(rest))?;
        let fill = |entry: &Entry| match entry {
            Entry::Target(target) => target.clone(),
            Entry::Tail(rest) => Target::Name(format!("{first}.{rest}")),
        };
        Some(entries.iter().map(fill).collect())
    }
}

fn any_label(name: &str) -> Option<&str> {
    name.strip_prefix("_.").or_else(|| name.strip_prefix("*."))
}

fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}
