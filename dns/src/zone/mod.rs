//! What names stand for: a pure function of the director's records and the jobs' aliases.
//!
//! ```text
//! name ─► aliases ─► names and addresses ─► query ─► rows that fit ─► addresses
//! ```
//!
//! | name | stands for |
//! |---|---|
//! | `UUID.GROUP.NETWORK.DEPLOYMENT.bosh` | an instance; a number in place of the id is its index |
//! | `q-FILTERS.GROUP.NETWORK.DEPLOYMENT.bosh` | those of a group that fit; `*` stands for all |
//! | `q-FILTERS.q-gNUMBER.bosh` | the same, short; `*` in place of the group for everybody |
//! | `AGENT.bosh-agent-id` | the instance of an agent |
//! | an alias | what it says |
//!
//! Source: the query language of bosh-dns, docs-bosh `content/dns.md`.

pub mod alias;
mod placeholder;
pub mod query;
mod reverse;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::net::IpAddr;

use warren_wire_agent::dns::{Records, Row};

use alias::{Aliases, Target};
use query::{Health, Query};

pub use reverse::address_of;

/// The root that is ours also while nothing below it is known.
const ROOT: &str = "bosh";

/// How much an alias may stand for, other aliases included.
const MOST_TARGETS: usize = 1000;

/// A name that cannot be resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unresolved {
    /// It is no query of the language.
    #[error("the name is no query")]
    Malformed,
    /// Nothing fits.
    #[error("nothing has this name")]
    Unknown,
}

/// All names.
#[derive(Debug, Default)]
pub struct Zone {
    /// The version of the records; none before there are any.
    pub version: Option<u64>,
    rows: Vec<Row>,
    domains: BTreeSet<String>,
    aliases: Aliases,
    by_id: HashMap<String, Vec<usize>>,
    by_group_id: HashMap<String, Vec<usize>>,
    by_group: HashMap<String, Vec<usize>>,
    names: HashMap<IpAddr, Vec<String>>,
}

impl Zone {
    /// The names of these records and aliases; of aliases of the same name, those of files count.
    #[must_use]
    pub fn new(records: Option<&Records>, files: Aliases) -> Self {
        let mut zone = Self {
            aliases: files,
            domains: BTreeSet::from([ROOT.to_owned()]),
            ..Self::default()
        };
        let Some(records) = records else {
            return zone;
        };
        zone.version = Some(records.version);
        (zone.rows, _) = records.rows();
        for (name, definitions) in records.definitions() {
            placeholder::expand(&mut zone.aliases, &zone.rows, &name, &definitions);
        }
        for (at, row) in zone.rows.iter().enumerate() {
            let add = |map: &mut HashMap<String, Vec<usize>>, key: &str| {
                map.entry(key.to_owned()).or_default().push(at);
            };
            add(&mut zone.by_id, &row.id);
            add(&mut zone.by_group, &row.group);
            for id in &row.group_ids {
                add(&mut zone.by_group_id, id);
            }
            zone.domains.insert(row.domain.clone());
        }
        zone.names = reverse::names(&records.records, &zone.aliases);
        zone
    }

    /// The longest of our roots that a name is below, if it is below any.
    #[must_use]
    pub fn root_of<'a>(&self, name: &'a str) -> Option<&'a str> {
        suffixes(name).find(|suffix| {
            self.domains.contains(*suffix)
                || self.aliases.has_host(suffix)
                || *suffix == query::AGENTS
        })
    }

    /// The addresses that a name stands for, each once.
    ///
    /// # Errors
    /// [`Unresolved`]. That nobody is in the wanted state of health is no error: there is no address.
    pub fn resolve(&self, name: &str) -> Result<Vec<IpAddr>, Unresolved> {
        let mut targets = vec![Target::Name(name.to_owned())];
        self.aliases.expand(&mut targets, MOST_TARGETS);
        let (mut seen, mut addresses, mut fitting) = (HashSet::new(), Vec::new(), false);
        for target in targets {
            match target {
                Target::Address(address) => {
                    fitting = true;
                    if seen.insert(address) {
                        addresses.push(address);
                    }
                }
                Target::Name(name) => {
                    let query = Query::parse(&name, &self.domains).ok_or(Unresolved::Malformed)?;
                    for row in self.candidates(&query).filter(|row| query.fits(row)) {
                        fitting = true;
                        // Without knowledge of health all are as healthy as all others.
                        if query.health != Health::Unhealthy && seen.insert(row.ip) {
                            addresses.push(row.ip);
                        }
                    }
                }
            }
        }
        if fitting {
            Ok(addresses)
        } else {
            Err(Unresolved::Unknown)
        }
    }

    /// The names of an address.
    #[must_use]
    pub fn names_of(&self, address: IpAddr) -> &[String] {
        self.names
            .get(&address)
            .map(Vec::as_slice)
            .unwrap_or_default()
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Rows among which all that fit are.
    fn candidates<'a>(&'a self, query: &Query) -> Box<dyn Iterator<Item = &'a Row> + 'a> {
        let of = |map: &'a HashMap<String, Vec<usize>>, key: &str| {
            let found = map.get(key).map(Vec::as_slice).unwrap_or_default();
            Box::new(found.iter().filter_map(|at| self.rows.get(*at)))
        };
        if let Some(id) = &query.id {
            return of(&self.by_id, id);
        }
        if let [group] = &query.group_ids[..] {
            return of(&self.by_group_id, group);
        }
        match &query.group {
            Some(group) if !group.contains('*') => of(&self.by_group, group),
            _ => Box::new(self.rows.iter()),
        }
    }
}

/// A name and all that it is below, longest first.
pub(crate) fn suffixes(name: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(name), |rest| {
        rest.split_once('.').map(|(_, rest)| rest)
    })
}
