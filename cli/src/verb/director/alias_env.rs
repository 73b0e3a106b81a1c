//! `warren alias-env`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The name
    #[arg(value_name = "ALIAS")]
    alias: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let mut found = session.environment(None)?;
        let info = session.anonymous(&found)?.info()?;
        let mut config = session.config()?;
        // What is known of the address stays.
        if let Some(known) = config.find(&found.url) {
            found.username = known.username;
            found.password = known.password;
            found.refresh_token = known.refresh_token;
        }
        found.alias = Some(self.alias);
        config.set(&found);
        config.write()?;
        let line = format!("Using environment '{}' as anonymous user", found.url);
        session.console.first_line(&line);
        session.console.table(&super::env::table(&info));
        Ok(0)
    }
}
