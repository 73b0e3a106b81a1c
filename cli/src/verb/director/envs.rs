//! `warren envs`.

use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let mut table = Listing::new("environments", &["URL", "Alias"]);
        for one in session.config()?.environments() {
            table.rows.push(vec![one.url, one.alias.unwrap_or_default()]);
        }
        session.console.table(&table);
        Ok(0)
    }
}
