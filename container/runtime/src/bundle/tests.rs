//! The bundles of the usual containers, as snapshots, and what the rules promise.

use std::collections::BTreeMap;
use std::path::PathBuf;

use rustix::thread::CapabilitySet;
use warren_sys_devicefilter::{Access, Request};
use warren_sys_devicefilter::{Defaults, Device, DeviceRule, Policy};

use super::*;
use crate::groups::Place;
use crate::host::DEVICES;
use crate::oci::IdMapping;
use crate::spec::Bind;

fn host() -> Host {
    let sysctl = ("net.ipv4.tcp_retries2".to_owned(), "15".to_owned());
    Host {
        max_id: 4_294_967_294,
        bounding: CapabilitySet::all(),
        devices: DEVICES.to_vec(),
        sysctls: BTreeMap::from([sysctl]),
    }
}

fn spec() -> ContainerSpec {
    ContainerSpec::new(
        "handle",
        "/rootfs".into(),
        "/bin/init".into(),
        Place::default(),
    )
}

fn privileged() -> ContainerSpec {
    ContainerSpec {
        privileged: true,
        ..spec()
    }
}

fn bind(source: &str, destination: &str, writable: bool) -> Bind {
    Bind {
        source: source.into(),
        destination: destination.into(),
        writable,
        private: false,
    }
}

fn kinds(bundle: &Spec) -> Vec<&str> {
    let namespaces = bundle.linux.namespaces.iter();
    namespaces.map(|each| each.kind.as_str()).collect()
}

/// Mounts as lines `destination type options`.
fn lines(bundle: &Spec) -> Vec<String> {
    let line = |mount: &crate::oci::Mount| {
        let kind = mount.kind.as_deref().unwrap_or("-");
        let path = mount.destination.display();
        format!("{path} {kind} {}", mount.options.join(","))
    };
    bundle.mounts.iter().map(line).collect()
}

#[test]
fn an_unprivileged_container() {
    let bundle = build(&spec(), &host());
    assert_eq!(
        kinds(&bundle),
        ["network", "pid", "uts", "ipc", "mount", "user", "cgroup"]
    );
    let mapping = |container, host, size| IdMapping {
        container,
        host,
        size,
    };
    let mappings = [mapping(0, 4_294_967_294, 1), mapping(1, 1, 4_294_967_293)];
    assert_eq!(bundle.linux.uid_mappings, mappings);
    assert_eq!(bundle.linux.gid_mappings, mappings);
    assert_eq!(
        lines(&bundle),
        [
            "/sys sysfs nosuid,noexec,nodev,ro",
            "/dev tmpfs nosuid,strictatime,mode=755,size=65536k",
            "/dev/shm tmpfs nodev,mode=1777",
            "/dev/mqueue mqueue nosuid,noexec,nodev",
            "/dev/pts devpts nosuid,noexec,newinstance,gid=5,mode=0620,ptmxmode=0666",
            "/proc proc nosuid,noexec,nodev",
            "/sys/fs/cgroup cgroup nosuid,noexec,nodev,ro",
            "/tmp/garden-init bind bind,ro",
        ]
    );
    let nodes: Vec<_> = bundle.linux.devices.iter().map(|node| &node.path).collect();
    let expected = ["null", "zero", "full", "random", "urandom", "tty"];
    let expected: Vec<_> = expected.map(|name| PathBuf::from("/dev").join(name)).into();
    assert_eq!(nodes, expected.iter().collect::<Vec<_>>());
    assert_eq!(bundle.linux.masked_paths.len(), 8);
    assert_eq!(bundle.process.args, ["/tmp/garden-init"]);
    let seccomp = bundle.linux.seccomp.unwrap();
    assert_eq!(seccomp.default_errno_ret, Some(1));
    assert_eq!(bundle.linux.sysctl["net.ipv4.tcp_retries2"], "15");
    let mut configured = spec();
    let wanted = ("net.ipv4.tcp_retries2".to_owned(), "8".to_owned());
    configured.sysctls = [wanted.clone()].into();
    assert_eq!(build(&configured, &host()).linux.sysctl, [wanted].into());
    assert_eq!(bundle.linux.cgroups_path, "handle");
}

