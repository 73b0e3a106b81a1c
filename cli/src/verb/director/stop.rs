//! `warren stop`.

use warren_director_client::jobs::ChangeOptions;

use super::change::Change;

use super::problem::Problem;
use super::session::Session;
use crate::verb::nested;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// GROUP or GROUP/ID; all unless given
    #[arg(value_name = "INSTANCE", default_value = "")]
    slug: String,

    /// Leave the VMs; the default
    #[arg(long, conflicts_with = "hard")]
    soft: bool,

    /// Delete the VMs too
    #[arg(long)]
    hard: bool,

    /// Without draining
    #[arg(long)]
    skip_drain: bool,

    /// So many first: a number, or N%
    #[arg(long, value_name = "NUMBER")]
    canaries: Option<String>,

    /// So many at once: a number, or N%
    #[arg(long, value_name = "NUMBER")]
    max_in_flight: Option<String>,

    /// By a deploy; the default
    #[arg(long, conflicts_with = "no_converge")]
    converge: bool,

    /// Only this one instance, without a deploy
    #[arg(long)]
    no_converge: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        if self.slug.is_empty() && session.deployment_name().is_none() && session.has_own() {
            session.console.line("No deployment is named: all of this machine's environment stops.");
            session.console.confirms(session.common.is_asked())?;
            return session.environment_verb(nested::run_stop);
        }
        let is_hard = self.hard && !self.soft;
        let change = Change {
            slug: self.slug,
            state: if is_hard { "detached" } else { "stopped" },
            action: "stop",
            is_converging: self.converge || !self.no_converge,
            is_hard,
            options: ChangeOptions {
                skip_drain: self.skip_drain,
                fix: false,
                dry_run: false,
                canaries: self.canaries,
                max_in_flight: self.max_in_flight,
                vms_created_before: None,
            },
        };
        change.run(session)
    }
}
