//! `warren releases`.

use std::cmp::Ordering;

use warren_wire_release::Version;

use super::problem::Problem;
use super::session::Session;
use crate::output::Listing;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

/// Versions in their order; what is none is ordered as text.
pub fn version_order(a: &str, b: &str) -> Ordering {
    match (a.parse::<Version>(), b.parse::<Version>()) {
        (Ok(a), Ok(b)) => a.cmp(&b),
        _ => a.cmp(b),
    }
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let mut all = director.releases()?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        let mut table = Listing::new("releases", &["Name", "Version", "Commit Hash"]);
        table.is_continued = true;
        for release in all {
            let mut versions = release.release_versions;
            versions.sort_by(|a, b| version_order(&b.version, &a.version));
            for (at, one) in versions.into_iter().enumerate() {
                let name = if at == 0 { release.name.clone() } else { String::new() };
                let mark = if one.currently_deployed { "*" } else { "" };
                let changed = if one.uncommitted_changes { "+" } else { "" };
                let commit = one.commit_hash.unwrap_or_default();
                table.rows.push(vec![
                    name,
                    format!("{}{mark}", one.version),
                    format!("{commit}{changed}"),
                ]);
            }
        }
        table.notes.push("(*) Currently deployed".to_owned());
        table.notes.push("(+) Uncommitted changes".to_owned());
        session.console.table(&table);
        Ok(0)
    }
}
