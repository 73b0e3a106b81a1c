//! The checks. Their order is that of the report and of docs/reference/doctor.md.

mod agent_firewall;
mod capabilities;
mod container_confinement;
mod container_namespaces;
pub mod container_network;
mod container_runtimes;
mod controllers;
mod descriptors;
mod device_filter;
mod device_nodes;
mod garden;
mod headroom;
mod identity;
mod idmap;
mod kernel;
mod level;
mod loopback;
mod mounts;
pub mod nft;
mod overlay;
mod proc;
mod rootfs;
pub mod store;
mod user_namespaces;

use super::check::{Check, Finding};
use super::facts::Facts;

const fn check(name: &'static str, title: &'static str, run: fn(&Facts) -> Finding) -> Check {
    Check { name, title, run }
}

/// Every check, once.
#[rustfmt::skip]
pub const ALL: &[Check] = &[
    check("kernel", "which kernel runs", kernel::release),
    check("executable", "this executable can be copied into any root filesystem", kernel::executable),
    check("capabilities", "the capabilities in force", capabilities::effective),
    check("bounding-set", "the capabilities that a privileged container can be given", capabilities::bounding),
    check("confinement", "seccomp, no_new_privs and security modules", capabilities::confinement),
    check("cgroup-mount", "a cgroup mount is visible, or is not needed", mounts::visible),
    check("cgroup-versions", "the cgroup versions in sight fit those in use", mounts::versions),
    check("cgroup-bind", "which part of the cgroup tree the mounts show", mounts::bound),
    check("cgroup-identity", "the own cgroup's id, by three ways", identity::agrees),
    check("cgroup-namespace", "the cgroup namespace", identity::namespace),
    check("cgroup-net-cls", "no net_cls or net_prio hierarchy takes the sockets' cgroup", identity::net_cls),
    check("cgroup-controllers", "the controllers memory, cpu, pids and io", controllers::present),
    check("cgroup-child", "a child cgroup can be made and limited", controllers::child),
    check("cgroup-own-processes", "controllers can be handed on from the own cgroup", controllers::own_processes),
    check("loopback", "the loopback device carries packets", loopback::carries),
    check("nftables", "nftables can be read and changed", nft::reachable),
    check("nft-socket", "rules with 'socket cgroupv2' load", nft::socket),
    check("nft-conntrack", "rules with 'ct state' load", nft::conntrack),
    check("nft-reject", "rules with 'reject' load", nft::reject),
    check("nft-nat", "rules with 'masquerade' and 'dnat' load", nft::nat),
    check("cgroup-level", "the level at which nftables sees the own cgroup", level::measured),
    check("cgroup-level-meaning", "what the kernel counts levels from", level::meaning),
    check("agent-firewall", "the agent's firewall in this network namespace", agent_firewall::present),
    check("device-filter", "a device program loads, attaches and denies", device_filter::denies),
    check("device-replace", "a device program can be replaced in one step", device_filter::replaces),
    check("device-programs", "the device programs that hold for us", device_filter::programs),
    check("memlock", "RLIMIT_MEMLOCK does not keep programs from loading", device_filter::memlock),
    check("device-nodes", "the devices of every container open", device_nodes::basic),
    check("loop-devices", "loop devices, which are not needed", device_nodes::loops),
    check("fuse", "/dev/fuse opens", device_nodes::fuse),
    check("user-namespaces", "user namespaces can be made and are of use", user_namespaces::usable),
    check("initial-user-namespace", "we are in the initial user namespace", user_namespaces::initial),
    check("overlay-store", "overlayfs works where stores are", overlay::on_store),
    check("overlay-tmpfs", "overlayfs works on tmpfs", overlay::on_tmpfs),
    check("idmapped-mounts", "mounts can show shifted owners", idmap::works),
    check("xfs-quota", "XFS and its quota, which are not needed", store::xfs),
    check("mount-propagation", "whether mounts spread from the root", proc::propagation),
    check("proc", "/proc is ours and a fresh one can be mounted", proc::fresh),
    check("container-namespaces", "every kind of namespace can be made", container_namespaces::kinds),
    check("container-ids", "the ids of unprivileged containers can be mapped", container_namespaces::ids_of_unprivileged),
    check("container-mounts", "containers can mount proc, sysfs, devpts and the like", container_namespaces::mounts),
    check("container-rootfs", "how root filesystems are made in the store", rootfs::ladder),
    check("disk-limits", "disk limits of containers are kept by the kernel", rootfs::limits),
    check("container-seccomp", "the system call filter of unprivileged containers loads", container_confinement::seccomp),
    check("container-capabilities", "what root of a privileged container can do", container_confinement::privileged),
    check("container-runtimes", "runc and crun, which are not needed, can make containers", container_runtimes::make_containers),
    check("container-links", "bridges and veth pairs can be made", container_network::links),
    check("container-nat", "a container's packet is forwarded and masqueraded", container_network::masquerade),
    check("ip-forward", "forwarding is on in this network namespace, or can be", container_network::forwarding),
    check("foreign-drops", "no table of others stops forwarded packets", container_network::foreign_drops),
    check("network-pool", "the addresses of containers are nobody else's", container_network::pool),
    check("headroom", "memory and processes left for containers", headroom::left_for_containers),
    check("garden-server", "whether a Garden server answers at the usual place", garden::answers),
    check("descriptors", "standard descriptors are open and no others were inherited", descriptors::inherited),
    check("epoll", "epoll reports events", descriptors::epoll),
];
