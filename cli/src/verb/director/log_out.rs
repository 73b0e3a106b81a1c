//! `warren log-out`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let mut found = session.environment(None)?;
        found.username = None;
        found.password = None;
        found.refresh_token = None;
        let mut config = session.config()?;
        config.set(&found);
        config.write()?;
        session.console.line(&format!("Logged out from '{}'", found.url));
        Ok(0)
    }
}
