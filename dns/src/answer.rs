//! A message to a decision. Pure but for the order of addresses, which is by chance.
//!
//! | what is asked | decision |
//! |---|---|
//! | no query, an answer | silence |
//! | another operation, another form | `NOTIMP`, `FORMERR` |
//! | another class than that of the Internet | `REFUSED` |
//! | `upcheck.bosh-dns` | 127.0.0.1 |
//! | a name below one of our roots | addresses; nothing for other kinds of records; `NXDOMAIN`, `FORMERR` |
//! | the same before there are records | `SERVFAIL`: ask again |
//! | the name of an address that records have | names |
//! | a name below a handler's domain | ask its servers |
//! | all else | ask the servers of `/etc/resolv.conf` |
//!
//! Of roots and domains the longest counts.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use warren_lib_dns::{
    Code, Data, INTERNET, Query, Refused, Reply, TCP, encode_name, kind, refusal,
};

use crate::names::Snapshot;
use crate::recursors::Recursors;
use crate::zone::{Unresolved, address_of, suffixes};

/// The name by which one sees that the server answers; its root is nobody else's.
pub const UPCHECK: &str = "upcheck.bosh-dns";
const UPCHECK_ROOT: &str = "bosh-dns";

/// How a message came, and its answer goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    /// Packets.
    Udp,
    /// A stream.
    Tcp,
}

impl Carrier {
    /// How long an answer to a query may be.
    #[must_use]
    pub fn limit(self, query: &Query<'_>) -> usize {
        match self {
            Self::Udp => query.udp_limit(),
            Self::Tcp => TCP,
        }
    }
}

/// What to do about a message.
#[derive(Debug)]
pub enum Decision<'a> {
    /// Nothing.
    Silence,
    /// Say this.
    Say(Vec<u8>),
    /// Ask somebody.
    Ask {
        /// What.
        query: Query<'a>,
        /// Whom.
        recursors: Arc<Recursors>,
        /// Whether the answer may be told again.
        cached: bool,
    },
}

/// Decides.
#[must_use]
pub fn decide<'a>(message: &'a [u8], names: &Snapshot, carrier: Carrier) -> Decision<'a> {
    let query = match Query::parse(message) {
        Ok(query) => query,
        Err(Refused::Silent) => return Decision::Silence,
        Err(refused) => {
            let code = match refused {
                Refused::Operation => Code::NotImplemented,
                _ => Code::Format,
            };
            return refusal(message, code).map_or(Decision::Silence, Decision::Say);
        }
    };
    let say = |code: Code, answers: Vec<Data>| {
        let reply = Reply {
            query: &query,
            code,
            authoritative: true,
            answers,
        };
        Decision::Say(reply.encode(carrier.limit(&query)))
    };
    if query.edns.is_some_and(|edns| edns.version != 0) {
        return say(Code::Good, Vec::new());
    }
    if query.class != INTERNET {
        return say(Code::Refused, Vec::new());
    }
    if suffixes(&query.name).any(|suffix| suffix == UPCHECK_ROOT) {
        return match &*query.name == UPCHECK {
            true => say(
                Code::Good,
                of_kind([Ipv4Addr::LOCALHOST.into()], query.kind),
            ),
            false => say(Code::NoName, Vec::new()),
        };
    }
    let handler = names.handler_of(&query.name);
    let root = names.zone.root_of(&query.name);
    if let Some(root) = root
        && handler.is_none_or(|handler| handler.domain.len() <= root.len())
    {
        return match names.zone.resolve(&query.name) {
            Ok(addresses) => say(Code::Good, of_kind(shuffled(addresses), query.kind)),
            Err(Unresolved::Malformed) => say(Code::Format, Vec::new()),
            Err(Unresolved::Unknown) if names.zone.version.is_none() => {
                say(Code::Failure, Vec::new())
            }
            Err(Unresolved::Unknown) => say(Code::NoName, Vec::new()),
        };
    }
    if matches!(query.kind, kind::PTR | kind::ANY)
        && let Some(address) = address_of(&query.name)
    {
        let known = names.zone.names_of(address).iter();
        let known: Vec<Data> = known
            .filter_map(|name| encode_name(name))
            .map(Data::Ptr)
            .collect();
        if !known.is_empty() {
            return say(Code::Good, known);
        }
    }
    let (recursors, cached) = match handler {
        Some(handler) => (Arc::clone(&handler.recursors), handler.cached),
        None => (Arc::clone(&names.recursors), true),
    };
    Decision::Ask {
        query,
        recursors,
        cached,
    }
}

/// The answer that nobody could be asked, or has answered.
#[must_use]
pub fn failure(query: &Query<'_>) -> Vec<u8> {
    let reply = Reply {
        query,
        code: Code::Failure,
        authoritative: false,
        answers: Vec::new(),
    };
    reply.encode(TCP)
}

fn of_kind(addresses: impl IntoIterator<Item = IpAddr>, wanted: u16) -> Vec<Data> {
    let fits = |address: &IpAddr| match wanted {
        kind::A => address.is_ipv4(),
        kind::AAAA => address.is_ipv6(),
        kind::ANY => true,
        _ => false,
    };
    addresses.into_iter().filter(fits).map(Data::from).collect()
}

/// Askers take the first: each shall have its turn. One number by chance for all steps: the order
/// need not be a secret.
fn shuffled(mut addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    if addresses.len() < 2 {
        return addresses;
    }
    // The generator xorshift32 of Marsaglia, which must not begin with 0.
    let mut state = random() | 1;
    for at in (1..addresses.len()).rev() {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        addresses.swap(at, state as usize % (at + 1));
    }
    addresses
}

/// A number by chance.
pub(crate) fn random() -> u32 {
    let mut bytes = [0; 4];
    // Without any entropy at all the order is fixed, and numbers of queries can be guessed; the
    // source port and the connected socket are left.
    let _ = rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty());
    u32::from_ne_bytes(bytes)
}

#[cfg(test)]
mod tests;
