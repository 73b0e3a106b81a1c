//! `warren container capacity`.

use std::io::{self, Write};

use serde::Serialize;
use warren_wire_garden::container::Capacity;

use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Tell what the server's machine offers
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container capacity --json")]
pub(super) struct Arguments {}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let capacity = garden.client.capacity();
        let capacity = capacity.map_err(failed("ask for the capacity"))?;
        show(&View(capacity), format)?;
        Ok(exit::GOOD)
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct View(Capacity);

impl Report for View {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::facts();
        for (name, value) in [
            ("Memory", format!("{} bytes", self.0.memory_in_bytes)),
            ("Disk", format!("{} bytes", self.0.disk_in_bytes)),
            (
                "Schedulable disk",
                format!("{} bytes", self.0.schedulable_disk_in_bytes),
            ),
            ("Containers", self.0.max_containers.to_string()),
        ] {
            table.row([name.to_owned(), value]);
        }
        table.write(to)
    }
}
