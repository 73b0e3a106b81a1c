//! `warren delete-config`.

/// That there is none.
pub fn nothing(kind: &str, name: &str) -> String {
    format!("No configs to delete: no matches for type '{kind}' and name '{name}' found.")
}

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// Its number
    #[arg(value_name = "ID")]
    id: Option<String>,

    /// Its type, instead of a number
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,

    /// Its name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

impl Arguments {
    /// Which is meant, and nothing else.
    fn check(&self) -> Result<(), Problem> {
        let wrong = match (&self.id, &self.kind, &self.name) {
            (None, None, None) => "Either <ID> or parameters --type and --name must be provided",
            (Some(_), None, None) | (None, Some(_), Some(_)) => return Ok(()),
            (Some(_), ..) => "Can only specify one of ID or parameters '--type' and '--name'",
            (None, ..) => "Need to specify both parameters '--type' and '--name'",
        };
        Err(Problem::text(wrong))
    }

    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        self.check()?;
        let director = session.director()?;
        session.console.confirms(session.common.is_asked())?;
        let (is_deleted, nothing) = match (self.id, self.kind, self.name) {
            (None, Some(kind), Some(name)) => {
                (director.delete_config(&kind, &name)?, nothing(&kind, &name))
            }
            (id, ..) => {
                let id = id.unwrap_or_default();
                let nothing = format!("No configs to delete: no matches for id '{id}' found.");
                (director.delete_config_by_id(&id)?, nothing)
            }
        };
        if !is_deleted {
            session.console.line(&nothing);
        }
        Ok(0)
    }
}
