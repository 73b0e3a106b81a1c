//! `warren logs`.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use warren_director_client::{Director, clock};

use super::change::slug;

/// Writes a file that the director keeps to `DIR/NAME-TIME.tgz`.
pub fn fetch(
    session: &mut Session<'_>,
    director: &Director,
    blob: &str,
    directory: &Path,
    name: &str,
) -> Result<(), Problem> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let at = clock::stamp(i64::try_from(now.as_secs()).unwrap_or_default());
    // Names come from the command line and from directors.
    let name = name.replace('/', "_");
    let path = directory.join(format!("{name}-{at}-{:09}.tgz", now.subsec_nanos()));
    session.console.line(&format!("Downloading resource '{blob}' to '{}'...", path.display()));
    let mut file = File::create_new(&path).map_err(|error| {
        Problem::text(error.to_string()).step(format!("Making file '{}'", path.display()))
    })?;
    let fetched = director.download(blob, &mut file).map_err(Problem::from);
    fetched.and_then(|_| file.sync_all().map_err(Problem::from)).inspect_err(|_| {
        // Half a file is none; the error tells why.
        let _ = std::fs::remove_file(&path);
    })
}

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// GROUP or GROUP/ID; all unless given
    #[arg(value_name = "INSTANCE", default_value = "")]
    slug: String,

    /// Where to put them
    #[arg(long, value_name = "DIRECTORY", default_value = ".")]
    dir: PathBuf,

    /// The agent's logs
    #[arg(long)]
    agent: bool,

    /// The system's logs
    #[arg(long)]
    system: bool,

    /// Logs of all kinds
    #[arg(long)]
    all_logs: bool,

    /// Only logs of these jobs
    #[arg(long, value_name = "JOB")]
    job: Vec<String>,

    /// Only these files: patterns
    #[arg(long, value_name = "PATTERN")]
    only: Vec<String>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let slug = slug(&self.slug)?;
        let director = session.director()?;
        let deployment = session.deployment()?;
        let kinds: &[&str] = match (self.all_logs, self.agent, self.system) {
            (true, ..) => &["agent", "job", "system"],
            (_, true, true) => &["agent", "system"],
            (_, true, false) => &["agent"],
            (_, false, true) => &["system"],
            _ => &["job"],
        };
        let mut filters: Vec<String> = self.job.iter().map(|job| format!("{job}/**/*")).collect();
        filters.extend(self.only);
        let id = director.fetch_logs(&deployment, &slug, kinds, &filters)?;
        session.wait(&director, id)?;
        let blob = director.task(id)?.result.unwrap_or_default();
        if blob.is_empty() {
            return Err(Problem::text("The director fetched no logs"));
        }
        let mut name = deployment;
        for part in [&slug.group, &slug.id].into_iter().flatten() {
            name.push('.');
            name.push_str(part);
        }
        fetch(session, &director, &blob, &self.dir, &name)?;
        Ok(0)
    }
}
