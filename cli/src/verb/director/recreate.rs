//! `warren recreate`.

use warren_director_client::jobs::ChangeOptions;

use super::change::Change;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// GROUP or GROUP/ID; all unless given
    #[arg(value_name = "INSTANCE", default_value = "")]
    slug: String,

    /// Without draining
    #[arg(long)]
    skip_drain: bool,

    /// Those too whose agents do not answer
    #[arg(long)]
    fix: bool,

    /// Only VMs that are older than this, RFC 3339
    #[arg(long, value_name = "TIME")]
    vms_created_before: Option<String>,

    /// Plan only
    #[arg(long)]
    dry_run: bool,

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
        let change = Change {
            slug: self.slug,
            state: "recreate",
            action: "recreate",
            is_converging: self.converge || !self.no_converge,
            is_hard: false,
            options: ChangeOptions {
                skip_drain: self.skip_drain,
                fix: self.fix,
                dry_run: self.dry_run,
                canaries: self.canaries,
                max_in_flight: self.max_in_flight,
                vms_created_before: self.vms_created_before,
            },
        };
        change.run(session)
    }
}
