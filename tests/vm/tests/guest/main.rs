//! What only a machine with systemd and pure cgroup v2 can show.

mod crates;
mod firewall;
mod machine;
mod turn;