#[test]
fn a_privileged_container() {
    let bundle = build(&privileged(), &host());
    assert_eq!(
        kinds(&bundle),
        ["network", "pid", "uts", "ipc", "mount", "cgroup"]
    );
    assert!(bundle.linux.uid_mappings.is_empty());
    assert!(bundle.linux.masked_paths.is_empty());
    assert!(bundle.linux.seccomp.is_none());
    assert!(lines(&bundle).contains(&"/sys/fs/cgroup cgroup nosuid,noexec,nodev,rw".into()));
    assert!(lines(&bundle).contains(&"/sys sysfs nosuid,noexec,nodev,ro".into()));
    let nodes = bundle.linux.devices.iter();
    let nodes: Vec<_> = nodes.map(|node| node.path.display().to_string()).collect();
    assert_eq!(nodes[6..], ["/dev/fuse", "/dev/net/tun"]);
}

#[test]
fn nodes_are_only_of_devices_that_open() {
    let mut narrow = host();
    narrow.devices.retain(|(name, _)| *name != "fuse");
    let bundle = build(&privileged(), &narrow);
    assert_eq!(bundle.linux.devices.len(), 7);
    // And the rule that a v1 parent would refuse is not asked for.
    assert_eq!(bundle.linux.resources.devices, [DeviceRule::all(false)]);
}

#[test]
fn the_device_rules_allow_what_is_promised() {
    let mut wanted = privileged();
    wanted.devices = vec![DeviceRule::parse_v1(true, "c 10:* rwm").unwrap()];
    let policy = |spec: &ContainerSpec| {
        let rules = build(spec, &host()).linux.resources.devices;
        Policy::for_container(&rules, &Defaults::default()).unwrap()
    };
    let allows = |policy: &Policy, device, access| policy.allows(Request { device, access });
    let (extra, plain, low) = (policy(&wanted), policy(&privileged()), policy(&spec()));
    let (fuse, kvm, loop0) = (
        Device::char(10, 229),
        Device::char(10, 232),
        Device::block(7, 0),
    );
    assert!(allows(&plain, fuse, Access::ALL) && !allows(&low, fuse, Access::READ));
    assert!(allows(&extra, kvm, Access::READ_WRITE) && !allows(&plain, kvm, Access::READ));
    for policy in [&extra, &plain, &low] {
        assert!(allows(policy, loop0, Access::MKNOD) && !allows(policy, loop0, Access::READ));
        assert!(allows(policy, Device::char(1, 3), Access::ALL));
        assert!(allows(policy, Device::char(136, 5), Access::READ_WRITE));
    }
}

#[test]
fn binds_come_after_the_kernels_and_before_the_files() {
    let wanted = ContainerSpec {
        binds: vec![bind("/a", "/in/a", true), bind("/b", "/in/b", false)],
        hosts: Some("/d/hosts".into()),
        resolv_conf: Some("/d/resolv.conf".into()),
        ..spec()
    };
    let lines = lines(&build(&wanted, &host()));
    assert_eq!(
        lines[8..],
        [
            "/in/a bind bind,rw",
            "/in/b bind bind,ro",
            "/etc/hosts bind bind,rw",
            "/etc/resolv.conf bind bind,rw",
        ]
    );
}

#[test]
fn whoever_binds_the_hosts_cgroups_gets_exactly_that() {
    let wanted = ContainerSpec {
        binds: vec![bind("/sys/fs/cgroup", "/sys/fs//cgroup/", true)],
        ..privileged()
    };
    let bundle = build(&wanted, &host());
    assert!(!bundle.linux.has_namespace("cgroup"));
    let mut all = lines(&bundle);
    all.retain(|line| line.contains("cgroup"));
    // With every hierarchy, where each is a mount of its own.
    assert_eq!(all, ["/sys/fs//cgroup/ bind rbind,rw"]);
}

#[test]
fn limits_are_memory_without_swap() {
    let mut wanted = spec();
    wanted.limits.memory = Some(64 << 20);
    wanted.limits.pids = Some(50);
    wanted.limits.cpu_shares = Some(512);
    let resources = build(&wanted, &host()).linux.resources;
    let memory = resources.memory.unwrap();
    assert_eq!(
        (memory.limit, memory.swap),
        (Some(64 << 20), Some(64 << 20))
    );
    assert_eq!(resources.pids.unwrap().limit, 50);
    assert_eq!(resources.cpu.unwrap().shares, Some(512));
    wanted.limits.swap = true;
    assert_eq!(
        build(&wanted, &host()).linux.resources.memory.unwrap().swap,
        None
    );
}

#[test]
fn the_bundle_is_a_config_json() {
    let bundle = build(&spec(), &host());
    let text = serde_json::to_string(&bundle).unwrap();
    assert_eq!(serde_json::from_str::<Spec>(&text).unwrap(), bundle);
    assert!(text.contains(r#""containerID":0"#) && text.contains(r#""cgroupsPath":"handle""#));
}
