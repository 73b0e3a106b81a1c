//! `warren update-resurrection`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Whether machines that are gone are made again
    #[arg(value_name = "on|off", action = clap::ArgAction::Set,
        value_parser = clap::builder::PossibleValuesParser::new(["on", "off"]))]
    enabled: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        director.set_resurrection(self.enabled == "on")?;
        Ok(0)
    }
}
