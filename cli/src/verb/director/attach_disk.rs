//! `warren attach-disk`.

use super::problem::Problem;
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// The instance, GROUP/ID; it must be stopped
    #[arg(value_name = "INSTANCE")]
    slug: String,

    /// The disk's name at the CPI
    #[arg(value_name = "DISK-CID")]
    cid: String,

    /// Properties of the disk: `copy` takes those of the disk that the instance has
    #[arg(long, value_name = "PROPERTIES", default_value = "")]
    disk_properties: String,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        let (group, id) = super::change::instance(&self.slug)?;
        let director = session.director()?;
        let name = session.deployment()?;
        let id = director.attach_disk(&name, (&group, &id), &self.cid, &self.disk_properties)?;
        session.wait(&director, id)?;
        Ok(0)
    }
}
