//! `warren delete-snapshot`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Its name at the CPI
    #[arg(value_name = "CID")]
    cid: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let name = session.deployment()?;
        session.console.confirms(session.common.is_asked())?;
        let started = director.delete_snapshot(&name, &self.cid);
        session.delete(&director, started, |director| {
            Ok(director.snapshots(&name)?.iter().any(|one| one.snapshot_cid == self.cid))
        })?;
        Ok(0)
    }
}
