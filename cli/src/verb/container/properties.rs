//! `warren container properties`.

use std::io::{self, Write};

use serde::Serialize;
use warren_wire_garden::container::Properties;

use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Tell a container's properties, and its memory limit
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container properties web --json")]
pub(super) struct Arguments {
    /// Which
    handle: String,

    /// The same as --json
    #[arg(short, hide = true)]
    j: bool,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let handle = &self.handle;
        let properties = garden.client.properties(handle);
        let step = format!("ask for the properties of container {handle}");
        let properties = properties.map_err(failed(step))?;
        let limits = garden.client.memory_limits(handle);
        let step = format!("ask for the memory limit of container {handle}");
        let memory = limits.map_err(failed(step))?.limit_in_bytes;
        let format = if self.j { Format::Json } else { format };
        show(&View { properties, memory }, format)?;
        Ok(exit::GOOD)
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct View {
    properties: Properties,
    #[serde(skip)]
    memory: u64,
}

impl Report for View {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        for (name, value) in &self.properties {
            writeln!(to, "{name}\t{value}")?;
        }
        writeln!(to, "memory.limit\t{} bytes", self.memory)
    }
}
