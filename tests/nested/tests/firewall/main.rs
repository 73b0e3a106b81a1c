//! The agent firewall, scenario by scenario, with real packets.
//!
//! The modules follow the requirements on identifying the agent in nested containers:
//! container runtimes, nesting, failure modes; then jobs, the stock agent's table, forwarded
//! traffic, bad input, and what happens when things change under way.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test reports failure by panicking"
)]

mod bad_input;
mod docker;
mod docker_page;
mod explain;
mod failure_modes;
mod forwarded;
mod invariant;
mod jobs;
mod nesting;
mod runtimes;
mod scene;
mod stock;
mod watch;
