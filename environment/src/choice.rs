//! Which networks and which letter an environment has.
//!
//! Two environments of one machine need other networks and other letters. A new one takes what nobody has that
//! is in sight. One that rests is not in sight: others may take what it had, so it looks again before it starts.
//! Another letter costs nothing then, as nothing is left that has the old one; its addresses cannot change, as
//! certificates and machines have them, so whoever has them is named. One that is being started is not in sight
//! either, but has [`Claims`]: what is to be had is claimed first and looked at then, as whoever had the claim before
//! can be seen by the time that he lets go of it.

use std::path::Path;
use std::time::Duration;

use crate::claims::Claims;
use crate::neighbours::{Holder, Neighbours, is_bridge};
use crate::{Error, Level, Record, network, server};

const TAGS: &[u8; 36] = b"abcdefghijklmnopqrstuvwxyz0123456789";
/// What belonged to one that was killed goes a moment after it.
const PATIENCE: Duration = Duration::from_secs(2);

/// All letters and digits, in an order that is the home's own: it gets the same each time, if that is free.
fn tags(home: &Path) -> impl Iterator<Item = char> {
    let bytes = home.as_os_str().as_encoded_bytes();
    let sum = bytes.iter().fold(0_usize, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(usize::from(*byte))
    });
    let all = TAGS.iter().cycle().skip(sum % TAGS.len());
    all.take(TAGS.len()).map(|tag| char::from(*tag))
}

/// Looks at the machine.
type Look<'a> = &'a dyn Fn() -> Result<Neighbours, Error>;

/// The first of some that is free, and claimed now.
fn first<T: Copy>(
    all: impl Iterator<Item = T>,
    look: Look<'_>,
    is_free: impl Fn(&Neighbours, T) -> bool,
    mut claim: impl FnMut(T) -> Result<bool, Error>,
) -> Result<Option<T>, Error> {
    let mut seen = look()?;
    for one in all {
        if !is_free(&seen, one) || !claim(one)? {
            continue;
        }
        // Who had claimed it until now is in sight by now.
        seen = look()?;
        if is_free(&seen, one) {
            return Ok(Some(one));
        }
    }
    Ok(None)
}

/// The first of some networks that nobody has; if wider ones have all of them, as that of a VPN may, the first of which
/// nobody has a part.
fn first_network(
    all: &[[u8; 2]],
    look: Look<'_>,
    claims: &mut dyn Claims,
) -> Result<[u8; 2], Error> {
    let is_apart = |seen: &Neighbours, network| seen.is_free(network);
    let is_within = |seen: &Neighbours, network| seen.holder(network, |_| false).is_none();
    let mut claim = |network| claims.take(&network_name(network), Duration::ZERO);
    let apart = first(all.iter().copied(), look, is_apart, &mut claim)?;
    let found = match apart {
        Some(network) => Some(network),
        None => first(all.iter().copied(), look, is_within, &mut claim)?,
    };
    found.ok_or(Error::NoNetwork)
}

fn first_tag(
    all: impl Iterator<Item = char>,
    look: Look<'_>,
    claims: &mut dyn Claims,
) -> Result<char, Error> {
    let is_free = |seen: &Neighbours, tag| !seen.has_tag(tag);
    let claim = |tag: char| claims.take(&tag.to_string(), Duration::ZERO);
    first(all, look, is_free, claim)?.ok_or(Error::NoTag)
}

/// Makes sure that an environment of which nothing runs can be started beside what there is by now.
pub(crate) fn admit(
    home: &Path,
    record: &mut Record,
    executable: &Path,
    claims: &mut dyn Claims,
) -> Result<(), Error> {
    let machine = Level::machine(home);
    claim_networks(home, [record.machines, record.levels], claims)?;
    if !server::all(&machine, executable).is_empty() {
        return Ok(());
    }
    let depot = machine.here("garden/depot");
    let has_left = depot.join(machine.container(record)).exists();
    let tag = admitted(home, record, has_left, &|| Neighbours::of(home), claims)?;
    if tag != record.tag {
        record.tag = tag;
        record.write(home)?;
    }
    Ok(())
}

/// Claims networks, or refuses them, if one that is being started has claimed them.
fn claim_networks(
    home: &Path,
    networks: [[u8; 2]; 2],
    claims: &mut dyn Claims,
) -> Result<(), Error> {
    for network in networks {
        if !claims.take(&network_name(network), PATIENCE)? {
            return Err(Error::taken(home, network, Holder::Starting));
        }
    }
    Ok(())
}

fn network_name([a, b]: [u8; 2]) -> String {
    format!("{a}_{b}")
}

