//! The flags of `gdn server`, by group.
//!
//! Taken from guardian's `guardiancmd/command.go` and the templates of
//! `garden-runc-release`; defaults are those of guardian itself. Kept complete
//! so that a stock `config.ini` is always understood, used or not. [`OWN`] names the few that the
//! stock server does not have.

use super::value::Kind;

/// One flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flag {
    /// Its name: `--name` on the command line, `name =` in the file.
    pub name: &'static str,
    /// What its value is.
    pub kind: Kind,
    /// Whether it may be given more than once.
    pub repeats: bool,
    /// The value when it is not given.
    pub default: Option<&'static str>,
    /// The group it is listed under.
    pub group: &'static str,
}

/// The flag of that name.
#[must_use]
pub fn flag(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.name == name)
}

const fn one(group: &'static str, name: &'static str, kind: Kind) -> Flag {
    Flag {
        name,
        kind,
        repeats: false,
        default: None,
        group,
    }
}

const fn many(group: &'static str, name: &'static str, kind: Kind) -> Flag {
    Flag {
        repeats: true,
        ..one(group, name, kind)
    }
}

const fn or(flag: Flag, default: &'static str) -> Flag {
    Flag {
        default: Some(default),
        ..flag
    }
}

const LOGGER: &str = "Logging";
const SERVER: &str = "Server Configuration";
const LIFECYCLE: &str = "Container Lifecycle";
const BINARIES: &str = "Binary Tools";
const RUNTIME: &str = "Runtime";
const IMAGE: &str = "Image";
const DOCKER: &str = "Docker Image Fetching";
const NETWORK: &str = "Container Networking";
const LIMITS: &str = "Limits";
const METRICS: &str = "Metrics";
const CONTAINERD: &str = "Containerd";
const THROTTLING: &str = "CPU Throttling";
const SYSCTL: &str = "Sysctl";

/// Of [`FLAGS`], those that the stock server does not have, and would refuse.
pub const OWN: &[&str] = &["runtime"];

