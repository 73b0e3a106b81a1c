//! `warren deployments`.

use warren_director_client::deployments::{Deployment, NameVersion};

use crate::output::Listing;

/// Names and versions below each other.
fn listed(all: &[NameVersion]) -> String {
    let mut all: Vec<String> =
        all.iter().map(|one| format!("{}/{}", one.name, one.version)).collect();
    all.sort();
    all.join("\n")
}

/// Deployments as a table.
pub fn table(all: &[Deployment]) -> Listing {
    let mut sorted: Vec<&Deployment> = all.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    let mut table =
        Listing::new("deployments", &["Name", "Release(s)", "Stemcell(s)", "Team(s)"]);
    for one in sorted {
        table.rows.push(vec![
            one.name.clone(),
            listed(&one.releases),
            listed(&one.stemcells),
            one.teams.join("\n"),
        ]);
    }
    table
}

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let all = director.deployments(false)?;
        session.console.table(&table(&all));
        Ok(0)
    }
}
