//! Names of tables, chains and sets.

use std::fmt;

use crate::{Chain, Family, ListedRule, Set, Table};

/// Names a table.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TableId {
    /// Address family.
    pub family: Family,
    /// Name.
    pub name: String,
}

/// Names a chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ChainId {
    /// Its table.
    pub table: TableId,
    /// Name.
    pub name: String,
}

/// Names a set or map.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SetId {
    /// Its table.
    pub table: TableId,
    /// Name.
    pub name: String,
}

impl TableId {
    /// The table `name` of `family`.
    #[must_use]
    pub fn new(family: Family, name: impl Into<String>) -> Self {
        Self {
            family,
            name: name.into(),
        }
    }

    /// A chain of this table.
    #[must_use]
    pub fn chain(&self, name: impl Into<String>) -> ChainId {
        ChainId {
            table: self.clone(),
            name: name.into(),
        }
    }

    /// A set of this table.
    #[must_use]
    pub fn set(&self, name: impl Into<String>) -> SetId {
        SetId {
            table: self.clone(),
            name: name.into(),
        }
    }
}

impl ChainId {
    /// The chain `name` of table `table` of `family`.
    #[must_use]
    pub fn new(family: Family, table: impl Into<String>, name: impl Into<String>) -> Self {
        TableId::new(family, table).chain(name)
    }
}

impl SetId {
    /// The set `name` of table `table` of `family`.
    #[must_use]
    pub fn new(family: Family, table: impl Into<String>, name: impl Into<String>) -> Self {
        TableId::new(family, table).set(name)
    }
}

macro_rules! from {
    ($from:ty => $to:ty, |$value:ident| $body:expr) => {
        impl From<$from> for $to {
            fn from($value: $from) -> Self {
                $body
            }
        }
    };
}

from!(&TableId => TableId, |id| id.clone());
from!(&ChainId => ChainId, |id| id.clone());
from!(&SetId => SetId, |id| id.clone());
from!(&Table => TableId, |table| Self::new(table.family, table.name.as_str()));
from!(&Chain => TableId, |chain| Self::new(chain.family, chain.table.as_str()));
from!(&Set => TableId, |set| Self::new(set.family, set.table.as_str()));
from!(&Chain => ChainId, |chain| Self::new(chain.family, chain.table.as_str(), chain.name.as_str()));
from!(&ListedRule => ChainId, |rule| Self::new(rule.family, rule.table.as_str(), rule.chain.as_str()));
from!(&Set => SetId, |set| Self::new(set.family, set.table.as_str(), set.name.as_str()));
from!((Family, &str) => TableId, |id| Self::new(id.0, id.1));
from!((Family, &str, &str) => ChainId, |id| Self::new(id.0, id.1, id.2));
from!((Family, &str, &str) => SetId, |id| Self::new(id.0, id.1, id.2));

impl fmt::Display for TableId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.family, self.name)
    }
}

impl fmt::Display for ChainId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.name)
    }
}

impl fmt::Display for SetId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.table, self.name)
    }
}
