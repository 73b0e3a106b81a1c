//! `warren deployment`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let name = session.deployment()?;
        let mut all = director.deployments(true)?;
        all.retain(|one| one.name == name);
        if all.is_empty() {
            return Err(Problem::text(format!("Expected to find deployment '{name}'")));
        }
        session.console.table(&super::deployments::table(&all));
        Ok(0)
    }
}
