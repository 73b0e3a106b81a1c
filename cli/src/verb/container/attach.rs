//! `warren container attach`.

use super::target::{Garden, failed};
use super::terminal::{own_streams, status};
use crate::failure::Failure;

/// Attach to a process of a container and end with its exit code
///
/// Its output is passed on from now on; input goes to it.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container attach web --pid 4a1f")]
pub(super) struct Arguments {
    /// Which container
    handle: String,

    /// The process's id, as 'run' prints it
    #[arg(short, long, value_name = "ID")]
    pid: String,
}

impl Arguments {
    pub fn run(self, garden: &Garden) -> Result<u8, Failure> {
        let step = format!(
            "attach to process {} of container {}",
            self.pid, self.handle
        );
        let process = garden
            .client
            .attach(&self.handle, &self.pid, own_streams()?);
        let process = process.map_err(failed(&step))?;
        Ok(status(process.wait().map_err(failed(step))?))
    }
}
