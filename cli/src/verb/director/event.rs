//! `warren event`.

use super::events::{HEADER, row};
use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Its number
    #[arg(value_name = "ID")]
    id: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let mut table = Listing::new("", &HEADER);
        table.is_facts = true;
        table.rows.push(row(director.event(&self.id)?));
        session.console.table(&table);
        Ok(0)
    }
}
