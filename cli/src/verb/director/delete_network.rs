//! `warren delete-network`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The network's name
    #[arg(value_name = "NAME")]
    name: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        session.console.confirms(session.common.is_asked())?;
        let started = director.delete_network(&self.name);
        session.delete(&director, started, |director| {
            Ok(director.orphaned_networks()?.iter().any(|one| one.name == self.name))
        })?;
        Ok(0)
    }
}
