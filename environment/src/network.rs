//! Which addresses machines get, and how this machine reaches what is deep inside.

use std::net::{IpAddr, Ipv4Addr};

use warren_container_network::link::Rtnetlink;
use warren_garden_client::Streams;

use crate::container::run;
use crate::{Error, Level, Record};

/// Where stock's small environments have their machines, and what else may do.
pub(crate) const MACHINES: [[u8; 2]; 10] = [
    [10, 244],
    [10, 245],
    [10, 246],
    [10, 247],
    [10, 248],
    [10, 249],
    [10, 250],
    [10, 251],
    [10, 252],
    [10, 253],
];
/// Where the containers of levels are: outside of what Garden servers give away by themselves, so
/// that each keeps its address.
pub(crate) const LEVELS: [[u8; 2]; 5] = [[10, 255], [10, 243], [10, 242], [10, 241], [10, 240]];
/// Bits of the network of machines.
pub(crate) const BITS: u8 = 16;

/// The address of the container of a level.
pub(crate) fn of_level(record: &Record, index: usize) -> Ipv4Addr {
    let [a, b] = record.levels;
    // There are no more levels than numbers: see the greatest depth.
    Ipv4Addr::new(a, b, u8::try_from(index).unwrap_or(u8::MAX), 2)
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
