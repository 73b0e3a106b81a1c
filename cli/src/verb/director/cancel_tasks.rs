//! `warren cancel-tasks`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Only of this type, such as update_deployment; may be given more than once
    #[arg(short, long = "type", value_name = "TYPE")]
    types: Vec<String>,

    /// In this state, queued or processing; queued unless given
    #[arg(short, long = "state", value_name = "STATE")]
    states: Vec<String>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let name = session.deployment_name();
        director.cancel_tasks(name.as_deref(), &self.states, &self.types)?;
        Ok(0)
    }
}
