//! nftables over netlink: typed rules, atomic transactions, listing and change events.
//!
//! ```no_run
//! use std::net::Ipv4Addr;
//! use warren_sys_nft::{Batch, Chain, ChainType, CtState, Family, Hook, Nft, Policy, Rule, Table, priority};
//!
//! # fn main() -> Result<(), warren_sys_nft::Error> {
//! let table = Table::new(Family::Inet, "guard");
//! let chain = Chain::new(Family::Inet, "guard", "out")
//!     .hooked(ChainType::Filter, Hook::Output, priority::FILTER - 1, Policy::Accept);
//! let mut batch = Batch::new();
//! batch.destroy_table(&table).add_table(&table).add_chain(&chain);
//! batch.add_rule(&chain, Rule::new().ct_state(CtState::Established | CtState::Related).accept());
//! batch.add_rule(&chain, Rule::new().meta_skuid(0).ip_daddr(Ipv4Addr::LOCALHOST).tcp_dport(2822).accept());
//! batch.add_rule(&chain, Rule::new().ip_daddr(Ipv4Addr::LOCALHOST).tcp_dport(2822).reject_tcp_reset());
//! let mut nft = Nft::open()?;
//! nft.commit(&batch)?;
//! # Ok(())
//! # }
//! ```
//!
//! * [`Table`], [`Chain`], [`Rule`], [`Set`], [`Element`] describe objects; a rule is a list of
//!   [`Expr`]essions, written with methods that read like the rule.
//! * [`Batch`] holds the steps of a transaction; [`Nft::commit`] applies all or none.
//! * [`Nft::ruleset`] and `list_*` read back; what this crate has no type for is kept as bytes.
//! * [`Monitor`] tells changes as they are committed, by whomever.
//! * [`LogReader`] gets the packets that rules log to a group.
//! * `Display` of rules and tables writes nft's language, for people.
//!
//! Needs no nft executable. Source: Linux `net/netfilter/nf_tables_api.c`,
//! `include/uapi/linux/netfilter/nf_tables.h`.

mod batch;
mod codec;
mod data;
mod error;
mod expr;
mod family;
#[doc(hidden)]
pub mod fuzz;
#[cfg(test)]
#[path = "../tests/common/mod.rs"]
mod host_test;
mod id;
mod list;
mod log;
mod monitor;
mod nft;
mod rule;
mod set;
mod table;
mod text;
mod userdata;
mod wire;

pub use batch::{Batch, Place, Step};
pub use data::{Data, DataType, Key, Verdict};
pub use error::{Error, Refusal};
pub use expr::{
    CmpOp, CtKey, Expr, Limit, Log, LogTarget, LookupData, MetaKey, Nat, NatKind, PayloadBase,
    Register, Reject, SocketKey,
};
pub use family::{ChainType, Family, Hook, Policy, priority};
pub use id::{ChainId, SetId, TableId};
pub use list::{Generation, Ruleset, TableContents};
pub use log::{Entry, Flow, LogReader, Logged};
pub use monitor::{Change, Event, Monitor};
pub use nft::Nft;
pub use rule::{CtState, Field, ListedRule, Rule, TcpFlags};
pub use set::{Element, ListedSet, Set};
pub use table::{BaseChain, Chain, ListedChain, ListedTable, Table};
