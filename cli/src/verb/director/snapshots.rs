//! `warren snapshots`.

use warren_director_client::clock;
use warren_director_client::snapshots::Snapshot;

use crate::output::Listing;

/// What is shown.
pub fn table(all: Vec<Snapshot>) -> Listing {
    let mut table = Listing::new("snapshots", &["Instance", "CID", "Created At", "Clean"]);
    for one in all {
        table.rows.push(vec![
            one.instance(),
            one.snapshot_cid,
            one.created_at.as_deref().map(clock::shown).unwrap_or_default(),
            one.clean.to_string(),
        ]);
    }
    table
}

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only of this one: GROUP/ID
    #[arg(value_name = "INSTANCE", default_value = "")]
    slug: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let slug = super::change::slug(&self.slug)?;
        let director = session.director()?;
        let name = session.deployment()?;
        let mut all = director.snapshots(&name)?;
        if let Some(group) = &slug.group {
            all.retain(|one| one.is_of(group, slug.id.as_deref()));
        }
        session.console.table(&table(all));
        Ok(0)
    }
}
