//! What only a machine with systemd and pure cgroup v2 can show.

mod machine;
