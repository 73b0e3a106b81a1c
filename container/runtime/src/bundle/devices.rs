//! Device nodes, and the rules of the device filter.
//!
//! Nodes are made of what really opens here: in a container the outer filter holds for all inside,
//! and a node that cannot be opened only misleads. The filter's built-in rules (nodes of any kind
//! may be made; `null`, `zero`, `full`, `random`, `urandom`, `tty`, `ptmx`, `pts/*`, `net/tun` may
//! be used) are added where it is put up.

use std::path::Path;

use warren_sys_devicefilter::{Access, DeviceRule, Kind};

use crate::host::Host;
use crate::oci::DeviceNode;
use crate::spec::ContainerSpec;

/// Nodes that only a privileged container gets.
const PRIVILEGED: [&str; 2] = ["fuse", "net/tun"];

/// The nodes.
#[must_use]
pub fn nodes(spec: &ContainerSpec, host: &Host) -> Vec<DeviceNode> {
    let wanted = |name: &str| spec.privileged || !PRIVILEGED.contains(&name);
    let usable = host.devices.iter().filter(|(name, _)| wanted(name));
    usable
        .map(|(name, device)| DeviceNode {
            path: Path::new("/dev").join(name),
            kind: device.kind.to_string(),
            major: device.major,
            minor: device.minor,
            file_mode: 0o666,
            uid: 0,
            gid: 0,
        })
        .collect()
}

/// The rules beside the built-in ones: nothing, but for FUSE in a privileged container, and what
/// was asked for.
#[must_use]
pub fn rules(spec: &ContainerSpec, host: &Host) -> Vec<DeviceRule> {
    let mut rules = vec![DeviceRule::all(false)];
    let fuse = host.devices.iter().find(|(name, _)| *name == "fuse");
    if let Some((_, device)) = fuse.filter(|_| spec.privileged) {
        let (major, minor) = (Some(device.major), Some(device.minor));
        // Its numbers are within every bound.
        rules.extend(DeviceRule::new(
            true,
            Kind::Only(device.kind),
            major,
            minor,
            Access::ALL,
        ));
    }
    rules.extend(&spec.devices);
    rules
}
