//! From the table as it is to the table as it should be, in one transaction. Pure.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use warren_sys_nft::{Batch, Chain, Element, ListedRule, ListedTable, Set, Table, TableContents};

use crate::endpoint::{Endpoint, Mbus};
use crate::resolve::Known;
use crate::ruleset::{self, FAMILY, FilledChain, NATS, OWN_CHAINS, TABLE, endpoint_in_comment};

/// The table as the kernel lists it.
#[derive(Debug, Clone, Default)]
pub struct Actual {
    /// Its contents, if there is such a table.
    pub table: Option<TableContents>,
}

/// One difference between what is and what should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Change {
    /// The table was not there.
    TableAdded,
    /// A chain was not there.
    ChainAdded {
        /// Which.
        chain: String,
    },
    /// A chain held other rules.
    RulesReplaced {
        /// Which.
        chain: String,
        /// Rules before.
        was: usize,
        /// Rules after.
        now: usize,
    },
    /// A chain of ours that the policy no longer asks for.
    ChainRemoved {
        /// Which.
        chain: String,
    },
}

/// The table is somebody else's.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Foreign {
    /// Another process's netlink socket owns the table.
    #[error("the table inet {TABLE} belongs to another process (netlink port {port})")]
    Owned {
        /// Port of its socket; often the process id.
        port: u32,
    },
    /// Somebody switched the table off.
    #[error("the table inet {TABLE} is dormant: its rules are not in force")]
    Dormant,
    /// A chain of this name has another hook, type or priority.
    #[error("the chain {chain} of table inet {TABLE} is {found}, expected {expected}")]
    Chain {
        /// Which.
        chain: String,
        /// What it is.
        found: String,
        /// What it should be.
        expected: String,
    },
    /// A set of this name holds other things.
    #[error("the set {set} of table inet {TABLE} does not hold cgroup ids")]
    Set {
        /// Which.
        set: String,
    },
}

impl Actual {
    /// The rules of a chain, in order.
    pub fn rules_of(&self, chain: &str) -> &[ListedRule] {
        self.table
            .as_ref()
            .and_then(|table| table.rules(chain))
            .unwrap_or_default()
    }

    /// The chain of that name.
    pub fn chain(&self, name: &str) -> Option<&Chain> {
        let chains = self.table.iter().flat_map(|table| &table.chains);
        chains
            .map(|(listed, _)| &listed.chain)
            .find(|chain| chain.name == name)
    }

    /// The set of that name and its elements.
    pub fn set(&self, name: &str) -> Option<(&Set, &[Element])> {
        let sets = self.table.iter().flat_map(|table| &table.sets);
        sets.map(|(listed, elements)| (&listed.set, elements.as_slice()))
            .find(|(set, _)| set.name == name)
    }

    /// The addresses that the NATS rules in force name, by endpoint.
    pub fn known_addresses(&self) -> Known {
        let mut known: BTreeMap<Endpoint, BTreeSet<_>> = BTreeMap::new();
        for listed in self.rules_of(NATS) {
            let text = listed.rule.comment.as_deref().and_then(endpoint_in_comment);
            let Some(Ok(Mbus::Nats(endpoint))) = text.map(str::parse) else {
                continue;
            };
            if let Some(place) = ruleset::destination(&listed.rule) {
                known.entry(endpoint).or_default().insert(place.address);
            }
        }
        known
    }
}

/// The transaction that makes `actual` into `desired`, and what it changes; an empty list
/// means that nothing needs to be done.
///
/// # Errors
/// [`Foreign`] where the table's parts are not what the agent's table has.
pub fn plan(desired: &[FilledChain], actual: &Actual) -> Result<(Batch, Vec<Change>), Foreign> {
    check_table(actual)?;
    let mut batch = Batch::new();
    let mut changes = Vec::new();
    if actual.table.is_none() {
        batch.add_table(&Table::new(FAMILY, TABLE));
        changes.push(Change::TableAdded);
    }
    for wanted in desired {
        match actual.chain(&wanted.chain.name) {
            Some(found) => check_kind(found, &wanted.chain)?,
            None => {
                batch.add_chain(&wanted.chain);
                changes.push(Change::ChainAdded {
                    chain: wanted.chain.name.clone(),
                });
            }
        }
    }
    for wanted in desired {
        fill(wanted, actual, &mut batch, &mut changes);
    }
    for name in OWN_CHAINS {
        let is_wanted = desired.iter().any(|wanted| wanted.chain.name == name);
        if let (false, Some(chain)) = (is_wanted, actual.chain(name)) {
            batch.flush_chain(chain);
            batch.delete_chain(chain);
            changes.push(Change::ChainRemoved {
                chain: name.to_owned(),
            });
        }
    }
    Ok((batch, changes))
}

fn check_table(actual: &Actual) -> Result<(), Foreign> {
    match actual.table.as_ref().map(|contents| &contents.table) {
        Some(ListedTable {
            owner_port: Some(port),
            ..
        }) => Err(Foreign::Owned { port: *port }),
        Some(listed) if listed.table.is_dormant => Err(Foreign::Dormant),
        _ => Ok(()),
    }
}

fn check_kind(found: &Chain, expected: &Chain) -> Result<(), Foreign> {
    if found.base == expected.base {
        return Ok(());
    }
    Err(Foreign::Chain {
        chain: found.name.clone(),
        found: kind(found),
        expected: kind(expected),
    })
}

fn kind(chain: &Chain) -> String {
    chain.base.as_ref().map_or_else(
        || "a regular chain".to_owned(),
        |base| {
            format!(
                "a {} chain on hook {} at priority {} with policy {}",
                base.kind.name(),
                base.hook.name(),
                base.priority,
                base.policy.name()
            )
        },
    )
}

fn fill(wanted: &FilledChain, actual: &Actual, batch: &mut Batch, changes: &mut Vec<Change>) {
    let Some(rules) = &wanted.rules else { return };
    let name = &wanted.chain.name;
    let present = actual.rules_of(name);
    let same = present.len() == rules.len()
        && present
            .iter()
            .zip(rules)
            .all(|(listed, rule)| listed.rule.same_as(rule));
    if same {
        return;
    }
    if !present.is_empty() {
        batch.flush_chain(&wanted.chain);
        let (was, now) = (present.len(), rules.len());
        changes.push(Change::RulesReplaced {
            chain: name.clone(),
            was,
            now,
        });
    } else if actual.chain(name).is_some() {
        changes.push(Change::RulesReplaced {
            chain: name.clone(),
            was: 0,
            now: rules.len(),
        });
    }
    for rule in rules {
        batch.add_rule(&wanted.chain, rule.clone());
    }
}

/// The transaction that removes the table with all that is in it, jobs' rules included.
pub fn teardown(actual: &Actual) -> Batch {
    let mut batch = Batch::new();
    if actual.table.is_some() {
        batch.delete_table(&Table::new(FAMILY, TABLE));
    }
    batch
}
