//! What `start`, `stop`, `restart` and `recreate` have in common.

use warren_director_client::jobs::{ChangeOptions, Slug};

use super::problem::Problem;
use super::session::Session;

// What they have in common. A doc comment would be the about text of each of them.
#[derive(clap::Args, Debug)]
pub struct Flags {
    /// GROUP or GROUP/ID; all unless given
    #[arg(value_name = "INSTANCE", default_value = "")]
    pub slug: String,

    /// So many first: a number, or N%
    #[arg(long, value_name = "NUMBER")]
    canaries: Option<String>,

    /// So many at once: a number, or N%
    #[arg(long, value_name = "NUMBER")]
    max_in_flight: Option<String>,

    /// By a deploy; the default
    #[arg(long, conflicts_with = "no_converge")]
    converge: bool,

    /// Only this one instance, without a deploy
    #[arg(long)]
    no_converge: bool,
}

/// A change of state.
pub struct Change {
    slug: String,
    /// For a deploy.
    state: &'static str,
    /// For one instance.
    action: &'static str,
    is_converging: bool,
    pub is_hard: bool,
    pub options: ChangeOptions,
}

impl Flags {
    /// The change by these names, in a deploy and for one instance.
    pub fn change(self, state: &'static str, action: &'static str) -> Change {
        Change {
            slug: self.slug,
            state,
            action,
            is_converging: self.converge || !self.no_converge,
            is_hard: false,
            options: ChangeOptions {
                canaries: self.canaries,
                max_in_flight: self.max_in_flight,
                ..ChangeOptions::default()
            },
        }
    }
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
