//! `warren cloud-config`.

use warren_director_client::configs::Kind;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Its name, unless it is the default one
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let document = director.latest_config(Kind::Cloud, &self.name)?;
        let document = document.ok_or_else(|| Problem::text("No cloud config"))?;
        session.console.block(&document);
        Ok(0)
    }
}
