//! Who may talk to monit and NATS: identity, level probe, ruleset and proof.
//!
//! Only the agent may reach monit and NATS from this network namespace. The agent is named
//! by its cgroup; `docs/design/firewall.md` says how and why.
//!
//! | step | pure | acts |
//! |---|---|---|
//! | whom to protect | [`endpoint`], [`settings`], [`policy`] | [`dns`], [`resolve`] |
//! | who is the agent | | [`identity`], [`level`] |
//! | the rules | [`ruleset`], [`jobs`], [`plan`] | [`table`] |
//! | do they hold | | [`proof`] |
//! | do they stay | | [`guard`], [`watch`] |
//!
//! [`setup`] joins the steps; [`explain`] tells what is in force.

pub mod dns;
pub mod endpoint;
pub mod explain;
pub mod guard;
pub mod identity;
pub mod jobs;
pub mod level;
mod outsider;
pub mod plan;
pub mod policy;
pub mod proof;
pub mod resolve;
pub mod ruleset;
mod scratch;
pub mod settings;
pub mod setup;
pub mod table;
#[cfg(test)]
mod tests;
pub mod watch;
