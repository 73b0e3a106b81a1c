//! `warren delete-disk`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The disk's name at the CPI
    #[arg(value_name = "CID")]
    cid: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        session.console.confirms(session.common.is_asked())?;
        let started = director.delete_disk(&self.cid);
        session.delete(&director, started, |director| {
            Ok(director.orphaned_disks()?.iter().any(|one| one.disk_cid == self.cid))
        })?;
        Ok(0)
    }
}
