//! `warren instances`.

use warren_director_client::instances::Kind;

use super::described;
use super::instances_table::{self, Columns};

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Show processor, memory and disks
    #[arg(long)]
    vitals: bool,

    /// Show processes
    #[arg(short, long)]
    ps: bool,

    /// Show more of each
    #[arg(short = 'i', long)]
    details: bool,

    /// Show only what does not run
    #[arg(short, long)]
    failing: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let columns = Columns {
            processes: self.ps,
            details: self.details,
            vitals: self.vitals,
            failing: self.failing,
        };
        let director = session.director()?;
        let names = match session.deployment_name() {
            Some(name) => vec![name],
            None => {
                let all = director.deployments(false)?;
                all.into_iter().map(|one| one.name).collect()
            }
        };
        described::each(session, &director, Kind::Instances, names, |session, name, all| {
            session.console.table(&instances_table::instances(name, all, columns));
        })?;
        Ok(0)
    }
}
