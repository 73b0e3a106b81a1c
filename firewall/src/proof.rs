//! Real packets through the rules in force: the agent's pass, an outsider's do not.
//!
//! Each sender uses a source port reserved for it. A witness chain before all others
//! counts what was sent; a trap chain right after ours counts and drops what was let
//! through, so that no proof packet reaches monit or NATS. Both live in a table that the
//! kernel removes with our socket. A packet that was not witnessed proves nothing.

use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use serde::Serialize;
use warren_sys_nft::{Batch, Chain, Hook, Nft};
use warren_sys_process::packet::{self, Attempt, Outcome, ReservedPort, Transport};

use crate::ruleset::{Destination, FAMILY, PRIORITY, base};
use crate::scratch::{FIRST, Scratch};

/// After our chains (−1) and the guard's (0).
const TRAP: i32 = PRIORITY + 2;

/// Who sent a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sender {
    /// A process in the agent's cgroup.
    Agent,
    /// A process of the same user in a cgroup of its own.
    Outsider,
}

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "seen")]
pub enum Seen {
    /// It passed our chains.
    LetThrough,
    /// It was sent and did not pass them.
    Refused,
    /// It never reached netfilter.
    NotSent {
        /// Why, as the sender saw it.
        reason: String,
    },
}

/// One packet, what was due and what was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// Where to, as `ADDRESS:PORT`.
    pub destination: SocketAddr,
    /// From whom.
    pub sender: Sender,
    /// Whether it has to pass.
    pub due: bool,
    /// What became of it.
    #[serde(flatten)]
    pub seen: Seen,
}

impl Check {
    /// `None` where the packet could not be sent: nobody reaches that place at all.
    pub fn holds(&self) -> Option<bool> {
        match self.seen {
            Seen::LetThrough => Some(self.due),
            Seen::Refused => Some(!self.due),
            Seen::NotSent { .. } => None,
        }
    }
}

/// Why nothing could be proved.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The counting rules were not accepted.
    #[error("cannot load the rules that observe the proof packets")]
    Load(#[source] warren_sys_nft::Error),
    /// The counters could not be read.
    #[error("cannot read what became of the proof packets")]
    Read(#[source] warren_sys_nft::Error),
    /// No source port.
    #[error("cannot reserve a port for proof packets: {0}")]
    Port(#[source] Errno),
    /// The sending process could not be made or could not enter its cgroup.
    #[error("cannot send proof packets from the {sender:?}'s cgroup")]
    Send {
        /// Whose.
        sender: Sender,
        /// Why.
        source: packet::Error,
    },
}

/// Where a sender's packets come from.
#[derive(Debug, Clone, Copy)]
pub struct From<'a> {
    /// Who it is.
    pub sender: Sender,
    /// Its cgroup directory; `None` for the caller's own.
    pub cgroup: Option<BorrowedFd<'a>>,
    /// Whether its packets have to pass.
    pub due: bool,
}

/// Sends one packet from each sender to each place and tells what became of it.
///
/// # Errors
/// [`Error`]; nothing is left behind in any case.
pub fn run(
    nft: &mut Nft,
    places: &[Destination],
    senders: &[From<'_>],
) -> Result<Vec<Check>, Error> {
    let ports = senders
        .iter()
        .map(|_| reserve())
        .collect::<Result<Vec<_>, _>>()?;
    let mut flights = Vec::new();
    for (from, (v4, v6)) in senders.iter().zip(&ports) {
        for place in places {
            let held = if place.address.is_ipv6() {
                v6.as_ref()
            } else {
                Some(v4)
            };
            flights.push((*from, *place, held.map(|held| held.port)));
        }
    }
    let fill = |batch: &mut Batch, table: &str| observing_rules(batch, table, &flights);
    let mut scratch = Scratch::create(nft, "proof", fill).map_err(Error::Load)?;
    let mut outcomes = Vec::new();
    for from in senders {
        let attempts: Vec<Attempt> = flights
            .iter()
            .filter(|(of, ..)| of.sender == from.sender)
            .filter_map(|(_, place, port)| attempt(*place, (*port)?))
            .collect();
        let sent = packet::send_from(from.cgroup, &attempts).map_err(|source| Error::Send {
            sender: from.sender,
            source,
        })?;
        outcomes.extend(sent);
    }
    let witnessed = scratch.counts("witness").map_err(Error::Read)?;
    let trapped = scratch.counts("trap").map_err(Error::Read)?;
    Ok(interpret(&flights, &outcomes, &witnessed, &trapped))
}

/// Sender, place, and the source port that tells its packet from others.
type Flight<'a> = (From<'a>, Destination, Option<u16>);

/// IPv6 may be absent; IPv4 may not.
fn reserve() -> Result<(ReservedPort, Option<ReservedPort>), Error> {
    let v4 = packet::reserve_port(Transport::Tcp, false).map_err(Error::Port)?;
    Ok((v4, packet::reserve_port(Transport::Tcp, true).ok()))
}

fn attempt(place: Destination, source_port: u16) -> Option<Attempt> {
    Some(Attempt {
        transport: Transport::Tcp,
        source_port,
        destination: SocketAddr::new(place.address, place.port),
    })
}

fn observing_rules(batch: &mut Batch, table: &str, flights: &[Flight<'_>]) {
    for (name, priority) in [("witness", FIRST), ("trap", TRAP)] {
        batch.add_chain(&base(table, name, Hook::Output, priority));
        let chain = Chain::new(FAMILY, table, name);
        for (_, place, port) in flights {
            // A flight without a port is not sent; its rule keeps the numbering.
            let rule = place.rule().tcp_sport(port.unwrap_or(0)).counter();
            batch.add_rule(&chain, if name == "trap" { rule.drop() } else { rule });
        }
    }
}

fn interpret(
    flights: &[Flight<'_>],
    outcomes: &[Outcome],
    witnessed: &[u64],
    trapped: &[u64],
) -> Vec<Check> {
    let mut outcomes = outcomes.iter();
    let mut checks = Vec::new();
    for (index, (from, place, port)) in flights.iter().enumerate() {
        let outcome = port.and_then(|_| outcomes.next());
        let counted = |counts: &[u64]| counts.get(index).is_some_and(|count| *count > 0);
        let seen = if counted(trapped) {
            Seen::LetThrough
        } else if counted(witnessed) {
            Seen::Refused
        } else {
            let reason = match outcome {
                Some(Outcome::Failed(errno)) => errno.to_string(),
                Some(Outcome::Sent) => "netfilter did not see it".to_owned(),
                None => "this kernel has no IPv6".to_owned(),
            };
            Seen::NotSent { reason }
        };
        let destination = SocketAddr::new(place.address, place.port);
        checks.push(Check {
            destination,
            sender: from.sender,
            due: from.due,
            seen,
        });
    }
    checks
}
