//! `warren recreate`.

use warren_director_client::jobs::ChangeOptions;

use super::change::Flags;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    flags: Flags,

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
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let mut change = self.flags.change("recreate", "recreate");
        change.options = ChangeOptions {
            skip_drain: self.skip_drain,
            fix: self.fix,
            dry_run: self.dry_run,
            vms_created_before: self.vms_created_before,
            ..change.options
        };
        change.run(session)
    }
}
