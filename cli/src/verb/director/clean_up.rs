//! `warren clean-up`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// All that nothing uses, disks too
    #[arg(long)]
    all: bool,

    /// But not disks
    #[arg(long)]
    keep_orphaned_disks: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        session.console.confirms(session.common.is_asked())?;
        let id = director.clean_up(self.all, self.keep_orphaned_disks)?;
        session.wait(&director, id)?;
        Ok(0)
    }
}
