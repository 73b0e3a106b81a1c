//! `warren serve agent`.

use std::path::PathBuf;
use std::time::Duration;

use clap::ValueEnum;
use warren_agent::firewall::Mode;
use warren_agent::serve::{Options, ServeError, run};

use crate::failure::{Failure, exit};
use crate::output::Format;

/// Do what a director asks of this VM, until SIGTERM or SIGINT; jobs live on
///
/// Takes the stock agent's flags, also under the name bosh-agent. Waits for its settings, then for
/// NATS, for as long as it takes. Writes its log to standard error.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren serve agent -P ubuntu -C /var/vcap/bosh/agent.json")]
pub struct Arguments {
    /// The agent's configuration, which names the source of its settings
    #[arg(
        short = 'C',
        long,
        value_name = "FILE",
        default_value = "/var/vcap/bosh/agent.json"
    )]
    config: PathBuf,

    /// The platform, as stock agents are told; every Linux is the same to this one
    #[arg(short = 'P', long, value_name = "NAME", default_value = "ubuntu")]
    platform: String,

    /// Use the files below this directory instead of those of the system
    #[arg(long, value_name = "DIR", default_value = "/")]
    root: PathBuf,

    /// Where the job supervisor answers
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:2822")]
    supervisor: String,

    /// Where the job supervisor's mails are taken
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:2825")]
    alerts: String,

    /// Who else may talk to monit and NATS
    #[arg(long, value_enum, default_value_t = FirewallFlag::BestEffort)]
    firewall: FirewallFlag,

    /// Seconds to wait for settings before giving up
    #[arg(long, value_name = "SECONDS", default_value_t = 600)]
    settings_within: u64,
}

#[derive(ValueEnum, Clone, Copy, Debug)]
enum FirewallFlag {
    /// The agent's cgroup alone where that can be had, else user id 0, else everybody; the log says
    /// which
    BestEffort,
    /// The agent's cgroup alone, or the agent does not start
    Required,
    /// Everybody
    Off,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        let options = Options {
            root: self.root,
            patience: Duration::from_secs(self.settings_within),
            firewall: match self.firewall {
                FirewallFlag::BestEffort => Mode::BestEffort,
                FirewallFlag::Required => Mode::Required,
                FirewallFlag::Off => Mode::Off,
            },
            monit: self.supervisor,
            alerts: Some(self.alerts),
            ..Options::new(self.config)
        };
        run(&options).map_err(|error| failure(&error))?;
        Ok(exit::GOOD)
    }
}

fn failure(error: &ServeError) -> Failure {
    let failure = Failure::new(error);
    match error {
        ServeError::Config { .. } => failure.remedy("give the stemcell's agent.json with -C"),
        _ => failure,
    }
}
