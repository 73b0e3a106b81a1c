//! `warren configs`.

use warren_director_client::configs::Filter;

use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only of this type
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// Only of this name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// Older ones too: so many of each
    #[arg(short, long, value_name = "NUMBER", default_value_t = 1, require_equals = true)]
    recent: u64,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let filter = Filter { kind: self.kind, name: self.name, recent: self.recent };
        let mut table = Listing::new("configs", &["ID", "Type", "Name", "Team", "Created At"]);
        for config in director.configs(&filter)? {
            let mark = if config.current { "*" } else { "" };
            table.rows.push(vec![
                format!("{}{mark}", config.id),
                config.kind,
                config.name,
                config.team.unwrap_or_default(),
                config.created_at.unwrap_or_default(),
            ]);
        }
        let mut notes = vec!["(*) Currently active"];
        if self.recent == 1 {
            let more = "Only showing active configs. To see older versions use the --recent=10 option.";
            notes.push(more);
        }
        table.notes = notes.into_iter().map(str::to_owned).collect();
        session.console.table(&table);
        Ok(0)
    }
}
