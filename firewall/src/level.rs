//! At which level `socket cgroupv2` sees a cgroup: measured, never assumed.
//!
//! Kernels differ: the level counts from the real root, or from the root of the rule
//! loader's cgroup namespace (6.11 and stable branches, not 5.15). So a table of our own
//! counts one datagram at every level. The table belongs to our netlink socket: nobody
//! else can flush it, and the kernel removes it with the socket, even after kill -9.
//! Its chain comes before all others, so no foreign rule can hide the datagram.

use std::net::{Ipv4Addr, SocketAddr};
use std::os::fd::BorrowedFd;

use rustix::io::Errno;
use serde::Serialize;
use warren_sys_nft::{Batch, Chain, Hook, Nft, Rule};
use warren_sys_process::packet::{self, Attempt, Outcome, Transport};

use crate::ruleset::{FAMILY, base};
use crate::scratch::{FIRST, Scratch};

/// Deeper trees exist nowhere; the kernel's own bound is 255 minus our namespace's depth.
const DEEPEST: u32 = 64;
/// Discard: nothing listens there, and nothing needs to.
const DISCARD: u16 = 9;
const CHAIN: &str = "levels";

/// What the measurement saw.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Level {
    /// The level at which the cgroup's id matches.
    pub level: u32,
    /// The level of the sender's own cgroup; deeper than `level` if it is below that cgroup.
    pub sender: u32,
}

/// Why the level is not known.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The counting rules were not accepted.
    #[error("cannot load the rules that measure the cgroup level")]
    Load(#[source] warren_sys_nft::Error),
    /// The counters could not be read.
    #[error("cannot read the counters of the cgroup level")]
    Read(#[source] warren_sys_nft::Error),
    /// No source port.
    #[error("cannot reserve a port for the level probe: {0}")]
    Port(#[source] Errno),
    /// The sending process could not be made or could not enter the cgroup.
    #[error("cannot send from inside the cgroup")]
    Sender(#[source] packet::Error),
    /// The datagram was refused before netfilter saw it.
    #[error("the probe datagram to 127.0.0.1 was not sent; is the loopback device up?")]
    NotSent(#[source] Errno),
    /// It was sent and no rule of ours counted it.
    #[error("the kernel's output hook did not see the probe datagram")]
    NotSeen,
    /// No level matched.
    #[error("the socket's cgroup is {sender} levels deep and none of them has id {id}")]
    NoMatch {
        /// The id looked for.
        id: u64,
        /// How deep the sender was found.
        sender: u32,
    },
}

/// Measures the level of the cgroup `id` with a datagram sent from inside `cgroup`
/// (`None`: the caller's own).
///
/// # Errors
/// [`Error`]; nothing is left behind in any case.
pub fn measure(nft: &mut Nft, id: u64, cgroup: Option<BorrowedFd<'_>>) -> Result<Level, Error> {
    let port = packet::reserve_port(Transport::Udp, false).map_err(Error::Port)?;
    let fill = |batch: &mut Batch, table: &str| counting_rules(batch, table, port.port, id);
    let mut scratch = Scratch::create(nft, "level", fill).map_err(Error::Load)?;
    let attempt = Attempt {
        transport: Transport::Udp,
        source_port: port.port,
        destination: SocketAddr::from((Ipv4Addr::LOCALHOST, DISCARD)),
    };
    let sent = packet::send_from(cgroup, &[attempt]).map_err(Error::Sender)?;
    let counts = scratch.counts(CHAIN).map_err(Error::Read)?;
    match sent.first() {
        // An ICMP answer to an earlier datagram is no failure of this one.
        Some(Outcome::Failed(errno)) if counts.first() == Some(&0) => Err(Error::NotSent(*errno)),
        _ => interpret(id, &counts),
    }
}

fn counting_rules(batch: &mut Batch, table: &str, port: u16, id: u64) {
    let probe = || {
        Rule::new()
            .ip_daddr(Ipv4Addr::LOCALHOST)
            .udp_dport(DISCARD)
            .udp_sport(port)
    };
    batch.add_chain(&base(table, CHAIN, Hook::Output, FIRST));
    let chain = Chain::new(FAMILY, table, CHAIN);
    for level in 0..=DEEPEST {
        batch.add_rule(&chain, probe().socket_cgroupv2_exists(level).counter());
        batch.add_rule(&chain, probe().socket_cgroupv2(level, id).counter());
    }
}

/// Reads pairs of counters, one pair a level: "has an ancestor here", "that ancestor is the id".
fn interpret(id: u64, counts: &[u64]) -> Result<Level, Error> {
    let pairs = || counts.chunks_exact(2).zip(0u32..);
    let sender = pairs()
        .filter(|(pair, _)| pair[0] > 0)
        .map(|(_, level)| level)
        .last();
    let sender = sender.ok_or(Error::NotSeen)?;
    let matched = pairs()
        .find(|(pair, _)| pair[1] > 0)
        .map(|(_, level)| level);
    let level = matched.ok_or(Error::NoMatch { id, sender })?;
    Ok(Level { level, sender })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_name_the_level_and_the_senders_depth() {
        let below = interpret(7, &[1, 0, 1, 1, 1, 0, 0, 0]).unwrap();
        assert_eq!(
            below,
            Level {
                level: 1,
                sender: 2
            }
        );
        assert!(matches!(interpret(7, &[0, 0]), Err(Error::NotSeen)));
        assert!(matches!(
            interpret(7, &[1, 0, 1, 0]),
            Err(Error::NoMatch { id: 7, sender: 1 })
        ));
    }
}