/// Every flag.
#[rustfmt::skip]
pub const FLAGS: &[Flag] = &[
    or(one(LOGGER, "log-level", Kind::OneOf(&["debug", "info", "error", "fatal"])), "info"),
    or(one(LOGGER, "time-format", Kind::OneOf(&["unix-epoch", "rfc3339"])), "unix-epoch"),

    one(SERVER, "bind-ip", Kind::Ip),
    one(SERVER, "bind-port", Kind::Unsigned(16)),
    or(one(SERVER, "bind-socket", Kind::Text), "/tmp/garden.sock"),
    one(SERVER, "debug-bind-ip", Kind::Ip),
    or(one(SERVER, "debug-bind-port", Kind::Unsigned(16)), "17013"),
    one(SERVER, "tag", Kind::Text),
    one(SERVER, "skip-setup", Kind::Switch),

    or(one(LIFECYCLE, "depot", Kind::Text), "/var/run/gdn/depot"),
    one(LIFECYCLE, "properties-path", Kind::Text),
    one(LIFECYCLE, "console-sockets-path", Kind::Text),
    one(LIFECYCLE, "cleanup-process-dirs-on-wait", Kind::Switch),
    one(LIFECYCLE, "disable-privileged-containers", Kind::Switch),
    or(one(LIFECYCLE, "uid-map-start", Kind::Unsigned(32)), "1"),
    one(LIFECYCLE, "uid-map-length", Kind::Unsigned(32)),
    or(one(LIFECYCLE, "gid-map-start", Kind::Unsigned(32)), "1"),
    one(LIFECYCLE, "gid-map-length", Kind::Unsigned(32)),
    one(LIFECYCLE, "default-rootfs", Kind::Text),
    one(LIFECYCLE, "default-grace-time", Kind::Duration),
    one(LIFECYCLE, "destroy-containers-on-startup", Kind::Switch),
    one(LIFECYCLE, "apparmor", Kind::Text),
    many(LIFECYCLE, "device-cgroup-rule", Kind::Text),

    or(one(BINARIES, "assets-dir", Kind::Text), "/var/gdn/assets"),
    one(BINARIES, "dadoo-bin", Kind::File),
    one(BINARIES, "nstar-bin", Kind::File),
    one(BINARIES, "tar-bin", Kind::File),
    or(one(BINARIES, "iptables-bin", Kind::File), "/sbin/iptables"),
    or(one(BINARIES, "iptables-restore-bin", Kind::File), "/sbin/iptables-restore"),
    one(BINARIES, "init-bin", Kind::File),

    or(one(RUNTIME, "runtime-plugin", Kind::Text), "runc"),
    many(RUNTIME, "runtime-plugin-extra-arg", Kind::Text),
    one(RUNTIME, "runtime", Kind::Text),

    one(IMAGE, "no-image-plugin", Kind::Switch),
    one(IMAGE, "image-plugin", Kind::File),
    many(IMAGE, "image-plugin-extra-arg", Kind::Text),
    one(IMAGE, "privileged-image-plugin", Kind::File),
    many(IMAGE, "privileged-image-plugin-extra-arg", Kind::Text),

    or(one(DOCKER, "docker-registry", Kind::Text), "registry-1.docker.io"),
    many(DOCKER, "insecure-docker-registry", Kind::Text),

    or(one(NETWORK, "network-pool", Kind::Cidr), "10.254.0.0/22"),
    one(NETWORK, "allow-host-access", Kind::Switch),
    many(NETWORK, "deny-network", Kind::Cidr),
    many(NETWORK, "dns-server", Kind::Ip),
    many(NETWORK, "additional-dns-server", Kind::Ip),
    many(NETWORK, "additional-host-entry", Kind::Text),
    one(NETWORK, "external-ip", Kind::Ip),
    or(one(NETWORK, "port-pool-start", Kind::Unsigned(32)), "61001"),
    or(one(NETWORK, "port-pool-size", Kind::Unsigned(32)), "4534"),
    one(NETWORK, "port-pool-properties-path", Kind::Text),
    one(NETWORK, "mtu", Kind::Signed),
    one(NETWORK, "network-plugin", Kind::File),
    many(NETWORK, "network-plugin-extra-arg", Kind::Text),
    one(NETWORK, "enable-container-network-metrics", Kind::Switch),

    or(one(LIMITS, "cpu-quota-per-share", Kind::Unsigned(64)), "0"),
    or(one(LIMITS, "default-container-blockio-weight", Kind::Unsigned(16)), "0"),
    or(one(LIMITS, "max-containers", Kind::Unsigned(64)), "0"),
    one(LIMITS, "disable-swap-limit", Kind::Switch),

    or(one(METRICS, "metrics-emission-interval", Kind::Duration), "1m"),
    or(one(METRICS, "dropsonde-origin", Kind::Text), "garden-linux"),
    or(one(METRICS, "dropsonde-destination", Kind::Text), "127.0.0.1:3457"),
    one(METRICS, "cpu-entitlement-per-share", Kind::Fraction),

    one(CONTAINERD, "containerd-socket", Kind::Text),
    one(CONTAINERD, "use-containerd-for-processes", Kind::Switch),

    one(THROTTLING, "enable-cpu-throttling", Kind::Switch),
    or(one(THROTTLING, "cpu-throttling-check-interval", Kind::Unsigned(32)), "15"),

    one(SYSCTL, "tcp-keepalive-time", Kind::Unsigned(32)),
    one(SYSCTL, "tcp-keepalive-interval", Kind::Unsigned(32)),
    one(SYSCTL, "tcp-keepalive-probes", Kind::Unsigned(32)),
    one(SYSCTL, "tcp-retries1", Kind::Unsigned(32)),
    one(SYSCTL, "tcp-retries2", Kind::Unsigned(32)),
];
