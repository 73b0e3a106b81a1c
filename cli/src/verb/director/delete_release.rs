//! `warren delete-release`.

use warren_director_client::releases::Release;

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// NAME or NAME/VERSION
    #[arg(value_name = "RELEASE")]
    slug: String,

    /// Whatever the blobstore says
    #[arg(long)]
    force: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let director = session.director()?;
        session.console.confirms(session.common.is_asked())?;
        let (name, version) = match self.slug.split_once('/') {
            Some((name, version)) => (name, Some(version)),
            None => (self.slug.as_str(), None),
        };
        let is_there = |all: &[Release]| {
            let mut named = all.iter().filter(|one| one.name == name);
            named.any(|one| match version {
                None => true,
                Some(version) => one.release_versions.iter().any(|one| one.version == version),
            })
        };
        if !is_there(&director.releases()?) {
            session.console.line(&format!("Release '{}' does not exist.", self.slug));
            return Ok(0);
        }
        let started = director.delete_release(name, version, self.force);
        session.delete(&director, started, |director| Ok(is_there(&director.releases()?)))?;
        Ok(0)
    }
}
