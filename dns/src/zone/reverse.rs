//! Names of addresses.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::alias::{Aliases, Target};

/// How many names of one address are told.
const MOST: usize = 100;

/// Names by address: those of records, and aliases of these and of the address.
pub(super) fn names(records: &[Vec<String>], aliases: &Aliases) -> HashMap<IpAddr, Vec<String>> {
    let mut names: HashMap<IpAddr, Vec<String>> = HashMap::new();
    let inverted = aliases.inverted();
    let mut add = |address: IpAddr, name: &str| {
        let known = names.entry(address).or_default();
        if known.len() < MOST && known.iter().all(|known| known != name) {
            known.push(name.to_owned());
        }
    };
    for record in records {
        let [address, name] = &record[..] else {
            continue;
        };
        let Ok(address) = address.parse() else {
            continue;
        };
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        add(address, &name);
        for alias in inverted.get(&Target::Name(name)).into_iter().flatten() {
            add(address, alias);
        }
    }
    for (target, aliases) in &inverted {
        if let Target::Address(address) = target {
            aliases.iter().for_each(|alias| add(*address, alias));
        }
    }
    names
}

/// The address that a name below `in-addr.arpa` or `ip6.arpa` asks for; none if it names no whole
/// one.
#[must_use]
pub fn address_of(name: &str) -> Option<IpAddr> {
    if let Some(labels) = name.strip_suffix(".in-addr.arpa") {
        let mut bytes = [0_u8; 4];
        let mut labels = labels.split('.');
        for byte in bytes.iter_mut().rev() {
            *byte = labels.next()?.parse().ok()?;
        }
        return labels
            .next()
            .is_none()
            .then(|| Ipv4Addr::from(bytes).into());
    }
    let labels = name.strip_suffix(".ip6.arpa")?;
    let (mut bits, mut count) = (0_u128, 0);
    for label in labels.split('.') {
        let digit = label
            .chars()
            .next()
            .filter(|_| label.len() == 1)?
            .to_digit(16)?;
        bits = bits >> 4 | u128::from(digit) << 124;
        count += 1;
    }
    (count == 32).then(|| Ipv6Addr::from(bits).into())
}
