//! `warren firewall watch`.

use std::io::Write;
use std::path::Path;
use std::time::Duration;

use warren_firewall::dns::SystemResolver;
use warren_firewall::watch::{Event, Watcher};

use super::arguments::Wanted;
use super::{failure, report};
use crate::failure::Failure;
use crate::output::{Format, show};

/// Keep the rules in force until ended
///
/// Sets the firewall up and keeps it: restores rules that somebody changes or flushes, follows the
/// agent's cgroup when it is made anew, resolves NATS hosts again. While it runs, a flush of the
/// ruleset closes the protected ports instead of opening them.
///
/// An agent in a cgroup made anew, or after a flush, is let through again within a second;
/// usually it is milliseconds. Nobody else is let through meanwhile.
///
/// Name the agent with --agent-cgroup, unless the watcher runs in the agent's own cgroup. Ends with
/// a signal; the rules stay in force.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren firewall watch --nats nats.bosh:4222 \
                        --agent-cgroup /system.slice/bosh-agent.service")]
pub struct Arguments {
    #[command(flatten)]
    wanted: Wanted,

    /// Seconds between resolutions of NATS host names
    #[arg(long, value_name = "SECONDS", default_value_t = 30,
          value_parser = clap::value_parser!(u64).range(1..))]
    resolve_every: u64,
}

impl Arguments {
    /// Runs the verb; returns only on failure.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let request = self.wanted.request()?;
        let mut resolver = SystemResolver::new(Path::new("/"));
        let every = Duration::from_secs(self.resolve_every);
        let (watcher, outcome) = Watcher::start(request, &mut resolver, every)
            .map_err(|error| failure("setting up the firewall", &error))?;
        if format == Format::Human {
            show(&report::Setup { outcome }, format)?;
        }
        watcher.run(&mut |event| tell(event, format))
    }
}

/// One line an event. Nobody reading is no reason to stop watching.
fn tell(event: &Event, format: Format) {
    let line = match format {
        Format::Json => serde_json::to_string(event).unwrap_or_default(),
        Format::Human => match event {
            Event::Watching { admitted } => format!("Watching; {}", report::admitted(admitted)),
            Event::Restored { changes, admitted } => format!(
                "Restored the rules ({}); {}",
                report::changes(changes),
                report::admitted(admitted)
            ),
            Event::AgentLost { reason } => {
                format!("The agent's cgroup is gone; nobody passes until it is back: {reason}")
            }
            Event::Failed { reason } => format!("Error: {reason}; trying again"),
        },
    };
    let _ = writeln!(std::io::stdout(), "{line}");
}
