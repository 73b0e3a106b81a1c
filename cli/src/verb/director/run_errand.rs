//! `warren run-errand`.

use std::path::PathBuf;

use warren_director_client::instances::parse_lines;
use warren_director_client::jobs::{ErrandOptions, ErrandResult};

use super::change::slug;
use super::download::{Wanted, download, has_directory};
use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

/// What is wrong with an errand that ended so; a signal's code is above 128.
fn failure(errand: &str, code: i64) -> Option<String> {
    let how = match code {
        0 => return None,
        129.. => "was canceled",
        _ => "completed with error",
    };
    Some(format!("Errand '{errand}' {how} (exit code {code})"))
}

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
        if self.download_logs {
            has_directory(&self.logs_dir)?;
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
            failed.extend(failure(&self.name, result.exit_code));
            table.rows.push(cells.to_vec());
        }
        table.rows.sort();
        session.console.table(&table);
        for logs in results.iter().filter_map(|result| result.logs.as_ref()) {
            let blob = logs.blobstore_id.as_deref().filter(|blob| !blob.is_empty());
            if let (true, Some(blob)) = (self.download_logs, blob) {
                let digest = logs.sha1.as_deref();
                let (directory, name) = (&self.logs_dir, &self.name);
                let wanted = Wanted { blob, digest, directory, name };
                download(session, &director, &wanted)
                    .map_err(|problem| problem.step("Downloading errand logs"))?;
            }
        }
        match failed.pop() {
            Some(text) => Err(Problem::text(text)),
            None => Ok(0),
        }
    }
}
