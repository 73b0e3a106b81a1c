//! `warren delete-snapshots`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let name = session.deployment()?;
        session.console.confirms(session.common.is_asked())?;
        let id = director.delete_snapshots(&name)?;
        session.wait(&director, id)?;
        Ok(0)
    }
}
