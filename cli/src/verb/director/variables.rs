//! `warren variables`.

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
        let mut table = Listing::new("variables", &["ID", "Name"]);
        let mut all = director.variables(&name)?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        table.rows.extend(all.into_iter().map(|one| vec![one.id, one.name]));
        session.console.table(&table);
        Ok(0)
    }
}
