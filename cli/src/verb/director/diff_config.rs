//! `warren diff-config`.

use warren_director_client::configs::Side;

use super::console;
use super::template::read_text;
use crate::output::Listing;

/// One of the two configs, in the stock command line's words if it is not clear which.
fn side(which: &str, id: Option<&str>, path: Option<&str>) -> Result<Side, Problem> {
    let wrong = match (id, path) {
        (None, Some(path)) => return Ok(Side::Content(read_text(path)?)),
        (Some(id), None) if id.parse::<u64>().is_ok() => return Ok(Side::Id(id.to_owned())),
        (Some(_), None) => format!("--{which}-id needs to be an integer."),
        (Some(_), Some(_)) => {
            format!("only one of --{which}-id and --{which}-content can be specified")
        }
        (None, None) => format!("one of --{which}-id or --{which}-content must be specified"),
    };
    Err(Problem::text(wrong))
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
    #[arg(long, value_name = "ID")]
    from_id: Option<String>,

    /// Number of the second config
    #[arg(long, value_name = "ID")]
    to_id: Option<String>,

    /// File of the first config, instead of a number
    #[arg(long, value_name = "FILE")]
    from_content: Option<String>,

    /// File of the second config, instead of a number
    #[arg(long, value_name = "FILE")]
    to_content: Option<String>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let to = side("to", self.to_id.as_deref(), self.to_content.as_deref())?;
        let from = side("from", self.from_id.as_deref(), self.from_content.as_deref())?;
        let director = session.director()?;
        let diff = director.compare_configs(&from, &to)?;
        session.console.table(&table(self.from_id, self.to_id, &diff.diff));
        Ok(0)
    }
}
