//! Tables and chains.

use crate::{ChainType, Family, Hook, Policy};

/// A table: the unit of ownership. Names are unique per family.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Table {
    /// Address family.
    pub family: Family,
    /// Name, up to 255 bytes.
    pub name: String,
    /// The table's base chains do not run.
    pub is_dormant: bool,
    /// Only the socket that created the table may change it; see [`Table::owned`].
    pub is_owned: bool,
    /// An owned table outlives its socket and can then be adopted (Linux 6.9).
    pub is_persistent: bool,
    /// Shown by the nft command; up to 128 bytes.
    pub comment: Option<String>,
}

impl Table {
    /// A table that anyone may change.
    #[must_use]
    pub fn new(family: Family, name: impl Into<String>) -> Self {
        Self {
            family,
            name: name.into(),
            is_dormant: false,
            is_owned: false,
            is_persistent: false,
            comment: None,
        }
    }

    /// Makes the table belong to the [`Nft`](crate::Nft) that creates it: others cannot
    /// change it, `flush ruleset` of others skips it, and the kernel removes it
    /// when that `Nft` is dropped or its process dies (Linux 5.12).
    #[must_use]
    pub fn owned(mut self) -> Self {
        self.is_owned = true;
        self
    }

    /// Adds a comment.
    #[must_use]
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }
}

/// A table as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedTable {
    /// The table.
    pub table: Table,
    /// The kernel's number for it, not reused.
    pub handle: u64,
    /// Port of the owning socket, if the table has a living owner.
    pub owner_port: Option<u32>,
    /// Chains, sets and other objects in it.
    pub use_count: u32,
}

/// The hook of a base chain.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct BaseChain {
    /// What the chain may do.
    pub kind: ChainType,
    /// Where it sits.
    pub hook: Hook,
    /// Order among chains of the same hook; lower runs first.
    pub priority: i32,
    /// Fate of packets that reach the chain's end.
    pub policy: Policy,
    /// Device of an ingress or egress hook.
    pub device: Option<String>,
}

/// A chain: an ordered list of rules.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Chain {
    /// Address family of its table.
    pub family: Family,
    /// Name of its table.
    pub table: String,
    /// Name, up to 255 bytes.
    pub name: String,
    /// Hook, or `None` for a chain that is only jumped to.
    pub base: Option<BaseChain>,
    /// Shown by the nft command; up to 128 bytes.
    pub comment: Option<String>,
}

impl Chain {
    /// A chain that is only jumped to.
    #[must_use]
    pub fn new(family: Family, table: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            family,
            table: table.into(),
            name: name.into(),
            base: None,
            comment: None,
        }
    }

    /// Hooks the chain into the packet's way.
    #[must_use]
    pub fn hooked(mut self, kind: ChainType, hook: Hook, priority: i32, policy: Policy) -> Self {
        self.base = Some(BaseChain {
            kind,
            hook,
            priority,
            policy,
            device: None,
        });
        self
    }

    /// Binds an ingress or egress base chain to a device. No effect on other chains.
    #[must_use]
    pub fn on_device(mut self, device: impl Into<String>) -> Self {
        if let Some(base) = &mut self.base {
            base.device = Some(device.into());
        }
        self
    }

    /// Adds a comment.
    #[must_use]
    pub fn with_comment(mut self, comment: impl Into<String>) -> Self {
        self.comment = Some(comment.into());
        self
    }
}

/// A chain as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedChain {
    /// The chain.
    pub chain: Chain,
    /// The kernel's number for it within the table.
    pub handle: u64,
}
