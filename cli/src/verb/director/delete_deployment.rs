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
        let started = director.delete_deployment(&name, self.force).map_err(Problem::from);
        let deleted = started.and_then(|id| session.wait(&director, id).map(drop));
        // What is not there is deleted, however that came to be.
        if let Err(problem) = deleted {
            let all = director.deployments(false)?;
            if all.iter().any(|one| one.name == name) {
                return Err(problem);
            }
        }
        Ok(0)
    }
}
