//! Whom to ask, and whom first.
//!
//! All are taken to know the same. The one that answered last is asked first; one that fails is
//! asked last from then on, so that a server that is down costs its timeout once.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Servers in their order.
#[derive(Debug, Default)]
pub struct Recursors {
    servers: Vec<SocketAddr>,
    first: AtomicUsize,
}

impl Recursors {
    /// These, the first one first.
    #[must_use]
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Self {
            servers,
            first: AtomicUsize::new(0),
        }
    }

    /// All of them.
    #[must_use]
    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// All of them in the order in which they are to be asked, with their numbers.
    pub fn in_order(&self) -> impl Iterator<Item = (usize, SocketAddr)> + '_ {
        let (first, count) = (self.first.load(Ordering::Relaxed), self.servers.len());
        (0..count).map(move |step| {
            let number = (first + step) % count;
            (number, self.servers[number])
        })
    }

    /// One did not answer, or not to the point.
    pub fn failed(&self, number: usize) {
        let next = (number + 1) % self.servers.len().max(1);
        // If it is no longer the first one, somebody else has seen it, too.
        let _ = self
            .first
            .compare_exchange(number, next, Ordering::Relaxed, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::Recursors;

    #[test]
    fn one_that_fails_is_asked_last() {
        let servers = [1, 2, 3].map(|n| ([10, 0, 0, n], 53).into());
        let recursors = Recursors::new(servers.to_vec());
        let order = || recursors.in_order().map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(order(), [0, 1, 2]);
        recursors.failed(1);
        assert_eq!(order(), [0, 1, 2]);
        recursors.failed(0);
        recursors.failed(0);
        assert_eq!(order(), [1, 2, 0]);
        recursors.failed(1);
        recursors.failed(2);
        assert_eq!(order(), [0, 1, 2]);
        assert_eq!(Recursors::default().in_order().count(), 0);
        Recursors::default().failed(0);
    }
}
