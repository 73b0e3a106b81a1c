//! `warren container net-in`.

use serde_json::json;
use warren_garden_client::Target;

use super::say;
use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Map a port of the host into a container and print where it is reached
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container net-in web --port 80")]
pub(super) struct Arguments {
    /// Which
    handle: String,

    /// Port inside
    #[arg(short, long)]
    port: u16,

    /// Port of the host; 0 takes a free one
    #[arg(long, value_name = "PORT", default_value_t = 0)]
    host_port: u16,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let (handle, port) = (&self.handle, self.port);
        let mapped = garden
            .client
            .net_in(handle, self.host_port.into(), port.into());
        let mapped = mapped.map_err(failed(format!("map port {port} of container {handle}")))?;
        let host = match garden.client.target() {
            Target::Tcp(address) | Target::Tls(address) => {
                address.rsplit_once(':').map(|(host, _)| host)
            }
            // The server is on this machine.
            Target::Unix(_) => None,
        };
        let text = format!("{}:{}", host.unwrap_or("127.0.0.1"), mapped.host_port);
        let document = json!({
            "host_port": mapped.host_port,
            "container_port": mapped.container_port,
        });
        say(document, text, format)?;
        Ok(exit::GOOD)
    }
}
