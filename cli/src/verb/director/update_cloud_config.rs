//! `warren update-cloud-config`.

use warren_director_client::configs::Kind;
use warren_wire_manifest::interpolate::Options;

use super::template::Template;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The document; `-` is standard input
    #[arg(value_name = "FILE")]
    path: String,

    /// Its name, unless it is the default one
    #[arg(long, value_name = "NAME", default_value = "")]
    name: String,

    #[command(flatten)]
    template: Template,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        let text = self.template.text(&self.path, &Options::default())?;
        let redact = true;
        let diff = director.diff_config_of(Kind::Cloud, &self.name, &text, redact)?;
        session.console.diff(&diff.diff);
        session.console.confirms(session.common.is_asked())?;
        director.update_config_of(Kind::Cloud, &self.name, &text)?;
        Ok(0)
    }
}
