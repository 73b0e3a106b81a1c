//! `warren delete-stemcell`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// NAME/VERSION
    #[arg(value_name = "STEMCELL")]
    slug: String,

    /// Whatever the CPI says
    #[arg(long)]
    force: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let (name, version) = self.slug.split_once('/').ok_or_else(|| {
            Problem::text(format!("Expected stemcell '{}' to be in format 'name/version'", self.slug))
        })?;
        let director = session.director()?;
        session.console.confirms(session.common.is_asked())?;
        let started = director.delete_stemcell(name, version, self.force);
        session.delete(&director, started, |director| {
            let all = director.stemcells()?;
            Ok(all.iter().any(|one| one.name == name && one.version == version))
        })?;
        Ok(0)
    }
}