/// Refuses to start an environment whose addresses somebody has by now; the letter that it may have.
/// `has_left` some containers: then what has its letter may be its own.
fn admitted(
    home: &Path,
    record: &Record,
    has_left: bool,
    look: Look<'_>,
    claims: &mut dyn Claims,
) -> Result<char, Error> {
    let seen = look()?;
    let is_mine = has_left && seen.servers.iter().all(|other| other.tag != record.tag);
    let is_ours = |link: &str| is_mine && is_bridge(record.tag, link);
    seen.admit(home, [record.machines, record.levels], is_ours)?;
    match has_left {
        true => Ok(record.tag),
        false => first_tag(std::iter::once(record.tag).chain(tags(home)), look, claims),
    }
}

/// What a new environment gets: the networks of machines, unless they are given, and of levels, and its letter.
pub(crate) fn choose(
    home: &Path,
    machines: Option<[u8; 2]>,
    claims: &mut dyn Claims,
) -> Result<([u8; 2], [u8; 2], char), Error> {
    chosen(home, machines, &|| Neighbours::of(home), claims)
}

fn chosen(
    home: &Path,
    machines: Option<[u8; 2]>,
    look: Look<'_>,
    claims: &mut dyn Claims,
) -> Result<([u8; 2], [u8; 2], char), Error> {
    let machines = match machines {
        None => first_network(&network::MACHINES, look, claims)?,
        Some(network) => {
            claim_networks(home, [network; 2], claims)?;
            look()?.admit(home, [network; 2], |_| false)?;
            network
        }
    };
    // Machines do not have those of levels, if they are given.
    let levels: Vec<[u8; 2]> = network::LEVELS
        .into_iter()
        .filter(|network| *network != machines)
        .collect();
    let levels = first_network(&levels, look, claims)?;
    Ok((machines, levels, first_tag(tags(home), look, claims)?))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::collections::BTreeSet;
    use std::sync::Barrier;

    use super::*;
    use crate::claims::Pretended;
    use crate::neighbours::{Other, Used};

    fn used(address: &str, bits: u8, link: &str) -> Used {
        Used {
            address: address.parse().unwrap(),
            bits,
            link: link.to_owned(),
        }
    }

    /// Another environment runs that has this letter and these addresses.
    fn beside(tag: char, network: &str) -> Neighbours {
        let link = format!("w{tag}brdg-0aff0000");
        Neighbours {
            links: vec!["lo".to_owned(), link.clone()],
            used: vec![used(network, 30, &link)],
            servers: vec![Other {
                home: "/other".into(),
                tag,
            }],
        }
    }

    /// Whether one may start, where nobody else is being started.
    fn admitted(neighbours: &Neighbours, has_left: bool) -> Result<char, Error> {
        let (home, record) = (Path::new("/home"), Record::example());
        let claims = &mut Pretended::default();
        let look = || Ok(neighbours.clone());
        super::admitted(home, &record, has_left, &look, claims)
    }

    /// What a new one gets.
    fn chosen(
        neighbours: &Neighbours,
        home: &str,
        claims: &mut Pretended,
    ) -> Result<([u8; 2], [u8; 2], char), Error> {
        super::chosen(Path::new(home), None, &|| Ok(neighbours.clone()), claims)
    }

    #[test]
    fn addresses_that_somebody_took_are_refused_by_name() {
        let record = Record::example();
        let said = |neighbours: &Neighbours| admitted(neighbours, false).unwrap_err().to_string();
        let said_of_other = said(&beside('x', "10.255.0.1"));
        for words in [
            "10.255.0.0/16",
            "the environment in /other",
            "WARREN_HOME=/other warren stop",
        ] {
            assert!(said_of_other.contains(words), "{said_of_other}");
        }
        let mut docker = Neighbours::default();
        docker.used.push(used("10.0.0.0", 8, "vpn0"));
        admitted(&docker, false).unwrap();
        assert!(!docker.is_free(record.machines));
        docker.used.push(used("10.244.3.1", 24, "docker0"));
        let said = said(&docker);
        assert!(
            said.contains("10.244.0.0/16") && said.contains("the link docker0"),
            "{said}"
        );
    }

    #[test]
    fn what_is_left_of_ones_own_is_in_nobodys_way() {
        let record = Record::example();
        let mut own = beside(record.tag, "10.255.0.1");
        own.servers.clear();
        assert_eq!(admitted(&own, true).unwrap(), record.tag);
        // It is not ours if nothing of ours can be left.
        admitted(&own, false).unwrap_err();
        // Nor if another runs with the same letter.
        admitted(&beside(record.tag, "10.255.0.1"), true).unwrap_err();
    }

    #[test]
    fn a_letter_that_somebody_took_is_changed_for_a_free_one() {
        let record = Record::example();
        let neighbours = beside(record.tag, "10.250.0.1");
        let tag = admitted(&neighbours, false).unwrap();
        assert!(tag != record.tag && !neighbours.has_tag(tag), "{tag}");
        let nobody = Neighbours::default();
        assert_eq!(admitted(&nobody, false).unwrap(), record.tag);
        // A new one has the same letter each time, unless that is taken.
        let new = |neighbours: &Neighbours| {
            let claims = &mut Pretended::default();
            chosen(neighbours, "/home", claims).map(|(_, _, tag)| tag)
        };
        let usual = new(&nobody).unwrap();
        assert_eq!(new(&nobody).unwrap(), usual);
        assert_ne!(new(&beside(usual, "10.250.0.1")).unwrap(), usual);
        let links = TAGS
            .iter()
            .map(|tag| format!("w{}brdg-0aff0000", char::from(*tag)));
        let all = Neighbours {
            links: links.collect(),
            ..Neighbours::default()
        };
        let said = new(&all).unwrap_err().to_string();
        assert!(said.contains("36 environments"), "{said}");
    }

    #[test]
    fn what_is_used_is_left_alone_and_what_is_wider_if_it_can_be() {
        let machines = |addresses: &[(&str, u8)]| {
            let addresses = addresses.iter();
            let neighbours = Neighbours {
                used: addresses
                    .map(|(address, bits)| used(address, *bits, "eth0"))
                    .collect(),
                ..Neighbours::default()
            };
            let claims = &mut Pretended::default();
            let chosen = chosen(&neighbours, "/home", claims).ok();
            chosen.map(|(machines, levels, _)| [machines, levels])
        };
        let usual = Some([[10, 244], [10, 255]]);
        assert_eq!(machines(&[]), usual);
        assert_eq!(machines(&[("0.0.0.0", 0), ("::", 0)]), usual);
        assert_eq!(
            machines(&[("10.244.3.1", 24)]),
            Some([[10, 245], [10, 255]])
        );
        assert_eq!(
            machines(&[("10.244.0.0", 15)]),
            Some([[10, 246], [10, 255]])
        );
        assert_eq!(
            machines(&[("10.255.0.9", 32)]),
            Some([[10, 244], [10, 243]])
        );
        assert_eq!(machines(&[("10.0.0.0", 8)]), usual);
        let vpn = [("10.0.0.0", 8), ("10.244.0.0", 16)];
        assert_eq!(machines(&vpn), Some([[10, 245], [10, 255]]));
        let all: Vec<String> = (240..=255)
            .map(|second| format!("10.{second}.0.1"))
            .collect();
        let all: Vec<(&str, u8)> = all.iter().map(|address| (address.as_str(), 24)).collect();
        assert_eq!(machines(&all), None);
    }

    /// Five homes, as there are networks of levels for no more.
    #[test]
    fn who_chooses_in_the_same_moment_chooses_something_else() {
        let nobody = Neighbours::default();
        let (all, others) = (Barrier::new(5), Pretended::default());
        let chosen: Vec<_> = std::thread::scope(|scope| {
            let choose = || {
                let mut claims = others.beside();
                all.wait();
                let chosen = chosen(&nobody, "/home", &mut claims);
                // Nobody lets go before all have chosen.
                all.wait();
                chosen.unwrap()
            };
            let choosing: Vec<_> = (0..5).map(|_| scope.spawn(choose)).collect();
            choosing
                .into_iter()
                .map(|one| one.join().unwrap())
                .collect()
        });
        let machines: BTreeSet<_> = chosen.iter().map(|one| one.0).collect();
        let levels: BTreeSet<_> = chosen.iter().map(|one| one.1).collect();
        let tags: BTreeSet<_> = chosen.iter().map(|one| one.2).collect();
        assert_eq!((machines.len(), levels.len(), tags.len()), (5, 5, 5));
    }

    /// Whoever claims it is seen only in the moment that he lets go.
    #[test]
    fn what_was_claimed_until_now_is_looked_at_again() {
        let looks = Cell::new(0);
        let look = || {
            looks.set(looks.get() + 1);
            Ok(match looks.get() {
                1 => Neighbours::default(),
                _ => beside('x', "10.244.0.1"),
            })
        };
        let claims = &mut Pretended::default();
        let (machines, _, _) = super::chosen(Path::new("/home"), None, &look, claims).unwrap();
        assert_eq!(machines, [10, 245]);
    }

    #[test]
    fn one_that_is_being_started_goes_first() {
        let (home, record) = (Path::new("/home"), Record::example());
        let networks = [record.machines, record.levels];
        let mut first = Pretended::default();
        let mut next = first.beside();
        claim_networks(home, networks, &mut first).unwrap();
        let error = claim_networks(home, networks, &mut next).unwrap_err();
        let said = error.to_string();
        assert!(said.contains("is being started just now: wait"), "{said}");
        let look = || Ok(Neighbours::default());
        let given = Some(record.machines);
        let error = super::chosen(home, given, &look, &mut next).unwrap_err();
        assert_eq!(error.to_string(), said);
        // A letter is changed instead.
        let letter = record.tag.to_string();
        assert!(first.take(&letter, Duration::ZERO).unwrap());
        let tag = super::admitted(home, &record, false, &look, &mut next).unwrap();
        assert_ne!(tag, record.tag);
        drop(first);
        claim_networks(home, networks, &mut next).unwrap();
    }
}
