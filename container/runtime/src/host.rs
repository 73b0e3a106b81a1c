//! What the machine allows, found out by asking it: the facts that the rules of a bundle need.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use rustix::thread::CapabilitySet;
use warren_sys_devicefilter::probe::{Ask, Nodes, ProbeError};
use warren_sys_devicefilter::{Access, Device, Request};
use warren_sys_process::capabilities;

/// Kernel parameters that a container takes over from its host.
pub const SYSCTLS: [&str; 5] = [
    "net.ipv4.tcp_keepalive_time",
    "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
    "net.ipv4.tcp_retries1",
    "net.ipv4.tcp_retries2",
];

/// Devices that a container may be given, by their name in `/dev`.
pub const DEVICES: [(&str, Device); 8] = [
    ("null", Device::char(1, 3)),
    ("zero", Device::char(1, 5)),
    ("full", Device::char(1, 7)),
    ("random", Device::char(1, 8)),
    ("urandom", Device::char(1, 9)),
    ("tty", Device::char(5, 0)),
    ("fuse", Device::char(10, 229)),
    ("net/tun", Device::char(10, 200)),
];

/// What the machine, or the container that we are in, allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// The greatest id of a user and of a group that our user namespace has, where all from 0 on
    /// are there.
    pub max_id: u32,
    /// Capabilities that we and what we start can have.
    pub bounding: CapabilitySet,
    /// Of [`DEVICES`], those that our own device filter lets through.
    pub devices: Vec<(&'static str, Device)>,
    /// Of [`SYSCTLS`], those the kernel has, with their values.
    pub sysctls: BTreeMap<String, String>,
}

/// A fact could not be found out.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// A file of `/proc`.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The ids of our own user namespace leave no room for a container's.
    #[error("{} has no ids from 0 on", .0.display())]
    NoIds(PathBuf),
    /// Our own capabilities.
    #[error("cannot tell which capabilities there are")]
    Capabilities(#[from] capabilities::Error),
    /// Which devices open.
    #[error("cannot try which devices open")]
    Devices(#[from] ProbeError),
}

impl Host {
    /// Asks the machine.
    ///
    /// # Errors
    /// [`HostError`].
    pub fn discover() -> Result<Self, HostError> {
        let ids = |file: &str| {
            let path = Path::new("/proc/self").join(file);
            let text = read(&path)?;
            greatest_id(&text).ok_or(HostError::NoIds(path))
        };
        Ok(Self {
            max_id: ids("uid_map")?.min(ids("gid_map")?),
            bounding: capabilities::bounding()?,
            devices: usable_devices()?,
            sysctls: sysctls(),
        })
    }

    /// The same for a later container: what stays as it is as long as we run is not asked again. That is
    /// all but kernel parameters, which anybody may have set.
    #[must_use]
    pub fn as_of_now(&self) -> Self {
        Self {
            sysctls: sysctls(),
            ..self.clone()
        }
    }
}

fn sysctls() -> BTreeMap<String, String> {
    let values = SYSCTLS.iter().filter_map(|name| {
        // A kernel without the parameter is fine: then there is nothing to take over.
        let text = read(&Path::new("/proc/sys").join(name.replace('.', "/"))).ok()?;
        Some(((*name).to_owned(), text.trim().to_owned()))
    });
    values.collect()
}

fn read(path: &Path) -> Result<String, HostError> {
    std::fs::read_to_string(path).map_err(|source| HostError::Read {
        path: path.to_owned(),
        source,
    })
}

/// The greatest id such that it and all below it exist, from the text of an id map. Lines are
/// sorted by their first id, as the kernel shows them for maps of up to five.
fn greatest_id(map: &str) -> Option<u32> {
    let mut extents: Vec<(u64, u64)> = map
        .lines()
        .filter_map(|line| {
            let mut fields = line.split_ascii_whitespace();
            let first = fields.next()?.parse().ok()?;
            Some((first, fields.nth(1)?.parse().ok()?))
        })
        .collect();
    extents.sort_unstable();
    let mut next = 0_u64;
    for (first, count) in extents {
        if first != next {
            break;
        }
        next += count;
    }
    // The last of 2³² ids means "no id", and no map has it.
    u32::try_from(next.checked_sub(1)?)
        .ok()
        .filter(|id| *id > 0)
}

fn usable_devices() -> Result<Vec<(&'static str, Device)>, HostError> {
    let nodes = Nodes::detached()?.or_existing(Path::new("/sys"), Path::new("/dev"));
    let usable = |device| {
        let request = Request {
            device,
            access: Access::READ_WRITE,
        };
        // Not known (no node can be had here) counts as no.
        nodes.try_here(request, Ask::Check).passes_filter() == Some(true)
    };
    Ok(DEVICES
        .into_iter()
        .filter(|(_, device)| usable(*device))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::greatest_id;

    #[test]
    fn the_greatest_id_is_where_the_map_ends() {
        assert_eq!(greatest_id("0 0 4294967295\n"), Some(4_294_967_294));
        let maximus = "0 4294967294 1\n 1 1 4294967293\n";
        assert_eq!(greatest_id(maximus), Some(4_294_967_293));
        assert_eq!(greatest_id("0 100000 65536"), Some(65_535));
        assert_eq!(greatest_id("0 1000 10\n100 2000 10"), Some(9));
        assert_eq!(greatest_id("1000 1000 1"), None);
        assert_eq!(greatest_id("0 1000 1"), None);
        assert_eq!(greatest_id(""), None);
        assert_eq!(greatest_id("x y z"), None);
    }
}
