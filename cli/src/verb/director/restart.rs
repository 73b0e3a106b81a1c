//! `warren restart`.

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
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let mut change = self.flags.change("restart", "restart");
        change.options.skip_drain = self.skip_drain;
        change.run(session)
    }
}
