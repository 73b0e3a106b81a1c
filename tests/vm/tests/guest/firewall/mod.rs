//! The agent's firewall in a true virtual machine: the requirements' third scenario.
//!
//! The agent is the unit `bosh-agent.service`, monit listens on loopback and NATS on the other
//! side of a link. The machine has a kernel, a cgroup tree and an nftables ruleset of its own,
//! and the rules stand in its first network namespace.

mod containers;
mod jobs;
mod modules;
mod restarts;
mod scene;
mod service;
