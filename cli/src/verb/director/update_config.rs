//! `warren update-config`.

use warren_wire_manifest::interpolate::Options;

use super::template::Template;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The document; `-` is standard input
    #[arg(value_name = "FILE")]
    path: String,

    /// Its type
    #[arg(long = "type", value_name = "TYPE")]
    kind: String,

    /// Its name
    #[arg(long, value_name = "NAME", default_value = "default")]
    name: String,

    /// Only if this is the number of the newest; 0 if there must be none
    #[arg(long, value_name = "ID")]
    expected_latest_id: Option<String>,

    #[command(flatten)]
    template: Template,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let text = self.template.text(&self.path, &Options::default())?;
        let diff = director.diff_config(&self.kind, &self.name, &text)?;
        session.console.diff(&diff.diff);
        session.console.confirms(session.common.is_asked())?;
        let from = self.expected_latest_id.or(diff.from.and_then(|from| from.id));
        director.update_config(&self.kind, &self.name, &text, from.as_deref())?;
        Ok(0)
    }
}
