//! `warren delete-config`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Its type
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,

    /// Its name
    #[arg(long, value_name = "NAME")]
    name: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        session.console.confirms(session.common.is_asked())?;
        if !director.delete_config(&self.kind, &self.name)? {
            session.console.line("No configs to delete: no matches found.");
        }
        Ok(0)
    }
}
