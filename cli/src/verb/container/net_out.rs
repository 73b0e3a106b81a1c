//! `warren container net-out`.

use std::net::IpAddr;

use serde_json::json;
use warren_wire_garden::network::{IcmpControl, IpRange, NetOutRule, PortRange, Protocol};

use super::say;
use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Allow traffic out of a container
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren container net-out web --protocol tcp --ip-start 10.0.0.1 \
                  --ip-end 10.0.0.9 --port-start 443 --port-end 443"
)]
pub(super) struct Arguments {
    /// Which
    handle: String,

    /// What kind of traffic
    #[arg(short, long, value_enum)]
    protocol: Kind,

    /// First address [default: the last one, or all]
    #[arg(long, value_name = "ADDRESS")]
    ip_start: Option<IpAddr>,

    /// Last address [default: the first one]
    #[arg(long, value_name = "ADDRESS")]
    ip_end: Option<IpAddr>,

    /// First port [default: the last one, or all]
    #[arg(long, value_name = "PORT")]
    port_start: Option<u16>,

    /// Last port [default: the first one]
    #[arg(long, value_name = "PORT")]
    port_end: Option<u16>,

    /// Type of ICMP message [default: all]
    #[arg(long, value_name = "TYPE")]
    icmp_type: Option<u8>,

    /// Code of ICMP message [default: all]
    #[arg(long, value_name = "CODE", requires = "icmp_type")]
    icmp_code: Option<u8>,

    /// Log what is allowed
    #[arg(long)]
    log: bool,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Kind {
    All,
    Tcp,
    Udp,
    Icmp,
    Icmpv6,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let step = format!("allow traffic out of container {}", self.handle);
        let rule = self.rule();
        let allowed = garden.client.net_out(&self.handle, &rule);
        allowed.map_err(failed(step))?;
        say(
            json!({"handle": self.handle, "rule": rule}),
            "applied",
            format,
        )?;
        Ok(exit::GOOD)
    }

    fn rule(&self) -> NetOutRule {
        let address = IpRange {
            start: self.ip_start.or(self.ip_end),
            end: self.ip_end.or(self.ip_start),
        };
        let ports = self.port_start.or(self.port_end).map(|start| PortRange {
            start,
            end: self.port_end.unwrap_or(start),
        });
        NetOutRule {
            protocol: match self.protocol {
                Kind::All => Protocol::ALL,
                Kind::Tcp => Protocol::TCP,
                Kind::Udp => Protocol::UDP,
                Kind::Icmp => Protocol::ICMP,
                Kind::Icmpv6 => Protocol::ICMP_V6,
            },
            networks: address.start.map(|_| address).into_iter().collect(),
            ports: ports.into_iter().collect(),
            icmps: self.icmp_type.map(|kind| IcmpControl {
                kind,
                code: self.icmp_code,
            }),
            log: self.log,
        }
    }
}
