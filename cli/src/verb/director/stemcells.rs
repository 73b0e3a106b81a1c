//! `warren stemcells`.

use super::releases::version_order;
use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let mut all = director.stemcells()?;
        all.sort_by(|a, b| a.name.cmp(&b.name).then(version_order(&b.version, &a.version)));
        let mut table = Listing::new("stemcells", &["Name", "Version", "OS", "CPI", "CID"]);
        for one in all {
            let mark = if one.deployments.is_empty() { "" } else { "*" };
            table.rows.push(vec![
                one.name,
                format!("{}{mark}", one.version),
                one.operating_system.unwrap_or_default(),
                one.cpi.unwrap_or_default(),
                one.cid.unwrap_or_default(),
            ]);
        }
        table.notes.push("(*) Currently deployed".to_owned());
        session.console.table(&table);
        Ok(0)
    }
}
