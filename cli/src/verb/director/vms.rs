//! `warren vms`.

use warren_director_client::instances::Kind;

use super::{described, instances_table};

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Show processor, memory and disks
    #[arg(long)]
    vitals: bool,

    /// Show what the CPI made them by
    #[arg(long)]
    cloud_properties: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let names = match session.deployment_name() {
            Some(name) => vec![name],
            None => {
                let all = director.deployments(false)?;
                all.into_iter().map(|one| one.name).collect()
            }
        };
        described::each(session, &director, Kind::Vms, names, |session, name, all| {
            session.console.table(&instances_table::vms(name, all, (self.vitals, self.cloud_properties)));
        })?;
        Ok(0)
    }
}
