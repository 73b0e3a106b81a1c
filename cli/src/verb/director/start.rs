//! `warren start`.

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
            return session.environment_verb(nested::run_start);
        }
        let change = Change {
            slug: self.slug,
            state: "started",
            action: "start",
            is_converging: self.converge || !self.no_converge,
            is_hard: false,
            options: ChangeOptions {
                skip_drain: false,
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
