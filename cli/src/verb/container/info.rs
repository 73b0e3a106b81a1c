//! `warren container info`.

use std::io::{self, Write};

use serde::Serialize;
use warren_wire_garden::info::ContainerInfo;

use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Tell about a container: state, addresses, ports, properties
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container info web")]
pub(super) struct Arguments {
    /// Which
    handle: String,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let info = garden.client.info(&self.handle);
        let info = info.map_err(failed(format!("ask about container {}", self.handle)))?;
        show(&View(info), format)?;
        Ok(exit::GOOD)
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct View(ContainerInfo);

impl Report for View {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let info = &self.0;
        let ports = info.mapped_ports.as_deref().unwrap_or_default().iter();
        let ports: Vec<String> = ports
            .map(|port| format!("{} to {}", port.host_port, port.container_port))
            .collect();
        let properties = info.properties.iter();
        let properties: Vec<String> = properties
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        let mut table = Table::facts();
        for (name, value) in [
            ("State", info.state.clone()),
            ("Events", info.events.join(", ")),
            ("Address", info.container_ip.clone()),
            ("IPv6 address", info.container_ipv6.clone()),
            ("Host's address", info.host_ip.clone()),
            ("External address", info.external_ip.clone()),
            ("Ports", ports.join("\n")),
            ("Directory", info.container_path.clone()),
            ("Properties", properties.join("\n")),
        ] {
            table.row([name.to_owned(), value]);
        }
        table.write(to)
    }
}
