//! `warren firewall enable-monit-access`, which is also `bosh-enable-monit-access`.

use std::io::{self, Write};

use serde::Serialize;
use warren_firewall::identity::Admitted;
use warren_firewall::policy::{MONIT_PORT, Policy};
use warren_firewall::setup::{self, JobOutcome, Request};

use super::arguments::Agent;
use super::{report, with_kernel};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Let the calling job reach monit
///
/// Lets the caller's cgroup, and what is below it, reach monit. A restarted job calls it again and
/// replaces its own entry. Works on the stock agent's table too.
///
/// Exit code 0: let through. 1: refused, nothing changed.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren firewall enable-monit-access --job my-job")]
pub struct Arguments {
    /// Name of the job [default: from the cgroup that bpm made for it]
    #[arg(long, value_name = "NAME")]
    job: Option<String>,

    /// Port that monit listens on
    #[arg(long, value_name = "PORT", default_value_t = MONIT_PORT,
          value_parser = clap::value_parser!(u16).range(1..))]
    monit_port: u16,

    #[command(flatten)]
    agent: Agent,
}

#[derive(Serialize)]
struct Enabled {
    #[serde(flatten)]
    outcome: JobOutcome,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let request = Request {
            policy: Policy {
                monit: Some(self.monit_port),
                ..Policy::default()
            },
            agent: self.agent.reference(),
            may_degrade: self.agent.may_degrade(),
        };
        let uid = rustix::process::getuid().as_raw();
        let outcome = with_kernel("enabling monit access", |kernel| {
            setup::enable_monit_access(kernel, self.job.as_deref(), &request, uid)
        })?;
        show(&Enabled { outcome }, format)?;
        Ok(exit::GOOD)
    }
}

impl Report for Enabled {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let outcome = &self.outcome;
        if let Some(reason) = &outcome.degraded {
            writeln!(to, "Warning: not identified by cgroup: {reason}")?;
        }
        let whom = match outcome.admitted {
            Admitted::Cgroup { .. } => report::cgroup(outcome.identity.as_ref()),
            Admitted::Uid(uid) => format!("every process of uid {uid}"),
        };
        let done = if outcome.changed {
            "may now reach"
        } else {
            "may reach, as before,"
        };
        writeln!(to, "Job '{}' {done} monit: {whom}", outcome.job)
    }
}
