//! `warren serve garden`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use warren_garden_server::http::listen::{Bind, ListenError};
use warren_garden_server::http::tls::Tls;
use warren_garden_server::{Config, ConfigError, Driver, Error, Ready, SYSTEMD, serve};
use warren_lib_errchain::chain;
use warren_wire_garden::config::Settings;
use warren_wire_garden::config::ini::Ini;

use super::images::Registries;
use super::stock_flags::StockFlags;
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Run a Garden server until SIGTERM or SIGINT; containers live on
///
/// Takes the stock server's configuration file and flags; flags win. Where neither says where to
/// listen, it listens on 127.0.0.1:7777. Prints a line when it answers.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren serve garden --config /var/vcap/jobs/garden/config/config.ini"
)]
pub struct Arguments {
    /// A file of the stock server's settings
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// Where images are kept [default: /var/lib/warren/garden/store]
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,

    /// A directory on another file system, for writable layers that the store's own cannot hold
    #[arg(long, value_name = "DIR")]
    upper_dir: Vec<PathBuf>,

    /// Layers of another store that are used where they are instead of unpacking them again: its
    /// layers/, pins/ and sources/, which may be mounted read-only. Those count that are pinned there,
    /// and they must stay pinned as long as this server has containers
    #[arg(long, value_name = "DIR")]
    shared_layers: Vec<PathBuf>,

    /// Where records are kept [default: beside the depot]
    #[arg(long, value_name = "DIR")]
    state: Option<PathBuf>,

    /// Who owns the tree of control groups: nobody but this server, or systemd, which is asked for a
    /// unit with all containers
    #[arg(long, value_name = "DRIVER", value_enum, default_value = "cgroupfs")]
    cgroup_driver: CgroupDriver,

    /// Have runc, crun or alike make containers, in place of the built-in engine; 'runtime' in the
    /// file, where the stock server's 'runtime-plugin' changes nothing
    #[arg(long, value_name = "PATH")]
    runtime: Option<String>,

    /// Has a directory HOST:PORT (or HOST) for each registry with certificates of its own: *.crt to trust,
    /// NAME.cert and NAME.key to show
    #[arg(long, value_name = "DIR", default_value = warren_registry::CERTIFICATES)]
    registry_certs: PathBuf,

    /// Is asked for images before the registry that names without one mean; may be repeated
    #[arg(long, value_name = "HOST[:PORT]")]
    registry_mirror: Vec<String>,

    /// Give containers an IPv6 address beside the other: in this network of 96 bits, which is theirs
    /// alone, it ends with their IPv4 address. Without it they have none
    #[arg(long, value_name = "NETWORK")]
    network_ipv6: Option<String>,

    /// Who may come by --bind-socket, as chmod says it. Who may make containers is root of the machine: as
    /// with the stock server, everybody who reaches the socket may
    #[arg(
        long,
        value_name = "MODE",
        env = "WARREN_BIND_SOCKET_MODE",
        default_value = "777",
        value_parser = socket_mode
    )]
    bind_socket_mode: u32,

    /// Speak TLS, with this certificate
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,

    /// The certificate's key
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,

    /// Only clients with a certificate of these
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_client_ca: Option<PathBuf>,

    #[command(flatten)]
    stock: StockFlags,
}

