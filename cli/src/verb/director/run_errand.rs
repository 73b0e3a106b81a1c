//! `warren run-errand`.

use std::path::PathBuf;

use warren_director_client::instances::parse_lines;
use warren_director_client::jobs::{ErrandOptions, ErrandResult};

use super::change::slug;
use super::logs::fetch;
use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Its name
    #[arg(value_name = "ERRAND")]
    name: String,

    /// Only on these: GROUP or GROUP/ID
    #[arg(long = "instance", value_name = "INSTANCE")]
    instances: Vec<String>,

    /// Leave the VM that was made for it
    #[arg(long)]
    keep_alive: bool,

    /// Not if nothing changed since it succeeded
    #[arg(long)]
    when_changed: bool,

    /// Fetch its logs
    #[arg(long)]
    download_logs: bool,

    /// Where to put logs
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    logs_dir: PathBuf,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let mut instances = Vec::new();
        for one in &self.instances {
            instances.push(slug(one)?);
        }
        let director = session.director()?;
        let deployment = session.deployment()?;
        let options = ErrandOptions {
            keep_alive: self.keep_alive,
            when_changed: self.when_changed,
            instances,
        };
        let id = director.run_errand(&deployment, &self.name, &options)?;
        session.wait(&director, id)?;
        let results: Vec<ErrandResult> = parse_lines(&director.task_result(id)?, "errands")?;
        let mut table = Listing::new("errand(s)", &["Instance", "Exit Code", "Stdout", "Stderr"]);
        table.is_facts = true;
        let mut failed = Vec::new();
        for result in &results {
            let instance = result.instance.clone().unwrap_or_default();
            let name = format!("{}/{}", instance.group, instance.id);
            let text = |text: &str| text.trim_end().to_owned();
            let cells = [
                name.clone(),
                result.exit_code.to_string(),
                text(&result.stdout),
                text(&result.stderr),
            ];
            if result.exit_code != 0 {
                failed.push(format!(
                    "Errand '{}' completed with error (exit code {})",
                    self.name, result.exit_code
                ));
            }
            table.rows.push(cells.to_vec());
            let blob = result.logs.as_ref().and_then(|logs| logs.blobstore_id.as_deref());
            if let (true, Some(blob)) = (self.download_logs, blob) {
                let name = format!("{deployment}.{}.{}", self.name, instance.id);
                fetch(session, &director, blob, &self.logs_dir, &name)?;
            }
        }
        session.console.table(&table);
        match failed.into_iter().next() {
            Some(text) => Err(Problem::text(text)),
            None => Ok(0),
        }
    }
}
