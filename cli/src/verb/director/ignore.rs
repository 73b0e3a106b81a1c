//! `warren ignore`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// GROUP/ID
    #[arg(value_name = "INSTANCE")]
    slug: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let (group, id) = super::change::instance(&self.slug)?;
        let director = session.director()?;
        let name = session.deployment()?;
        director.ignore(&name, (&group, &id), true)?;
        Ok(0)
    }
}
