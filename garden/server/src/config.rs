//! What a server is told.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use warren_container_network::address::{AddressRange, Ipv6Prefix, Subnet};
use warren_container_network::port::PortRange;
use warren_container_network::settings::{BadTag, Tag};
use warren_sys_devicefilter::DeviceRule;
use warren_wire_garden::config::{Cidr, Settings};

use crate::gardener::groups::Driver;
use crate::gardener::image::{LocalOnly, Sources};
use crate::http::listen::Bind;
use crate::log::Log;
use crate::without_effect::{self, WithoutEffect};

#[cfg(test)]
mod tests;

/// Mode of a unix socket, as the stock server's.
pub const SOCKET_MODE: u32 = 0o777;

/// Everything about one server.
#[derive(Clone)]
pub struct Config {
    /// Where clients come.
    pub binds: Vec<Bind>,
    /// Where `/debug/vars` is.
    pub debug: Option<SocketAddr>,
    /// Tells apart servers on one machine: nothing, or one letter or digit.
    pub tag: String,
    /// Name of the control group that containers are below; `garden` or `garden-TAG`.
    pub group: String,
    /// One directory for each container.
    pub depot: PathBuf,
    /// Records and the network's state. Not shared with another server.
    pub state: PathBuf,
    /// The image store. Not shared with another server: images nobody knows are removed.
    pub store: PathBuf,
    /// Directories on other file systems where writable layers may go if the store's cannot hold
    /// them.
    pub store_alternatives: Vec<PathBuf>,
    /// Other stores whose pinned layers are used where they are, instead of unpacking them again; of
    /// each only `layers/`, `pins/` and `sources/` need be there, read-only.
    pub shared_layers: Vec<PathBuf>,
    /// The executable that is run as `PROGRAM shim DIR`.
    pub program: PathBuf,
    /// The executable that is pid 1 in containers.
    pub init: PathBuf,
    /// A runtime of the OCI that makes containers in place of the built-in engine. The stock server's
    /// `runtime-plugin` does not set it: every stock configuration has that.
    pub runtime: Option<PathBuf>,
    /// The image of containers that name none.
    pub default_rootfs: String,
    /// Where images come from that are not on this machine.
    pub sources: Arc<dyn Sources>,
    /// Nanoseconds; 0 is for ever.
    pub default_grace_time: u64,
    /// 0 is no limit.
    pub max_containers: u64,
    /// Refuses privileged containers.
    pub no_privileged: bool,
    /// Begins with no container.
    pub destroy_on_start: bool,
    /// Whether a memory limit leaves swap alone.
    pub swap: bool,
    /// Devices that containers may use beside the usual ones.
    pub devices: Vec<DeviceRule>,
    /// Percent of one CPU per share; none works it out of the machine's size.
    pub cpu_entitlement_per_share: Option<f64>,
    /// The network of all containers. Without an external address the host's is found out.
    pub network: warren_container_network::Settings,
    /// Whether the network's pool was asked for. If not, one is chosen that overlaps nothing.
    pub pool_is_given: bool,
    /// Largest packet; none finds it out.
    pub mtu: Option<u32>,
    /// Name servers of containers; none takes the host's.
    pub dns_servers: Vec<IpAddr>,
    /// Name servers after those.
    pub additional_dns_servers: Vec<IpAddr>,
    /// More lines of `/etc/hosts`.
    pub host_entries: Vec<String>,
    /// Where lines for whoever runs the server go.
    pub log: Log,
    /// Flags that were given and change nothing.
    pub without_effect: Vec<WithoutEffect>,
    /// Who owns the tree of control groups.
    pub cgroup_driver: Driver,
    /// How often CPU usage is compared with the entitlement; none does not hold anybody back.
    pub throttling: Option<Duration>,
    /// Microseconds of CPU time per share in each tenth of a second; 0 is no ceiling.
    pub cpu_quota_per_share: u64,
    /// Containers' weight for block devices, 10 to 1000; none is the kernel's.
    pub io_weight: Option<u16>,
    /// The AppArmor profile of unprivileged containers.
    pub apparmor: Option<String>,
    /// Kernel parameters of containers in place of the host's, by name.
    pub sysctls: BTreeMap<String, String>,
}

