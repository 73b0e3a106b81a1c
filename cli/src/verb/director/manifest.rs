//! `warren manifest`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let name = session.deployment()?;
        let manifest = director.manifest(&name)?.unwrap_or_default();
        session.console.block(&manifest);
        Ok(0)
    }
}
