//! What `start`, `stop`, `restart` and `recreate` have in common.

use warren_director_client::jobs::{ChangeOptions, Slug};

use super::problem::Problem;
use super::session::Session;

/// A change of state.
pub struct Change {
    pub slug: String,
    /// For a deploy.
    pub state: &'static str,
    /// For one instance.
    pub action: &'static str,
    pub is_converging: bool,
    pub is_hard: bool,
    pub options: ChangeOptions,
}

/// `GROUP[/ID]`.
pub fn slug(text: &str) -> Result<Slug, Problem> {
    Slug::parse(text).ok_or_else(|| {
        Problem::text(format!(
            "Expected instance '{text}' to be in format 'name' or 'name/id-or-index'"
        ))
    })
}

/// `GROUP/ID`, one instance.
pub fn instance(text: &str) -> Result<(String, String), Problem> {
    match slug(text)? {
        Slug {
            group: Some(group),
            id: Some(id),
        } => Ok((group, id)),
        _ => Err(Problem::text(format!(
            "Expected instance '{text}' to be in format 'name/id-or-index'"
        ))),
    }
}

impl Change {
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let slug = slug(&self.slug)?;
        let director = session.director()?;
        let deployment = session.deployment()?;
        session.console.confirms(session.common.is_asked())?;
        let id = match (self.is_converging, &slug) {
            (true, slug) => director.change_state(&deployment, slug, self.state, &self.options)?,
            (
                false,
                Slug {
                    group: Some(group),
                    id: Some(id),
                },
            ) => {
                let flags = (self.options.skip_drain, self.is_hard, self.options.fix);
                director.act(&deployment, (group, id), self.action, flags)?
            }
            (false, _) => {
                return Err(Problem::text(
                    "Expected one instance, GROUP/ID, with --no-converge",
                ));
            }
        };
        session.wait(&director, id)?;
        Ok(0)
    }
}
