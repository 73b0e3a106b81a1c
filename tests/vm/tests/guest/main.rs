//! What only a machine with systemd and pure cgroup v2 can show.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

mod apparmor;
mod bpm;
mod cpi;
mod crates;
mod disk_limits;
mod doctor;
mod driver;
mod environment;
mod firewall;
mod garden;
mod machine;
mod rungs;
mod scene;
mod systemd;
