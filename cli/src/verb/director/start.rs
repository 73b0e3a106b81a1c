//! `warren start`.

use super::change::Flags;

use super::problem::Problem;
use super::session::Session;
use crate::verb::nested;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    #[command(flatten)]
    flags: Flags,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        if self.flags.slug.is_empty() && session.deployment_name().is_none() && session.has_own() {
            return session.environment_verb(nested::run_start);
        }
        let change = self.flags.change("started", "start");
        change.run(session)
    }
}
