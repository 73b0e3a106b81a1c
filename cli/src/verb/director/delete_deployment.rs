//! `warren delete-deployment`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Whatever the CPI says
    #[arg(long)]
    force: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let name = session.deployment()?;
        session.console.confirms(session.common.is_asked())?;
        let started = director.delete_deployment(&name, self.force);
        session.delete(&director, started, |director| {
            Ok(director.deployments(false)?.iter().any(|one| one.name == name))
        })?;
        Ok(0)
    }
}
