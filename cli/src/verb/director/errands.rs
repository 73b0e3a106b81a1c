//! `warren errands`.

use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let name = session.deployment()?;
        let mut table = Listing::new("errands", &["Name"]);
        table.rows.extend(director.errands(&name)?.into_iter().map(|errand| vec![errand]));
        session.console.table(&table);
        Ok(0)
    }
}
