//! `warren orphaned-vms`.

use warren_director_client::clock;
use warren_director_client::vms::OrphanedVm;

use crate::output::Listing;

/// What is shown.
pub fn table(mut all: Vec<OrphanedVm>) -> Listing {
    let columns = ["VM CID", "Deployment", "Instance", "AZ", "IPs", "Orphaned At"];
    let mut table = Listing::new("orphaned_vms", &columns);
    let at = |one: &OrphanedVm| one.orphaned_at.as_deref().and_then(clock::parse);
    // The newest first.
    all.sort_by_key(|one| std::cmp::Reverse(at(one)));
    for one in all {
        table.rows.push(vec![
            one.cid,
            one.deployment_name.unwrap_or_default(),
            one.instance_name.unwrap_or_default(),
            one.az.unwrap_or_default(),
            one.ip_addresses.join("\n"),
            one.orphaned_at.as_deref().map(clock::shown).unwrap_or_default(),
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
        session.console.table(&table(director.orphaned_vms()?));
        Ok(0)
    }
}
