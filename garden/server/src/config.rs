//! What a server is told.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use warren_container_network::address::{AddressRange, Subnet};
use warren_container_network::port::PortRange;
use warren_container_network::settings::{BadTag, Tag};
use warren_sys_devicefilter::DeviceRule;
use warren_wire_garden::config::{Cidr, Settings};

use crate::gardener::image::{LocalOnly, Sources};
use crate::http::listen::Bind;
use crate::log::Log;

/// Mode of a unix socket, as the stock server's.
pub const SOCKET_MODE: u32 = 0o777;

/// Flags of the stock server that this one takes and that change nothing, because what they are
/// about is done in another way or is not there.
const WITHOUT_EFFECT: &[&str] = &[
    "apparmor",
    "console-sockets-path",
    "cpu-quota-per-share",
    "default-container-blockio-weight",
    "docker-registry",
    "enable-cpu-throttling",
    "gid-map-length",
    "gid-map-start",
    "image-plugin",
    "network-plugin",
    "privileged-image-plugin",
    "runtime-plugin",
    "tcp-keepalive-interval",
    "tcp-keepalive-probes",
    "tcp-keepalive-time",
    "tcp-retries1",
    "tcp-retries2",
    "uid-map-length",
    "uid-map-start",
];

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
    /// The executable that is run as `PROGRAM shim DIR`.
    pub program: PathBuf,
    /// The executable that is pid 1 in containers.
    pub init: PathBuf,
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
    pub without_effect: Vec<&'static str>,
}

/// Settings that make no server.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The tag.
    #[error("tag")]
    Tag(#[from] BadTag),
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
    /// Our own executable.
    #[error("cannot find this program's own file")]
    Program(#[source] std::io::Error),
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
        Ok(Self {
            binds: vec![bind],
            debug: debug.map(|ip| SocketAddr::new(ip, port("debug-bind-port"))),
            state: state.into(),
            store: PathBuf::from("/var/lib/warren").join(&name).join("store"),
            group: name,
            store_alternatives: Vec::new(),
            init: settings
                .text("init-bin")
                .map_or_else(|| program.clone(), PathBuf::from),
            program,
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
            without_effect: WITHOUT_EFFECT
                .iter()
                .copied()
                .filter(|name| settings.is_given(name))
                .collect(),
            tag,
            depot,
        })
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn config(flags: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let mut settings = Settings::default();
        for (name, value) in flags {
            settings.set(name, value).unwrap();
        }
        Config::from_settings(&settings)
    }

    #[test]
    fn defaults_are_the_stock_servers() {
        let config = config(&[]).unwrap();
        assert_eq!(
            config.binds,
            [Bind::Unix {
                path: "/tmp/garden.sock".into(),
                mode: 0o777
            }]
        );
        assert_eq!(config.network.pool.to_string(), "10.254.0.0/22");
        assert_eq!(config.network.ports.first, 61001);
        assert_eq!((config.max_containers, config.default_grace_time), (0, 0));
        assert!(config.debug.is_none() && config.without_effect.is_empty());
    }

    #[test]
    fn flags_are_taken() {
        let config = config(&[
            ("bind-ip", "127.0.0.1"),
            ("bind-port", "7777"),
            ("debug-bind-ip", "127.0.0.1"),
            ("tag", "x"),
            ("depot", "/d"),
            ("deny-network", "10.0.0.0/8"),
            ("deny-network", "1.2.3.4/32"),
            ("default-grace-time", "5m"),
            ("device-cgroup-rule", "c 10:* rwm"),
            ("apparmor", "profile"),
        ])
        .unwrap();
        assert_eq!(config.debug.unwrap().port(), 17013);
        assert_eq!(config.state, PathBuf::from("/d-state"));
        assert_eq!(config.network.deny.len(), 2);
        assert_eq!(config.network.deny[0].end().to_string(), "10.255.255.255");
        assert_eq!(config.default_grace_time, 300_000_000_000);
        assert_eq!(config.devices.len(), 1);
        assert_eq!(config.without_effect, ["apparmor"]);
    }

    #[test]
    fn what_makes_no_server_is_named() {
        assert!(matches!(config(&[("tag", "xy")]), Err(ConfigError::Tag(_))));
        let wrong = config(&[("device-cgroup-rule", "x")]);
        assert!(matches!(wrong, Err(ConfigError::Device { .. })));
        let wrong = config(&[("port-pool-start", "65000"), ("port-pool-size", "1000")]);
        assert!(matches!(wrong, Err(ConfigError::Ports { .. })));
        let wrong = config(&[("network-pool", "10.0.0.0/31")]);
        assert!(matches!(wrong, Err(ConfigError::Pool(_))));
    }
}
