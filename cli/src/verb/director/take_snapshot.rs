//! `warren take-snapshot`.

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
        let director = session.director()?;
        let name = session.deployment()?;
        let id = match self.slug.as_str() {
            "" => director.take_snapshots(&name)?,
            slug => {
                let (group, id) = super::change::instance(slug)?;
                director.take_snapshot(&name, (&group, &id))?
            }
        };
        session.wait(&director, id)?;
        Ok(0)
    }
}
