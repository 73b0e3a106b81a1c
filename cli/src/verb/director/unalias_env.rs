//! `warren unalias-env`.

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
        let mut config = session.config()?;
        if !config.remove_alias(&self.alias) {
            let text = format!("Expected to find an environment with alias '{}'", self.alias);
            return Err(Problem::text(text));
        }
        config.write()?;
        Ok(0)
    }
}
