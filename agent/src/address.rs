//! The machine's own address, as its kernel routes: what a dynamic network's settings leave open.
//!
//! The CPI may know no more of a dynamic network than its name; the address, its mask and the way out
//! are then those of the interface that the default route goes through. Nothing is sent to find them.
//! Source: reference of the agent, settings (networks that the infrastructure configures).

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};

use warren_wire_agent::settings::Settings;

/// Where the kernel tells its routes.
const ROUTES: &str = "/proc/net/route";
/// The flag of a route that is up and goes through a gateway (`RTF_UP | RTF_GATEWAY`).
const THROUGH: u16 = 3;

/// What is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Address {
    ip: Ipv4Addr,
    netmask: Ipv4Addr,
    gateway: Ipv4Addr,
}

/// A line of the table.
#[derive(Debug, Clone, Copy)]
struct Route<'a> {
    interface: &'a str,
    to: Ipv4Addr,
    gateway: Ipv4Addr,
    flags: u16,
    metric: u32,
    mask: Ipv4Addr,
}

/// Fills in what dynamic networks leave open; `own` is asked only if there is such a one.
pub fn fill(settings: &mut Settings, own: impl FnOnce() -> Option<Address>) {
    let is_open = |network: &&mut warren_wire_agent::settings::Network| {
        network.r#type == "dynamic" && (network.ip.is_empty() || network.netmask.is_empty())
    };
    let mut open = settings.networks.values_mut().filter(is_open).peekable();
    let own = match open.peek() {
        Some(_) => own(),
        None => None,
    };
    let Some(own) = own else { return };
    let text = own.ip.to_string();
    for network in open.filter(|network| network.ip.is_empty() || network.ip == text) {
        network.ip.clone_from(&text);
        network.netmask = own.netmask.to_string();
        if network.gateway.is_empty() {
            network.gateway = own.gateway.to_string();
        }
    }
}

/// The address of the interface that the default route goes through, if there is one.
#[must_use]
pub fn own() -> Option<Address> {
    let table = std::fs::read_to_string(ROUTES).ok()?;
    find(&table, source)
}

/// Where packets to a gateway would come from. A datagram socket that is connected sends nothing.
fn source(gateway: Ipv4Addr) -> Option<Ipv4Addr> {
    let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).ok()?;
    socket.connect((gateway, 9)).ok()?;
    match socket.local_addr().ok()? {
        SocketAddr::V4(address) => Some(*address.ip()),
        SocketAddr::V6(_) => None,
    }
}

fn find(table: &str, source: impl FnOnce(Ipv4Addr) -> Option<Ipv4Addr>) -> Option<Address> {
    let routes: Vec<Route<'_>> = table.lines().filter_map(route).collect();
    let default = routes
        .iter()
        .filter(|one| one.mask.is_unspecified() && one.flags & THROUGH == THROUGH)
        .min_by_key(|one| one.metric)?;
    let ip = source(default.gateway)?;
    let holds = |one: &&Route<'_>| {
        one.interface == default.interface
            && !one.mask.is_unspecified()
            && ip.to_bits() & one.mask.to_bits() == one.to.to_bits()
    };
    let netmask = routes
        .iter()
        .filter(holds)
        .map(|one| one.mask)
        .max_by_key(|mask| mask.to_bits().leading_ones())
        .unwrap_or(Ipv4Addr::BROADCAST);
    Some(Address {
        ip,
        netmask,
        gateway: default.gateway,
    })
}

/// `eth0 00000000 0100000A 0003 0 0 0 00000000 ...`: addresses as numbers of this machine's order of
/// bytes.
fn route(line: &str) -> Option<Route<'_>> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    let address = |at: usize| {
        let number = u32::from_str_radix(words.get(at)?, 16).ok()?;
        Some(Ipv4Addr::from(number.to_ne_bytes()))
    };
    Some(Route {
        interface: words.first()?,
        to: address(1)?,
        gateway: address(2)?,
        flags: u16::from_str_radix(words.get(3)?, 16).ok()?,
        metric: words.get(6)?.parse().ok()?,
        mask: address(7)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TABLE: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
        w1\t00000000\t0900FE0A\t0003\t0\t0\t100\t00000000\t0\t0\t0\n\
        w0\t00000000\t0100FE0A\t0003\t0\t0\t0\t00000000\t0\t0\t0\n\
        w0\t0000FE0A\t00000000\t0001\t0\t0\t0\tFCFFFFFF\t0\t0\t0\n";

    fn address(ip: [u8; 4], netmask: [u8; 4], gateway: [u8; 4]) -> Address {
        let [ip, netmask, gateway] = [ip, netmask, gateway].map(Ipv4Addr::from);
        Address {
            ip,
            netmask,
            gateway,
        }
    }

    #[test]
    fn the_default_route_of_the_least_metric_counts() {
        let found = find(TABLE, |gateway| {
            assert_eq!(gateway, Ipv4Addr::new(10, 254, 0, 1));
            Some(Ipv4Addr::new(10, 254, 0, 2))
        });
        let own = address([10, 254, 0, 2], [255, 255, 255, 252], [10, 254, 0, 1]);
        assert_eq!(found, Some(own));
        // An address that no route of the interface holds is alone.
        let found = find(TABLE, |_| Some(Ipv4Addr::new(10, 9, 9, 9))).unwrap();
        assert_eq!(found.netmask, Ipv4Addr::BROADCAST);
        for none in ["", "junk", "w0 0 0", &TABLE[..90]] {
            assert_eq!(find(none, |_| panic!("there is no way out")), None);
        }
    }

    #[test]
    fn only_what_is_open_is_filled_in() {
        let own = address([10, 254, 0, 2], [255, 255, 255, 252], [10, 254, 0, 1]);
        let fill = |networks: serde_json::Value| {
            let text = json!({"agent_id": "a", "networks": {"a": networks}}).to_string();
            let mut settings = Settings::parse(text.as_bytes()).unwrap();
            super::fill(&mut settings, || Some(own));
            let network = &settings.networks["a"];
            [&network.ip, &network.netmask, &network.gateway].map(Clone::clone)
        };
        let filled = ["10.254.0.2", "255.255.255.252", "10.254.0.1"];
        assert_eq!(fill(json!({"type": "dynamic"})), filled);
        // As a CPI tells it that asked its infrastructure.
        let asked = json!({"type": "dynamic", "ip": "10.254.0.2"});
        assert_eq!(fill(asked), filled);
        let other = json!({"type": "dynamic", "ip": "10.0.0.9"});
        assert_eq!(fill(other), ["10.0.0.9", "", ""]);
        assert_eq!(fill(json!({"type": "manual"})), ["", "", ""]);
    }
}
