//! `warren cancel-task`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Its number
    #[arg(value_name = "ID")]
    id: u64,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        director.cancel_task(self.id)?;
        Ok(0)
    }
}
