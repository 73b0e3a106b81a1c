//! `warren cpi-config`.

use warren_director_client::configs::Kind;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let document = director.latest_config(Kind::Cpi, "")?;
        let document = document.ok_or_else(|| Problem::text("No CPI config"))?;
        session.console.block(&document);
        Ok(0)
    }
}
