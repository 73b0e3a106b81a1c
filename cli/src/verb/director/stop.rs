//! `warren stop`.

use super::change::Flags;

use super::problem::Problem;
use super::session::Session;
use crate::verb::nested;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    flags: Flags,

    /// Leave the VMs; the default
    #[arg(long, conflicts_with = "hard")]
    soft: bool,

    /// Delete the VMs too
    #[arg(long)]
    hard: bool,

    /// Without draining
    #[arg(long)]
    skip_drain: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        if self.flags.slug.is_empty() && session.deployment_name().is_none() && session.has_own() {
            session.console.line("No deployment is named: all of this machine's environment stops.");
            session.console.confirms(session.common.is_asked())?;
            return session.environment_verb(nested::run_stop);
        }
        let is_hard = self.hard && !self.soft;
        let state = if is_hard { "detached" } else { "stopped" };
        let mut change = self.flags.change(state, "stop");
        change.is_hard = is_hard;
        change.options.skip_drain = self.skip_drain;
        change.run(session)
    }
}
