//! `warren diff-config`.

use warren_director_client::configs::Side;

use super::console;
use super::template::read_text;
use crate::output::Listing;

fn side(id: Option<&str>, path: Option<&str>) -> Result<Side, Problem> {
    match path {
        Some(path) => Ok(Side::Content(read_text(path)?)),
        None => Ok(Side::Id(id.unwrap_or_default().to_owned())),
    }
}

/// What is shown.
pub fn table(from: Option<String>, to: Option<String>, diff: &[(String, Option<String>)]) -> Listing {
    let mut table = Listing::new("", &["From ID", "To ID", "Diff"]);
    table.is_facts = true;
    let text = console::marked(diff);
    table.rows.push(vec![from.unwrap_or_default(), to.unwrap_or_default(), text]);
    table
}

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Number of the first config
    #[arg(long, value_name = "ID", required_unless_present = "from_content")]
    from_id: Option<String>,

    /// Number of the second config
    #[arg(long, value_name = "ID", required_unless_present = "to_content")]
    to_id: Option<String>,

    /// File of the first config, instead of a number
    #[arg(long, value_name = "FILE", conflicts_with = "from_id")]
    from_content: Option<String>,

    /// File of the second config, instead of a number
    #[arg(long, value_name = "FILE", conflicts_with = "to_id")]
    to_content: Option<String>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let from = side(self.from_id.as_deref(), self.from_content.as_deref())?;
        let to = side(self.to_id.as_deref(), self.to_content.as_deref())?;
        let director = session.director()?;
        let diff = director.compare_configs(&from, &to)?;
        session.console.table(&table(self.from_id, self.to_id, &diff.diff));
        Ok(0)
    }
}
