//! The port pool: host ports for mappings that name none, and who has which. Pure.
//!
//! A port that was given back is reused last, so that late packets of its former user do not
//! reach the next one. A port that a client names is taken out of the pool as well.

use std::collections::{BTreeSet, VecDeque};

use serde::{Deserialize, Serialize};

#[cfg(test)]
mod tests;

/// Transport of a port mapping.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// TCP.
    #[default]
    Tcp,
    /// UDP.
    Udp,
}

impl Transport {
    /// IP protocol number.
    #[must_use]
    pub const fn number(self) -> u8 {
        match self {
            Self::Tcp => 6,
            Self::Udp => 17,
        }
    }
}

/// The host ports that mappings without one are given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortRange {
    /// First.
    pub first: u16,
    /// How many; those beyond 65535 do not count.
    pub count: u16,
}

impl Default for PortRange {
    /// 61001 to 65534, above the ephemeral ports of Linux.
    fn default() -> Self {
        Self {
            first: 61001,
            count: 4534,
        }
    }
}

impl PortRange {
    fn ports(self) -> impl Iterator<Item = u16> {
        let end = u32::from(self.first) + u32::from(self.count);
        (u32::from(self.first)..end).filter_map(|port| u16::try_from(port).ok())
    }

    fn contains(self, port: u16) -> bool {
        port >= self.first && u32::from(port) < u32::from(self.first) + u32::from(self.count)
    }
}

/// Why there is no port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// All are in use.
    #[error("port pool is exhausted")]
    Exhausted,
    /// The port is mapped already.
    #[error("host port {port} is already mapped")]
    InUse {
        /// Which.
        port: u16,
    },
}

/// All host ports in use, and the free ones of the pool in the order they will be used.
#[derive(Debug, Clone)]
pub struct PortPool {
    range: PortRange,
    free: VecDeque<u16>,
    taken: BTreeSet<(u16, Transport)>,
}

impl PortPool {
    /// A pool of which nothing is in use and that gives out `start` first, if it has that port.
    #[must_use]
    pub fn new(range: PortRange, start: u16) -> Self {
        let (before, after): (Vec<u16>, Vec<u16>) = range.ports().partition(|port| *port < start);
        Self {
            range,
            free: after.into_iter().chain(before).collect(),
            taken: BTreeSet::new(),
        }
    }

    /// Takes the next free port of the pool.
    ///
    /// # Errors
    /// [`Error::Exhausted`].
    pub fn acquire(&mut self, transport: Transport) -> Result<u16, Error> {
        let port = self.free.pop_front().ok_or(Error::Exhausted)?;
        self.taken.insert((port, transport));
        Ok(port)
    }

    /// Takes this port, of the pool or not.
    ///
    /// # Errors
    /// [`Error::InUse`].
    pub fn take(&mut self, transport: Transport, port: u16) -> Result<(), Error> {
        if !self.taken.insert((port, transport)) {
            return Err(Error::InUse { port });
        }
        if self.range.contains(port) {
            self.free.retain(|free| *free != port);
        }
        Ok(())
    }

    /// Gives a port back. No effect if it is not in use.
    pub fn release(&mut self, transport: Transport, port: u16) {
        let was_taken = self.taken.remove(&(port, transport));
        let is_free = [Transport::Tcp, Transport::Udp]
            .into_iter()
            .all(|any| !self.taken.contains(&(port, any)));
        if was_taken && is_free && self.range.contains(port) {
            self.free.push_back(port);
        }
    }
}
