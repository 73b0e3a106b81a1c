//! `warren locks`.

use warren_director_client::clock;

use crate::output::Listing;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let mut table = Listing::new("locks", &["Type", "Resource", "Task ID", "Expires at"]);
        for lock in director.locks()? {
            let expires = lock.timeout.and_then(|text| text.parse::<f64>().ok());
            table.rows.push(vec![
                lock.kind,
                lock.resource.join(":"),
                lock.task_id.unwrap_or_default(),
                expires.map(|at| clock::unix_date(at as i64)).unwrap_or_default(),
            ]);
        }
        session.console.table(&table);
        Ok(0)
    }
}
