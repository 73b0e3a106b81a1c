//! Device access rules of a cgroup, as eBPF programs (v2) or the devices controller (v1).
