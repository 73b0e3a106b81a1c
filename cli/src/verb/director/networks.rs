//! `warren networks`.

use warren_director_client::clock;

use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Those that no deployment uses; there is no other list
    #[arg(short, long)]
    orphaned: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        if !self.orphaned {
            return Err(Problem::text("Only --orphaned is supported"));
        }
        let director = session.director()?;
        let mut table = Listing::new("networks", &["Name", "Type", "Created At", "Orphaned At"]);
        for one in director.orphaned_networks()? {
            let shown = |at: Option<String>| at.as_deref().map(clock::shown).unwrap_or_default();
            table.rows.push(vec![
                one.name,
                one.kind.unwrap_or_default(),
                shown(one.created_at),
                shown(one.orphaned_at),
            ]);
        }
        session.console.table(&table);
        Ok(0)
    }
}
