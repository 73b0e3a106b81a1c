//! `warren serve director`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

use clap::ValueEnum;
use warren_director_server::{Home, Options, Place, Role, run};

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

    /// postgres://USER:PASSWORD@HOST/NAME, instead of SQLite in the home
    #[arg(
        long,
        value_name = "URL",
        env = "WARREN_DATABASE",
        hide_env_values = true
    )]
    database: Option<String>,

    /// The port of the bus
    #[arg(long, value_name = "PORT", default_value_t = 4222)]
    nats_port: u16,

    /// The bus, if it is not at the director's address
    #[arg(long, value_name = "nats://HOST:PORT")]
    nats: Option<String>,

    /// The CPI, a program with arguments
    #[arg(long, value_name = "PROGRAM", num_args = 1.., required_unless_present = "prepare")]
    cpi: Vec<PathBuf>,

    /// What Ruby is started with
    #[arg(long, value_name = "PROGRAM", num_args = 1.., default_values = ["ruby"])]
    ruby: Vec<String>,

    /// How many tasks at once, of each kind
    #[arg(long, value_name = "N", default_value_t = 4)]
    workers: usize,

    /// Which parts to run here
    #[arg(long, value_enum, value_name = "ROLE", value_delimiter = ',',
          default_values_t = [RoleFlag::Api, RoleFlag::Worker, RoleFlag::Blobstore])]
    roles: Vec<RoleFlag>,

    /// Only make what is missing in the home
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
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        if self.prepare {
            let place = Place {
                address: self.address,
                nats_port: self.nats_port,
            };
            Home::prepare(&self.home, &place).map_err(|error| Failure::new(&error))?;
            return Ok(exit::GOOD);
        }
        let options = Options {
            home: self.home,
            name: self.name,
            version: format!("{} (00000000)", env!("CARGO_PKG_VERSION")),
            address: self.address,
            listen: self.listen,
            blobstore_listen: self.blobstore_listen,
            database: self.database,
            nats: self.nats,
            nats_port: self.nats_port,
            cpi: self.cpi,
            ruby: self.ruby,
            workers: self.workers,
            roles: self
                .roles
                .iter()
                .map(|role| match role {
                    RoleFlag::Api => Role::Api,
                    RoleFlag::Worker => Role::Worker,
                    RoleFlag::Blobstore => Role::Blobstore,
                })
                .collect(),
        };
        run(options).map_err(|error| Failure::new(&error))?;
        Ok(exit::GOOD)
    }
}
