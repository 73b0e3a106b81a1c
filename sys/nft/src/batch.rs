//! Transactions: steps that are applied together or not at all.
//!
//! A batch is data; [`Nft::commit`](crate::Nft::commit) sends it. The kernel applies its
//! steps in order to a copy of the ruleset and switches to the copy at the end, so no
//! packet ever sees a part of it.
//!
//! * `add_*`: no error if the object exists with the same properties.
//! * `create_*`: an error if it exists.
//! * `delete_*`: an error if it does not exist.
//! * `destroy_*`: no error if it does not exist (its table must, except for tables).

mod encode;
mod fallback;
mod step;
#[cfg(test)]
mod tests;

pub(crate) use encode::{Encoded, encode};
pub(crate) use fallback::{Existing, wanted, without_destroy};
pub use step::{Place, Step};

use crate::{Chain, ChainId, Element, Rule, Set, SetId, Table, TableId};

/// Steps of a transaction, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Batch {
    pub(crate) steps: Vec<Step>,
}

impl Batch {
    /// No steps yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Its steps; each displays as a line of nft's language.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Whether there is nothing to do.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Adds a step.
    pub fn push(&mut self, step: Step) -> &mut Self {
        self.steps.push(step);
        self
    }

    /// Adds the steps of another batch.
    pub fn append(&mut self, other: Self) -> &mut Self {
        self.steps.extend(other.steps);
        self
    }

    /// Adds a table, if it does not exist.
    pub fn add_table(&mut self, table: &Table) -> &mut Self {
        self.push(Step::AddTable {
            table: table.clone(),
            exclusive: false,
        })
    }

    /// Adds a table, which must not exist.
    pub fn create_table(&mut self, table: &Table) -> &mut Self {
        self.push(Step::AddTable {
            table: table.clone(),
            exclusive: true,
        })
    }

    /// Deletes a table with all in it.
    pub fn delete_table(&mut self, table: impl Into<TableId>) -> &mut Self {
        self.push(Step::DeleteTable(table.into()))
    }

    /// Deletes a table with all in it, if it exists.
    pub fn destroy_table(&mut self, table: impl Into<TableId>) -> &mut Self {
        self.push(Step::DestroyTable(table.into()))
    }

    /// Deletes all rules of a table; its chains and sets stay.
    pub fn flush_table(&mut self, table: impl Into<TableId>) -> &mut Self {
        self.push(Step::FlushTable(table.into()))
    }

    /// Adds a chain, if it does not exist; changes the policy of one that does.
    pub fn add_chain(&mut self, chain: &Chain) -> &mut Self {
        self.push(Step::AddChain {
            chain: chain.clone(),
            exclusive: false,
        })
    }

    /// Adds a chain, which must not exist.
    pub fn create_chain(&mut self, chain: &Chain) -> &mut Self {
        self.push(Step::AddChain {
            chain: chain.clone(),
            exclusive: true,
        })
    }

    /// Deletes a chain with its rules; none may jump to it.
    pub fn delete_chain(&mut self, chain: impl Into<ChainId>) -> &mut Self {
        self.push(Step::DeleteChain(chain.into()))
    }

    /// Deletes a chain with its rules, if it exists.
    pub fn destroy_chain(&mut self, chain: impl Into<ChainId>) -> &mut Self {
        self.push(Step::DestroyChain(chain.into()))
    }

    /// Deletes all rules of a chain.
    pub fn flush_chain(&mut self, chain: impl Into<ChainId>) -> &mut Self {
        self.push(Step::FlushChain(chain.into()))
    }

    /// Adds a rule at the end of a chain.
    pub fn add_rule(&mut self, chain: impl Into<ChainId>, rule: Rule) -> &mut Self {
        self.put_rule(chain, Place::Last, rule)
    }

    /// Adds a rule at the start of a chain.
    pub fn insert_rule(&mut self, chain: impl Into<ChainId>, rule: Rule) -> &mut Self {
        self.put_rule(chain, Place::First, rule)
    }

    /// Replaces the rule of number `handle`.
    pub fn replace_rule(
        &mut self,
        chain: impl Into<ChainId>,
        handle: u64,
        rule: Rule,
    ) -> &mut Self {
        self.put_rule(chain, Place::Instead(handle), rule)
    }

    /// Adds a rule at some place of a chain.
    pub fn put_rule(&mut self, chain: impl Into<ChainId>, place: Place, rule: Rule) -> &mut Self {
        self.push(Step::PutRule {
            chain: chain.into(),
            place,
            rule,
        })
    }

    /// Deletes the rule of number `handle`.
    pub fn delete_rule(&mut self, chain: impl Into<ChainId>, handle: u64) -> &mut Self {
        self.push(Step::DeleteRule {
            chain: chain.into(),
            handle,
        })
    }

    /// Deletes the rule of number `handle`, if it exists; its chain must.
    pub fn destroy_rule(&mut self, chain: impl Into<ChainId>, handle: u64) -> &mut Self {
        self.push(Step::DestroyRule {
            chain: chain.into(),
            handle,
        })
    }

    /// Adds a set or map, if it does not exist.
    pub fn add_set(&mut self, set: &Set) -> &mut Self {
        self.push(Step::AddSet {
            set: set.clone(),
            exclusive: false,
        })
    }

    /// Adds a set or map, which must not exist.
    pub fn create_set(&mut self, set: &Set) -> &mut Self {
        self.push(Step::AddSet {
            set: set.clone(),
            exclusive: true,
        })
    }

    /// Deletes a set with its elements; no rule may use it.
    pub fn delete_set(&mut self, set: impl Into<SetId>) -> &mut Self {
        self.push(Step::DeleteSet(set.into()))
    }

    /// Deletes a set with its elements, if it exists.
    pub fn destroy_set(&mut self, set: impl Into<SetId>) -> &mut Self {
        self.push(Step::DestroySet(set.into()))
    }

    /// Deletes all elements of a set.
    pub fn flush_set(&mut self, set: impl Into<SetId>) -> &mut Self {
        self.push(Step::FlushSet(set.into()))
    }

    /// Adds elements; those already there stay as they are, timeout included.
    pub fn add_elements(
        &mut self,
        set: &Set,
        elements: impl IntoIterator<Item = Element>,
    ) -> &mut Self {
        let elements = elements.into_iter().collect();
        self.push(Step::AddElements {
            set: set.clone(),
            elements,
            exclusive: false,
        })
    }

    /// Adds elements, none of which may exist.
    pub fn create_elements(
        &mut self,
        set: &Set,
        elements: impl IntoIterator<Item = Element>,
    ) -> &mut Self {
        let elements = elements.into_iter().collect();
        self.push(Step::AddElements {
            set: set.clone(),
            elements,
            exclusive: true,
        })
    }

    /// Deletes elements by their keys.
    pub fn delete_elements(
        &mut self,
        set: &Set,
        elements: impl IntoIterator<Item = Element>,
    ) -> &mut Self {
        let elements = elements.into_iter().collect();
        self.push(Step::DeleteElements {
            set: set.clone(),
            elements,
        })
    }

    /// Deletes those of the elements that exist, by their keys; the set must exist.
    pub fn destroy_elements(
        &mut self,
        set: &Set,
        elements: impl IntoIterator<Item = Element>,
    ) -> &mut Self {
        let elements = elements.into_iter().collect();
        self.push(Step::DestroyElements {
            set: set.clone(),
            elements,
        })
    }
}
