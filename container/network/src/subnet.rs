//! The subnet pool: which container has which address. Pure; `state` keeps it on disk.
//!
//! A container that names no network gets a subnet of its own, the lowest free one of
//! [`DYNAMIC_BITS`] prefix bits in the pool. One that names a subnet shares it with all that name
//! the same; such subnets lie outside the pool and overlap no other in use. A subnet is in use
//! while a container is in it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::address::{Subnet, split};

#[cfg(test)]
mod tests;

/// Prefix length of a subnet from the pool, and of a named one that gives none.
pub const DYNAMIC_BITS: u8 = 30;

/// The network a container asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// Any.
    Dynamic,
    /// The lowest free address of this subnet.
    Subnet(Subnet),
    /// This address.
    Address {
        /// The subnet it is in.
        subnet: Subnet,
        /// The address.
        address: Ipv4Addr,
    },
}

/// What a container has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lease {
    /// Its subnet.
    pub subnet: Subnet,
    /// Its address in there.
    pub address: Ipv4Addr,
}

/// Why there is no address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text names no network.
    #[error(
        "network {0:?} is neither empty nor an IPv4 address with at most 30 prefix bits \
         (a.b.c.d or a.b.c.d/n)"
    )]
    Syntax(String),
    /// Every subnet of the pool is in use.
    #[error("no free subnet is left in the pool {pool}")]
    PoolExhausted {
        /// The pool.
        pool: Subnet,
    },
    /// Every address of the subnet is in use.
    #[error("no free address is left in the subnet {subnet}")]
    SubnetFull {
        /// The subnet.
        subnet: Subnet,
    },
    /// The subnet has addresses of the pool.
    #[error("the requested subnet {subnet} overlaps the pool {pool}")]
    OverlapsPool {
        /// What was asked for.
        subnet: Subnet,
        /// The pool.
        pool: Subnet,
    },
    /// The subnet has addresses of another one in use.
    #[error("the requested subnet {subnet} overlaps {other}, which is in use")]
    OverlapsSubnet {
        /// What was asked for.
        subnet: Subnet,
        /// The other.
        other: Subnet,
    },
    /// The address is the bridge's.
    #[error("a container IP must not equal the gateway IP")]
    Gateway,
    /// The address is the subnet's last.
    #[error("a container IP must not equal the broadcast IP")]
    Broadcast,
    /// Another container has the address.
    #[error("the requested IP {0} is already in use")]
    AddressInUse(Ipv4Addr),
}

impl Request {
    /// Reads what a client asks for: nothing, `a.b.c.d/n`, or `a.b.c.d` (which means `/30`).
    /// An address with bits behind the prefix asks for itself, else for its subnet.
    ///
    /// # Errors
    /// [`Error::Syntax`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(Self::Dynamic);
        }
        let found = split(text, DYNAMIC_BITS)
            .and_then(|(address, bits)| Some((address, Subnet::containing(address, bits)?)));
        match found {
            Some((address, subnet)) if address == subnet.base() => Ok(Self::Subnet(subnet)),
            Some((address, subnet)) => Ok(Self::Address { subnet, address }),
            None => Err(Error::Syntax(text.to_owned())),
        }
    }
}

/// All subnets and addresses in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetPool {
    pool: Subnet,
    in_use: BTreeMap<Subnet, BTreeSet<Ipv4Addr>>,
}

impl SubnetPool {
    /// A pool of which nothing is in use.
    #[must_use]
    pub fn new(pool: Subnet) -> Self {
        Self {
            pool,
            in_use: BTreeMap::new(),
        }
    }

    /// How many containers can have a subnet from the pool.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.pool.count(DYNAMIC_BITS)
    }

    /// Whether any container is in the subnet.
    #[must_use]
    pub fn is_in_use(&self, subnet: Subnet) -> bool {
        self.in_use.contains_key(&subnet)
    }

    /// Takes an address.
    ///
    /// # Errors
    /// All of [`Error`] but [`Error::Syntax`]; nothing is taken then.
    pub fn acquire(&mut self, request: Request) -> Result<Lease, Error> {
        let lease = match request {
            Request::Dynamic => self.free_subnet()?,
            Request::Subnet(subnet) => {
                self.check(subnet)?;
                let taken = self.in_use.get(&subnet);
                let is_free = |address: &Ipv4Addr| taken.is_none_or(|all| !all.contains(address));
                let address = subnet.container_addresses().find(is_free);
                let address = address.ok_or(Error::SubnetFull { subnet })?;
                Lease { subnet, address }
            }
            Request::Address { subnet, address } => {
                if address == subnet.gateway() {
                    return Err(Error::Gateway);
                }
                if address == subnet.broadcast() {
                    return Err(Error::Broadcast);
                }
                self.check(subnet)?;
                if self
                    .in_use
                    .get(&subnet)
                    .is_some_and(|all| all.contains(&address))
                {
                    return Err(Error::AddressInUse(address));
                }
                Lease { subnet, address }
            }
        };
        self.adopt(lease);
        Ok(lease)
    }

    /// Notes a lease that was given out before, by this pool or one with other bounds.
    pub fn adopt(&mut self, lease: Lease) {
        let addresses = self.in_use.entry(lease.subnet).or_default();
        addresses.insert(lease.address);
    }

    /// Gives an address back. No effect if it is not in use.
    pub fn release(&mut self, lease: Lease) {
        if let Some(addresses) = self.in_use.get_mut(&lease.subnet) {
            addresses.remove(&lease.address);
            if addresses.is_empty() {
                self.in_use.remove(&lease.subnet);
            }
        }
    }

    fn free_subnet(&self) -> Result<Lease, Error> {
        let pool = self.pool;
        // Subnets in use are sorted, so the search passes over each of them once.
        (0..self.capacity())
            .filter_map(|index| pool.nth(DYNAMIC_BITS, index))
            .find(|subnet| self.overlapping(*subnet).is_none())
            .and_then(|subnet| {
                let address = subnet.container_addresses().next()?;
                Some(Lease { subnet, address })
            })
            .ok_or(Error::PoolExhausted { pool })
    }

    fn check(&self, subnet: Subnet) -> Result<(), Error> {
        if self.in_use.contains_key(&subnet) && !subnet.overlaps(self.pool) {
            return Ok(());
        }
        if subnet.overlaps(self.pool) {
            let pool = self.pool;
            return Err(Error::OverlapsPool { subnet, pool });
        }
        match self.overlapping(subnet) {
            Some(other) => Err(Error::OverlapsSubnet { subnet, other }),
            None => Ok(()),
        }
    }

    /// A subnet in use that overlaps this one. As those in use overlap each other only where
    /// they were adopted so, looking at the nearest on both sides is enough for new ones; the
    /// adopted are few.
    fn overlapping(&self, subnet: Subnet) -> Option<Subnet> {
        let last = Subnet::containing(subnet.broadcast(), 30)?;
        let mut near = self.in_use.range(..=last).rev().map(|(other, _)| *other);
        let first = near.next()?;
        if first.overlaps(subnet) {
            return Some(first);
        }
        near.next().filter(|other| other.overlaps(subnet))
    }
}