/// Who makes containers' groups.
#[derive(clap::ValueEnum, Debug, Clone, Copy)]
enum CgroupDriver {
    /// Below the server's own group
    Cgroupfs,
    /// Below the group of a transient unit, garden-containers.scope
    Systemd,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let config = self.into_config()?;
        let sockets: Vec<String> = config.binds.iter().filter_map(path_of).collect();
        let ready = move |ready: &Ready| announce(&sockets, ready, format);
        serve(config, ready).map_err(|error| failure(&error))?;
        Ok(exit::GOOD)
    }

    fn into_config(self) -> Result<Config, Failure> {
        let mut settings = match &self.config {
            Some(path) => from_file(path)?,
            None => Settings::default(),
        };
        settings = settings.overridden_by(self.stock.0);
        if let Some(runtime) = &self.runtime {
            settings.set("runtime", runtime)?;
        }
        if !settings.is_given("bind-socket") {
            for (name, value) in [("bind-ip", "127.0.0.1"), ("bind-port", "7777")] {
                if !settings.is_given(name) {
                    settings.set(name, value)?;
                }
            }
        }
        let wrong = |error: ConfigError| {
            Failure::text(format!("cannot take the settings: {}", chain(&error)))
                .code(exit::UNKNOWN)
        };
        let mut config = Config::from_settings(&settings).map_err(wrong)?;
        if let Some(network) = &self.network_ipv6 {
            config.set_ipv6(network).map_err(wrong)?;
        }
        config.sources = Arc::new(Registries(warren_registry::Settings {
            default_registry: settings.text("docker-registry"),
            insecure: settings.texts("insecure-docker-registry"),
            mirrors: self.registry_mirror,
            certificates: self.registry_certs,
            ..warren_registry::Settings::default()
        }));
        config
            .without_effect
            .retain(|each| each.flag != "docker-registry");
        config.cgroup_driver = match self.cgroup_driver {
            CgroupDriver::Cgroupfs => Driver::Cgroupfs,
            CgroupDriver::Systemd => Driver::Systemd {
                socket: SYSTEMD.into(),
            },
        };
        if let Some(store) = self.store {
            config.store = store;
        }
        if let Some(state) = self.state {
            config.state = state;
        }
        config.store_alternatives = self.upper_dir;
        config.shared_layers = self.shared_layers;
        for bind in &mut config.binds {
            if let Bind::Unix { mode, .. } = bind {
                *mode = self.bind_socket_mode;
            }
        }
        if let Some((certificate, key)) = self.tls_certificate.zip(self.tls_key) {
            let wanted = Tls {
                certificate,
                key,
                client_roots: self.tls_client_ca,
            };
            for bind in &mut config.binds {
                match bind {
                    Bind::Tcp { tls, .. } => *tls = Some(wanted.clone()),
                    Bind::Unix { path, .. } => {
                        let path = path.display();
                        let text = format!("there is no TLS on the unix socket {path}");
                        let failure = Failure::text(text).code(exit::UNKNOWN);
                        return Err(failure.remedy("give an address with --bind-ip"));
                    }
                }
            }
        }
        Ok(config)
    }
}

fn socket_mode(text: &str) -> Result<u32, String> {
    match u32::from_str_radix(text, 8) {
        Ok(mode) if mode <= 0o777 => Ok(mode),
        _ => Err("no mode like 600".to_owned()),
    }
}

fn from_file(path: &Path) -> Result<Settings, Failure> {
    let failed = |why: String| {
        let text = format!("cannot take the settings of {}: {why}", path.display());
        Failure::text(text).code(exit::UNKNOWN)
    };
    let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
    let ini = Ini::parse(&text).map_err(|error| failed(chain(&error)))?;
    Settings::from_ini(&ini).map_err(|error| failed(chain(&error)))
}

fn path_of(bind: &Bind) -> Option<String> {
    match bind {
        Bind::Unix { path, .. } => Some(path.display().to_string()),
        Bind::Tcp { .. } => None,
    }
}

/// For whoever waits for it on standard output.
fn announce(sockets: &[String], ready: &Ready, format: Format) {
    use std::io::Write;
    let addresses = ready.addresses.iter().map(ToString::to_string);
    let all: Vec<String> = sockets.iter().cloned().chain(addresses).collect();
    let mut out = std::io::stdout().lock();
    // Nobody needs to listen.
    let _ = match format {
        Format::Human => writeln!(out, "Serving containers on {}", all.join(", ")),
        Format::Json => writeln!(out, "{}", json!({"serving": all, "debug": ready.debug})),
    };
    let _ = out.flush();
}

fn failure(error: &Error) -> Failure {
    let failure = Failure::text(format!("cannot serve containers: {}", chain(error)));
    match error {
        Error::Listen(ListenError::InUse(_)) => {
            failure.remedy("end the other server, or choose another --bind-socket")
        }
        Error::Listen(ListenError::Tcp { source, .. })
            if source.kind() == std::io::ErrorKind::AddrInUse =>
        {
            failure.remedy("end the other server, or choose another --bind-ip or --bind-port")
        }
        Error::Backend(_) => {
            failure.remedy("'warren doctor' tells what this machine lacks for containers")
        }
        _ => failure,
    }
}
