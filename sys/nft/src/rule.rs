//! Rules: expressions in order, and methods that write them as a rule reads.
//!
//! ```
//! use std::net::Ipv4Addr;
//! use warren_sys_nft::Rule;
//!
//! let rule = Rule::new()
//!     .socket_cgroupv2(2, 4711)
//!     .ip_daddr(Ipv4Addr::LOCALHOST)
//!     .tcp_dport(2822)
//!     .counter()
//!     .accept()
//!     .with_comment("monit");
//! assert_eq!(
//!     rule.to_string(),
//!     "socket cgroupv2 level 2 4711 ip daddr 127.0.0.1 tcp dport 2822 \
//!      counter packets 0 bytes 0 accept comment \"monit\"",
//! );
//! ```

mod action;
mod field;
mod matching;
mod shorthand;
#[cfg(test)]
mod tests;

pub use field::{CtState, Field, TcpFlags};
pub(crate) use field::{IPV4, IPV6, Needs, TCP, UDP};

use crate::{Expr, Family};

/// A rule. Its methods add expressions at the end; every match must hold
/// for what follows to happen.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Rule {
    /// Family of the table it is for: decides which protocol checks the matches need.
    family: Family,
    /// Its instructions.
    pub exprs: Vec<Expr>,
    /// Shown by the nft command; up to 128 bytes.
    pub comment: Option<String>,
}

impl Default for Rule {
    fn default() -> Self {
        Self::new()
    }
}

impl Rule {
    /// An empty rule for a table of family inet. In a table of one address family use
    /// [`Rule::in_family`], which leaves out the check of the family.
    #[must_use]
    pub fn new() -> Self {
        Self::in_family(Family::Inet)
    }

    /// An empty rule for a table of `family`.
    #[must_use]
    pub fn in_family(family: Family) -> Self {
        Self {
            family,
            exprs: Vec::new(),
            comment: None,
        }
    }

    /// A rule of given expressions.
    #[must_use]
    pub fn from_exprs(family: Family, exprs: Vec<Expr>, comment: Option<String>) -> Self {
        Self {
            family,
            exprs,
            comment,
        }
    }

    /// Family of the table it is for.
    #[must_use]
    pub fn family(&self) -> Family {
        self.family
    }

    /// Adds an expression.
    #[must_use]
    pub fn expr(mut self, expr: Expr) -> Self {
        self.exprs.push(expr);
        self
    }

    /// Adds a comment.
    #[must_use]
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }

    /// Whether both do the same and carry the same comment; what counters
    /// counted does not matter.
    #[must_use]
    pub fn same_as(&self, other: &Self) -> bool {
        self.comment == other.comment
            && self.exprs.len() == other.exprs.len()
            && self
                .exprs
                .iter()
                .zip(&other.exprs)
                .all(|(a, b)| a.without_counts() == b.without_counts())
    }

    /// Packets and bytes of the rule's first counter.
    #[must_use]
    pub fn counted(&self) -> Option<(u64, u64)> {
        self.exprs.iter().find_map(|expr| match expr {
            Expr::Counter { packets, bytes } => Some((*packets, *bytes)),
            _ => None,
        })
    }
}

/// A rule as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedRule {
    /// Address family of its table.
    pub family: Family,
    /// Name of its table.
    pub table: String,
    /// Name of its chain.
    pub chain: String,
    /// The kernel's number for it within the table; names it in replace and delete.
    pub handle: u64,
    /// The rule.
    pub rule: Rule,
}