/// Settings that make no server.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The tag.
    #[error("tag")]
    Tag(#[from] BadTag),
    /// The network of IPv6 addresses.
    #[error(
        "network-ipv6 {0:?} is no IPv6 network of 96 bits for machines, such as fd00:77:1::/96"
    )]
    Ipv6(String),
    /// The pool is not a network of IPv4 with room.
    #[error("network-pool {0} is not an IPv4 network of 1 to 30 bits")]
    Pool(String),
    /// A denied network.
    #[error("deny-network {0} is not a network")]
    Deny(String),
    /// The port pool does not fit.
    #[error("port-pool-start {start} and port-pool-size {size} go beyond 65535")]
    Ports {
        /// The first port.
        start: u64,
        /// How many.
        size: u64,
    },
    /// A device rule.
    #[error("device-cgroup-rule {text:?}")]
    Device {
        /// The rule.
        text: String,
        /// What is wrong with it.
        source: warren_sys_devicefilter::rule::RuleError,
    },
    /// The weight of containers' I/O.
    #[error("default-container-blockio-weight {0} is neither 0 nor 10 to 1000")]
    IoWeight(u64),
    /// How often usage is looked at.
    #[error("cpu-throttling-check-interval 0: it takes a second at least")]
    Interval,
    /// Our own executable.
    #[error("cannot find this program's own file")]
    Program(#[source] std::io::Error),
    /// The external runtime.
    #[error(
        "runtime {text:?} is no program in PATH; install it (apt-get install runc crun), or give its path"
    )]
    Runtime {
        /// What was given.
        text: String,
    },
}

impl Config {
    /// The server that the stock server's settings describe. Its executable is the one that is
    /// running; records are kept beside the depot, images in `/var/lib/warren`.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn from_settings(settings: &Settings) -> Result<Self, ConfigError> {
        let text = |name: &str| settings.text(name).unwrap_or_default();
        let address = |name: &str| settings.addresses(name).first().copied();
        let port = |name: &str| {
            let number = settings.number(name).unwrap_or(0);
            u16::try_from(number).unwrap_or(0)
        };
        let bind = match address("bind-ip") {
            Some(ip) => Bind::Tcp {
                address: SocketAddr::new(ip, port("bind-port")),
                tls: None,
            },
            None => Bind::Unix {
                path: text("bind-socket").into(),
                mode: SOCKET_MODE,
            },
        };
        let debug = address("debug-bind-ip");
        let tag = text("tag");
        let depot = PathBuf::from(text("depot"));
        let mut state = depot.as_os_str().to_owned();
        state.push("-state");
        let name = match tag.as_str() {
            "" => "garden".to_owned(),
            tag => format!("garden-{tag}"),
        };
        let program = std::env::current_exe().map_err(ConfigError::Program)?;
        let device = |text: String| {
            DeviceRule::parse_v1(true, &text).map_err(|source| ConfigError::Device { text, source })
        };
        let devices = settings.texts("device-cgroup-rule").into_iter().map(device);
        let io_weight = match settings.number("default-container-blockio-weight") {
            None | Some(0) => None,
            Some(weight @ 10..=1000) => u16::try_from(weight).ok(),
            Some(weight) => return Err(ConfigError::IoWeight(weight)),
        };
        let throttling = match settings.number("cpu-throttling-check-interval") {
            _ if !settings.is_on("enable-cpu-throttling") => None,
            None | Some(0) => return Err(ConfigError::Interval),
            Some(seconds) => Some(Duration::from_secs(seconds)),
        };
        Ok(Self {
            binds: vec![bind],
            debug: debug.map(|ip| SocketAddr::new(ip, port("debug-bind-port"))),
            state: state.into(),
            store: PathBuf::from("/var/lib/warren").join(&name).join("store"),
            group: name,
            store_alternatives: Vec::new(),
            shared_layers: Vec::new(),
            init: settings
                .text("init-bin")
                .map_or_else(|| program.clone(), PathBuf::from),
            program,
            runtime: settings
                .text("runtime")
                .filter(|text| !text.is_empty())
                .map(runtime)
                .transpose()?,
            default_rootfs: text("default-rootfs"),
            sources: Arc::new(LocalOnly),
            default_grace_time: settings
                .duration("default-grace-time")
                .map_or(0, |duration| u64::try_from(duration.0).unwrap_or(0)),
            max_containers: settings.number("max-containers").unwrap_or(0),
            no_privileged: settings.is_on("disable-privileged-containers"),
            destroy_on_start: settings.is_on("destroy-containers-on-startup"),
            swap: settings.is_on("disable-swap-limit"),
            devices: devices.collect::<Result<_, _>>()?,
            cpu_entitlement_per_share: settings
                .fraction("cpu-entitlement-per-share")
                .filter(|fraction| *fraction > 0.0),
            network: network(settings, &tag)?,
            pool_is_given: settings.is_given("network-pool"),
            mtu: settings
                .number("mtu")
                .and_then(|mtu| u32::try_from(mtu).ok())
                .filter(|mtu| *mtu > 0),
            dns_servers: settings.addresses("dns-server"),
            additional_dns_servers: settings.addresses("additional-dns-server"),
            host_entries: settings.texts("additional-host-entry"),
            log: Log::default(),
            without_effect: without_effect::given(settings),
            cgroup_driver: Driver::Cgroupfs,
            throttling,
            cpu_quota_per_share: settings.number("cpu-quota-per-share").unwrap_or(0),
            io_weight,
            apparmor: settings.text("apparmor").filter(|text| !text.is_empty()),
            sysctls: sysctls(settings),
            tag,
            depot,
        })
    }

    /// Gives containers an IPv6 address beside the other, out of a network of 96 bits: their IPv4
    /// address is its last 32 bits.
    ///
    /// # Errors
    /// [`ConfigError::Ipv6`].
    pub fn set_ipv6(&mut self, network: &str) -> Result<(), ConfigError> {
        let bad = || ConfigError::Ipv6(network.to_owned());
        let (address, "96") = network.split_once('/').ok_or_else(bad)? else {
            return Err(bad());
        };
        let address: Ipv6Addr = address.parse().map_err(|_| bad())?;
        let prefix = Ipv6Prefix::new(address);
        let first = prefix.address(Ipv4Addr::UNSPECIFIED);
        // Unspecified, loopback and IPv4 in another dress are below ::/32.
        let is_special = first.segments()[..2] == [0, 0]
            || first.is_multicast()
            || first.is_unicast_link_local();
        if first != address || is_special {
            return Err(bad());
        }
        self.network.ipv6 = Some(prefix);
        Ok(())
    }

    /// Microseconds of CPU time in each tenth of a second that so many shares may use at most.
    #[must_use]
    pub fn cpu_quota(&self, shares: u64) -> Option<u64> {
        let is_limited = self.cpu_quota_per_share > 0 && shares > 0;
        let quota = shares.saturating_mul(self.cpu_quota_per_share);
        is_limited.then(|| quota.clamp(LEAST_QUOTA, MOST_QUOTA))
    }
}

