//! `warren serve director`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::ValueEnum;
use warren_director_server::{Kept, Options, Role, prepare_only, run, schedules};
use warren_lib_telemetry::log;

use super::templates::Templates;
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Take releases and manifests, and make machines look like them, until SIGTERM or SIGINT
///
/// An empty home becomes a director: its certificates, passwords and database are made there, and the
/// configuration that nats-server is started with. Clients use https at port 25555, agents the bus at
/// 4222 and the blobstore at 25250.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren serve director --home /var/vcap/store/director --address 10.244.0.2 \
                  --cpi /var/vcap/jobs/warden_cpi/bin/cpi"
)]
pub struct Arguments {
    /// Where everything of the director is kept
    #[arg(long, value_name = "DIR", default_value = "/var/lib/warren/director")]
    home: PathBuf,

    /// The address at which agents and clients reach this director
    #[arg(long, value_name = "IP")]
    address: IpAddr,

    /// The director's name
    #[arg(long, value_name = "NAME", default_value = "warren")]
    name: String,

    /// Where clients are answered
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:25555")]
    listen: SocketAddr,

    /// Where agents get and put blobs
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "0.0.0.0:25250")]
    blobstore_listen: SocketAddr,

    /// Where Prometheus gets metrics of all roles of this home, in plain HTTP; `off` for nowhere
    #[arg(
        long,
        value_name = "ADDRESS:PORT",
        default_value = "127.0.0.1:9091",
        value_parser = address_or_off
    )]
    metrics_listen: MetricsAddress,

    /// postgres://USER:PASSWORD@HOST/NAME, instead of SQLite in the home
    #[arg(
        long,
        value_name = "URL",
        env = "WARREN_DATABASE",
        hide_env_values = true
    )]
    database: Option<String>,

    /// A superuser of that PostgreSQL, as whom role and database are made before anything connects
    ///
    /// A socket's directory may stand for the host: postgres://postgres@%2Frun%2Fpostgresql/postgres
    #[arg(
        long,
        value_name = "URL",
        env = "WARREN_DATABASE_ADMIN",
        hide_env_values = true,
        requires = "database"
    )]
    database_admin: Option<String>,

    /// The port of the bus
    #[arg(long, value_name = "PORT", default_value_t = 4222)]
    nats_port: u16,

    /// The bus, if it is not at the director's address
    #[arg(long, value_name = "nats://HOST:PORT")]
    nats: Option<String>,

    /// The CPI, a program with arguments; workers need it
    #[arg(long, value_name = "PROGRAM", num_args = 1..)]
    cpi: Vec<PathBuf>,

    #[command(flatten)]
    templates: Templates,

    /// Make machines without the blobstore's password, and give their agents signed URLs
    ///
    /// Only machines of stemcells of API version 3 or later, whose agents know them: others have the password
    #[arg(long)]
    signed_urls: bool,

    /// Take snapshots of persistent disks: when jobs were stopped, and with `take-snapshot`
    #[arg(long)]
    snapshots: bool,

    /// How many tasks at once, of each kind
    #[arg(long, value_name = "N", default_value_t = 4)]
    workers: usize,

    /// Which parts to run here
    #[arg(long, value_enum, value_name = "ROLE", value_delimiter = ',',
          default_values_t = [RoleFlag::Api, RoleFlag::Worker, RoleFlag::Blobstore,
                              RoleFlag::Scheduler, RoleFlag::SyncDns])]
    roles: Vec<RoleFlag>,

    /// When something is done: NAME=CRON, in UTC, or NAME=off; may be given again
    ///
    /// Names: orphaned-vms, orphaned-disks, dns-blobs, dns-tombstones, events, tasks; and snapshots, which
    /// is off unless it has a time
    #[arg(long, value_name = "NAME=CRON")]
    schedule: Vec<String>,

    /// How many events are kept when old ones are forgotten
    #[arg(long, value_name = "N", default_value_t = Kept::default().events)]
    keep_events: u32,

    /// How many tasks of each type are kept when old ones are forgotten
    #[arg(long, value_name = "N", default_value_t = Kept::default().tasks)]
    keep_tasks: u32,

    /// For how long orphaned disks are kept
    #[arg(long, value_name = "DAYS", default_value_t = Kept::default().orphaned_disks)]
    keep_orphaned_disks: u32,

    /// How lines of the log look
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = LogFormat::Text)]
    log_format: LogFormat,

    /// Only make what is missing in the home, and in PostgreSQL with --database-admin
    #[arg(long)]
    prepare: bool,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum RoleFlag {
    /// Answers clients
    Api,
    /// Works on tasks
    Worker,
    /// Gives blobs to agents
    Blobstore,
    /// Clears up from time to time
    Scheduler,
    /// Tells agents of names that they have missed
    SyncDns,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum LogFormat {
    /// One line of `name=value` for each request, task, call of the CPI and of agents
    Text,
    /// The same as JSON
    Json,
}

/// Where metrics are; nowhere if there is no address.
#[derive(Clone, Copy, Debug)]
struct MetricsAddress(Option<SocketAddr>);

fn address_or_off(text: &str) -> Result<MetricsAddress, String> {
    if text == "off" {
        return Ok(MetricsAddress(None));
    }
    let address = text.parse().map_err(|_| "give ADDRESS:PORT or off")?;
    Ok(MetricsAddress(Some(address)))
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        log::set_format(match self.log_format {
            LogFormat::Text => log::Format::Text,
            LogFormat::Json => log::Format::Json,
        });
        let kept = Kept {
            events: self.keep_events,
            tasks: self.keep_tasks,
            orphaned_disks: self.keep_orphaned_disks,
        };
        let schedules = schedules(&self.schedule, kept).map_err(|error| Failure::new(&error))?;
        let options = Options {
            home: self.home,
            name: self.name,
            version: format!("{} (00000000)", env!("CARGO_PKG_VERSION")),
            address: self.address,
            listen: self.listen,
            blobstore_listen: self.blobstore_listen,
            metrics_listen: self.metrics_listen.0,
            database: self.database,
            database_admin: self.database_admin,
            nats: self.nats,
            nats_port: self.nats_port,
            cpi: self.cpi,
            ruby: self.templates.command(),
            signed_urls: self.signed_urls,
            snapshots: self.snapshots,
            workers: self.workers,
            roles: self
                .roles
                .iter()
                .map(|role| match role {
                    RoleFlag::Api => Role::Api,
                    RoleFlag::Worker => Role::Worker,
                    RoleFlag::Blobstore => Role::Blobstore,
                    RoleFlag::Scheduler => Role::Scheduler,
                    RoleFlag::SyncDns => Role::SyncDns,
                })
                .collect(),
            schedules,
        };
        let works = options.roles.contains(&Role::Worker);
        if works && !self.prepare && options.cpi.is_empty() {
            return Err(Failure::text("workers need a CPI: give --cpi PROGRAM").code(exit::UNKNOWN));
        }
        if works && !self.prepare {
            self.templates.check()?;
        }
        let done = match self.prepare {
            true => prepare_only(&options),
            false => run(options),
        };
        done.map_err(|error| Failure::new(&error))?;
        Ok(exit::GOOD)
    }
}
