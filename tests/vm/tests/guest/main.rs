//! What only a machine with systemd and pure cgroup v2 can show.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod apparmor;
mod crates;
mod doctor;
mod driver;
mod environment;
mod firewall;
mod garden;
mod machine;
mod scene;
mod systemd;
mod turn;
