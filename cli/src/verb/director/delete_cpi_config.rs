//! `warren delete-cpi-config`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        session.console.confirms(session.common.is_asked())?;
        if !director.delete_config("cpi", "default")? {
            session.console.line(&super::delete_config::nothing("cpi", "default"));
        }
        Ok(0)
    }
}
