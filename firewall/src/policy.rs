//! What the operator wants protected, and how. Pure data; `Default` is the safe choice.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use serde::Serialize;

use crate::endpoint::Endpoint;

/// The port that monit, and our supervisor in its place, listens on.
pub const MONIT_PORT: u16 = 2822;

/// The addresses monit listens on. Stock monit has only the first; a job must not
/// gain a way in because a supervisor listens on both.
pub const MONIT_ADDRESSES: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::LOCALHOST),
    IpAddr::V6(Ipv6Addr::LOCALHOST),
];

/// Everything that decides the ruleset, but for identity and resolved addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Monit's port, or `None` to leave monit alone (jammy's own rules guard it there).
    pub monit: Option<u16>,
    /// The NATS servers to protect.
    pub nats: Vec<Endpoint>,
    /// User ids let through whatever their cgroup.
    pub allow_uids: Vec<u32>,
    /// How a refused local caller learns of it.
    pub deny: Deny,
    /// What happens to traffic that this network namespace forwards to NATS.
    pub forwarded: Forwarded,
    /// Whether the agent's cgroup includes those below it.
    pub matching: Matching,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            monit: Some(MONIT_PORT),
            nats: Vec::new(),
            allow_uids: Vec::new(),
            deny: Deny::Reject,
            forwarded: Forwarded::Deny,
            matching: Matching::Exact,
        }
    }
}

/// How a refused local caller learns of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Deny {
    /// A TCP reset: `connection refused`, at once.
    Reject,
    /// Silence: the caller waits for its time-out, as with the stock agent.
    Drop,
}

/// What happens to traffic forwarded to NATS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Forwarded {
    /// Refused: a container nested here is not the agent.
    Deny,
    /// Let through, for hosts whose containers are VMs with agents of their own.
    Allow,
}

/// Which cgroups count as the agent's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Matching {
    /// The one cgroup, nothing below it.
    Exact,
    /// The cgroup and every descendant, as `socket cgroupv2` alone means it.
    Subtree,
}
