//! Destroy steps on kernels before 6.3, which know only delete.
//!
//! A table or chain is added and deleted, which works whether it exists or not. For
//! sets, elements and rules the ruleset is read first and the step is left out if
//! there is nothing to delete; the transaction is then bound to the generation that
//! was read, so that a change in between makes it fail instead of doing the wrong thing.

use std::collections::HashSet;

use super::Step;
use crate::{Chain, ChainId, Element, Key, SetId, Table, TableId};

/// What must be read before a batch can do without destroy steps.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    /// Tables whose sets matter.
    pub(crate) tables: HashSet<TableId>,
    /// Sets whose elements matter.
    pub(crate) sets: HashSet<SetId>,
    /// Chains whose rules matter.
    pub(crate) chains: HashSet<ChainId>,
}

/// What exists.
#[derive(Debug, Default)]
pub(crate) struct Existing {
    /// Sets of the wanted tables.
    pub(crate) sets: HashSet<SetId>,
    /// Elements of the wanted sets, by first key.
    pub(crate) elements: HashSet<(SetId, Key)>,
    /// Rules of the wanted chains.
    pub(crate) rules: HashSet<(ChainId, u64)>,
}

/// What to read for `steps`.
pub(crate) fn wanted(steps: &[Step]) -> Wanted {
    let mut wanted = Wanted::default();
    for step in steps {
        match step {
            Step::DestroySet(id) => {
                wanted.tables.insert(id.table.clone());
            }
            Step::DestroyElements { set, .. } => {
                wanted.tables.insert(set.into());
                wanted.sets.insert(set.into());
            }
            Step::DestroyRule { chain, .. } => {
                wanted.chains.insert(chain.clone());
            }
            _ => {}
        }
    }
    wanted
}

/// The same steps without destroy, each with the index of the step it stands for.
pub(crate) fn without_destroy(steps: &[Step], mut existing: Existing) -> Vec<(usize, Step)> {
    let mut plain = Vec::new();
    for (index, step) in steps.iter().enumerate() {
        let mut push = |step| plain.push((index, step));
        match step {
            Step::DestroyTable(id) => {
                let table = Table::new(id.family, id.name.as_str());
                push(Step::AddTable {
                    table,
                    exclusive: false,
                });
                push(Step::DeleteTable(id.clone()));
            }
            Step::DestroyChain(id) => {
                let chain = Chain::new(id.table.family, id.table.name.as_str(), id.name.as_str());
                push(Step::AddChain {
                    chain,
                    exclusive: false,
                });
                push(Step::DeleteChain(id.clone()));
            }
            Step::DestroySet(id) if existing.sets.contains(id) => {
                push(Step::DeleteSet(id.clone()));
            }
            Step::DestroyRule { chain, handle }
                if existing.rules.contains(&(chain.clone(), *handle)) =>
            {
                push(Step::DeleteRule {
                    chain: chain.clone(),
                    handle: *handle,
                });
            }
            Step::DestroyElements { set, elements } => {
                let id = SetId::from(set);
                let there = |element: &&Element| {
                    existing
                        .elements
                        .contains(&(id.clone(), element.key.clone()))
                };
                let elements: Vec<_> = elements.iter().filter(there).cloned().collect();
                if !elements.is_empty() {
                    push(Step::DeleteElements {
                        set: set.clone(),
                        elements,
                    });
                }
            }
            Step::DestroySet(_) | Step::DestroyRule { .. } => {}
            other => push(other.clone()),
        }
        existing.apply(step);
    }
    plain
}

impl Existing {
    /// Follows what a step does to the objects that destroy steps ask about.
    fn apply(&mut self, step: &Step) {
        match step {
            Step::DeleteTable(table) | Step::DestroyTable(table) => {
                self.sets.retain(|set| set.table != *table);
                self.elements.retain(|(set, _)| set.table != *table);
                self.rules.retain(|(chain, _)| chain.table != *table);
            }
            Step::FlushTable(table) => self.rules.retain(|(chain, _)| chain.table != *table),
            Step::DeleteChain(id) | Step::DestroyChain(id) | Step::FlushChain(id) => {
                self.rules.retain(|(chain, _)| chain != id);
            }
            Step::DeleteRule { chain, handle } | Step::DestroyRule { chain, handle } => {
                self.rules.remove(&(chain.clone(), *handle));
            }
            Step::AddSet { set, .. } => {
                self.sets.insert(set.into());
            }
            Step::DeleteSet(id) | Step::DestroySet(id) => {
                self.sets.remove(id);
                self.elements.retain(|(set, _)| set != id);
            }
            Step::FlushSet(id) => self.elements.retain(|(set, _)| set != id),
            Step::AddElements { set, elements, .. } => {
                self.elements
                    .extend(elements.iter().map(|e| (set.into(), e.key.clone())));
            }
            Step::DeleteElements { set, elements } | Step::DestroyElements { set, elements } => {
                for element in elements {
                    self.elements.remove(&(set.into(), element.key.clone()));
                }
            }
            Step::AddTable { .. } | Step::AddChain { .. } | Step::PutRule { .. } => {}
        }
    }
}
