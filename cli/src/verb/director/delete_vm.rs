//! `warren delete-vm`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The VM's name at the CPI
    #[arg(value_name = "CID")]
    cid: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        session.console.confirms(session.common.is_asked())?;
        let id = director.delete_vm(&self.cid)?;
        session.wait(&director, id)?;
        Ok(0)
    }
}
