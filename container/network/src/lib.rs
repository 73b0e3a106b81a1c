//! Network of containers: addresses, links, NAT, port mappings and outbound rules.
//!
//! Each container has a network namespace of its own, joined by a veth pair to a bridge of its
//! subnet. The rest is one nftables table, `inet warren_garden`. Everything goes over netlink;
//! there is no shell, no `ip` and no iptables.
//!
//! | what | pure | acts |
//! |---|---|---|
//! | who has what | [`pool`], [`subnet`], [`port`], [`record`] | [`state`] |
//! | links and rules | [`plan`], [`netout`], `ruleset` | [`link`], [`apply`] |
//! | files in the container | [`files`] | |
//! | the host around it | | [`host`], [`sysctl`], [`foreign`] |
//!
//! [`Network`] joins them: every call writes down what it is about to do, plans from what is
//! there, and does it, so that it may be repeated and interrupted anywhere.

pub mod address;
pub mod apply;
mod error;
pub mod files;
pub mod foreign;
pub mod host;
pub mod link;
pub mod netout;
mod network;
pub mod plan;
pub mod pool;
pub mod port;
pub mod record;
mod ruleset;
pub mod settings;
pub mod state;
pub mod subnet;
pub mod sysctl;

pub use error::Error;
pub use network::{MappingRequest, Network, Recovered, Report, Spec};
pub use settings::Settings;
