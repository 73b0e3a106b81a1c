//! `warren config`.

use warren_director_client::configs::Filter;

use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Its number
    #[arg(value_name = "ID", required_unless_present = "kind")]
    id: Option<u64>,

    /// Its type, instead of a number
    #[arg(long = "type", value_name = "TYPE", requires = "name")]
    kind: Option<String>,

    /// Its name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let config = match (self.id, &self.kind) {
            (Some(id), _) => director.config(id)?,
            (None, _) => {
                let filter = Filter { kind: self.kind, name: self.name, recent: 1 };
                let found = director.configs(&filter)?.into_iter().next();
                found.ok_or_else(|| Problem::text("No config"))?
            }
        };
        let mut table = Listing::new("config", &["ID", "Type", "Name", "Created At", "Content"]);
        table.is_facts = true;
        table.rows.push(vec![
            config.id,
            config.kind,
            config.name,
            config.created_at.unwrap_or_default(),
            config.content,
        ]);
        session.console.table(&table);
        Ok(0)
    }
}
