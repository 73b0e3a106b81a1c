//! Which addresses machines get, and how this machine reaches what is deep inside.

use std::net::{IpAddr, Ipv4Addr};

use warren_container_network::link::Rtnetlink;
use warren_garden_client::Streams;

use crate::container::run;
use crate::neighbours::Neighbours;
use crate::{Error, Level, Record};

/// Where stock's small environments have their machines, and what else may do.
const MACHINES: [u8; 10] = [244, 245, 246, 247, 248, 249, 250, 251, 252, 253];
/// Where the containers of levels are: outside of what Garden servers give away by themselves, so
/// that each keeps its address.
const LEVELS: [u8; 5] = [255, 243, 242, 241, 240];
/// Bits of the network of machines.
pub(crate) const BITS: u8 = 16;

/// The first network for machines that nothing in sight uses.
pub(crate) fn machines_among(neighbours: &Neighbours) -> Result<[u8; 2], Error> {
    free(&MACHINES, |network| neighbours.is_free(network))
}

/// The same for levels, which machines do not use either.
pub(crate) fn levels_among(neighbours: &Neighbours, machines: [u8; 2]) -> Result<[u8; 2], Error> {
    free(&LEVELS, |network| {
        network != machines && neighbours.is_free(network)
    })
}

/// The address of the container of a level.
pub(crate) fn of_level(record: &Record, index: usize) -> Ipv4Addr {
    let [a, b] = record.levels;
    // There are no more levels than numbers: see the greatest depth.
    Ipv4Addr::new(a, b, u8::try_from(index).unwrap_or(u8::MAX), 2)
}

fn free(candidates: &[u8], is_free: impl Fn([u8; 2]) -> bool) -> Result<[u8; 2], Error> {
    let mut networks = candidates.iter().map(|second| [10, *second]);
    networks
        .find(|network| is_free(*network))
        .ok_or(Error::NoNetwork)
}

/// Whether a network of 16 bits and another have addresses in common.
pub(crate) fn overlaps(wanted: [u8; 2], address: IpAddr, bits: u8) -> bool {
    let IpAddr::V4(address) = address else {
        return false;
    };
    let [a, b, _, _] = address.octets();
    match bits {
        // A default route is in everybody's way, and in nobody's.
        0 => false,
        1..=BITS => {
            let mask = u16::MAX.checked_shl(u32::from(BITS - bits)).unwrap_or(0);
            (u16::from_be_bytes(wanted) ^ u16::from_be_bytes([a, b])) & mask == 0
        }
        _ => wanted == [a, b],
    }
}

/// Has what is for machines, and for containers deep inside, go there from every level outside.
///
/// What is set goes with the links that it names, so nothing of it is left when the environment is
/// removed.
pub(crate) fn route(levels: &[Level], record: &Record) -> Result<String, Error> {
    let mut targets: Vec<(Ipv4Addr, u8)> = vec![machines(record)];
    // From the inside out: each level outside reaches all that is further in.
    for (level, gateway) in levels.iter().zip(&record.addresses).rev() {
        for (to, bits) in &targets {
            let step = format!(
                "route {to}/{bits} by way of {gateway} at level {}",
                level.index
            );
            if level.index == 0 {
                Rtnetlink::open()
                    .and_then(|mut netlink| netlink.route((*to).into(), *bits, (*gateway).into()))
                    .map_err(|source| Error::Network { step, source })?;
            } else {
                let text = format!("ip route replace {to}/{bits} via {gateway}");
                let outside = levels.get(level.index - 1).unwrap_or(level);
                run(
                    outside,
                    &outside.container(record),
                    &text,
                    Streams::default(),
                )?;
            }
        }
        targets.push((*gateway, 32));
    }
    let [a, b] = record.machines;
    Ok(format!("machines get addresses of {a}.{b}.0.0/{BITS}"))
}

/// The network of machines.
pub(crate) fn machines(record: &Record) -> (Ipv4Addr, u8) {
    let [a, b] = record.machines;
    (Ipv4Addr::new(a, b, 0, 0), BITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_used_is_left_alone() {
        let free = |used: &[(&str, u8)]| {
            let is_free = |network| {
                let mut used = used.iter();
                !used.any(|(address, bits)| overlaps(network, at(address), *bits))
            };
            free(&MACHINES, is_free).ok()
        };
        assert_eq!(free(&[]), Some([10, 244]));
        assert_eq!(free(&[("0.0.0.0", 0), ("::", 0)]), Some([10, 244]));
        assert_eq!(free(&[("10.244.3.1", 24)]), Some([10, 245]));
        assert_eq!(free(&[("10.244.0.0", 15)]), Some([10, 246]));
        assert_eq!(free(&[("10.245.0.0", 16)]), Some([10, 244]));
        assert_eq!(free(&[("10.0.0.0", 8)]), None);
    }
}
