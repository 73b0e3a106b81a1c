//! `warren task`.

use warren_director_client::tasks::{Filter, Output};

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Its number; the newest that goes on unless given
    #[arg(value_name = "ID")]
    id: Option<u64>,

    /// Show its events; the default
    #[arg(long)]
    event: bool,

    /// Show its log
    #[arg(long, conflicts_with_all = ["event", "cpi", "result"])]
    debug: bool,

    /// Show the calls of the CPI
    #[arg(long, conflicts_with_all = ["event", "result"])]
    cpi: bool,

    /// Show what came out of it
    #[arg(long, conflicts_with = "event")]
    result: bool,

    /// Find those too that are only for reading
    #[arg(short, long)]
    all: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let id = match self.id {
            Some(id) => id,
            None => {
                let filter = Filter {
                    is_current: true,
                    is_all: self.all,
                    deployment: session.deployment_name(),
                    limit: None,
                };
                let newest = director.tasks(&filter)?.into_iter().next();
                let Some(newest) = newest else {
                    session.console.line("No task found");
                    return Ok(0);
                };
                newest.id
            }
        };
        let output = match (self.debug, self.cpi, self.result) {
            (true, ..) => Output::Debug,
            (_, true, _) => Output::Cpi,
            (.., true) => Output::Result,
            _ => Output::Event,
        };
        if output == Output::Event {
            session.wait(&director, id)?;
            return Ok(0);
        }
        session.console.line(&format!("Task {id}"));
        let task = director.follow(id, output, &mut |bytes| session.console.raw(bytes))?;
        session.console.line(&format!("Task {id} {}", task.state));
        task.succeeded()?;
        Ok(0)
    }
}