/// The kernel takes no fewer microseconds.
const LEAST_QUOTA: u64 = 1000;
/// Nor more: `max_cfs_runtime` is 2^44 nanoseconds.
const MOST_QUOTA: u64 = (1 << 44) / 1000;

/// The stock server's flags for kernel parameters; 0 is as good as none.
fn sysctls(settings: &Settings) -> BTreeMap<String, String> {
    let flags = [
        ("tcp-keepalive-time", "net.ipv4.tcp_keepalive_time"),
        ("tcp-keepalive-interval", "net.ipv4.tcp_keepalive_intvl"),
        ("tcp-keepalive-probes", "net.ipv4.tcp_keepalive_probes"),
        ("tcp-retries1", "net.ipv4.tcp_retries1"),
        ("tcp-retries2", "net.ipv4.tcp_retries2"),
    ];
    let given = flags.into_iter().filter_map(|(flag, name)| {
        let value = settings.number(flag).filter(|value| *value > 0)?;
        Some((name.to_owned(), value.to_string()))
    });
    given.collect()
}

/// A path as it is, a name by its place in `PATH`.
fn runtime(text: String) -> Result<PathBuf, ConfigError> {
    if text.contains('/') {
        // The shims that call it work in another directory.
        return std::path::absolute(&text).map_err(|_| ConfigError::Runtime { text });
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|directory| directory.join(&text));
    let mut found = found.filter(|path| path.is_absolute() && path.is_file());
    found.next().ok_or(ConfigError::Runtime { text })
}

fn network(
    settings: &Settings,
    tag: &str,
) -> Result<warren_container_network::Settings, ConfigError> {
    let mut network = warren_container_network::Settings {
        tag: Tag::new(tag)?,
        external: settings.addresses("external-ip"),
        allow_host_access: settings.is_on("allow-host-access"),
        ..warren_container_network::Settings::default()
    };
    if let Some(pool) = settings.networks("network-pool").first() {
        let text = pool.to_string();
        network.pool = text
            .parse::<Subnet>()
            .map_err(|_| ConfigError::Pool(text))?;
    }
    let start = settings.number("port-pool-start").unwrap_or(0);
    let size = settings.number("port-pool-size").unwrap_or(0);
    let beyond = || ConfigError::Ports { start, size };
    let fits = start.checked_add(size).is_some_and(|end| end <= 1 << 16);
    network.ports = PortRange {
        first: u16::try_from(start)
            .ok()
            .filter(|_| fits)
            .ok_or_else(beyond)?,
        count: u16::try_from(size).ok().ok_or_else(beyond)?,
    };
    let deny = settings.networks("deny-network");
    network.deny = deny.iter().map(range).collect::<Result<_, _>>()?;
    Ok(network)
}

/// All addresses of a network, single ones too.
fn range(network: &Cidr) -> Result<AddressRange, ConfigError> {
    let last = match network.network {
        IpAddr::V4(first) => {
            let beyond = u32::MAX.checked_shr(network.prefix.into()).unwrap_or(0);
            IpAddr::V4((u32::from(first) | beyond).into())
        }
        IpAddr::V6(first) => {
            let beyond = u128::MAX.checked_shr(network.prefix.into()).unwrap_or(0);
            IpAddr::V6((u128::from(first) | beyond).into())
        }
    };
    AddressRange::new(network.network, last).map_err(|_| ConfigError::Deny(network.to_string()))
}
