//! The table in the kernel: read it, change it. Thin; what to change is `plan`'s.

use warren_sys_nft::{Batch, Nft};

use crate::plan::Actual;
use crate::ruleset::{FAMILY, TABLE};

/// Somebody may change the ruleset between our reading and our writing, but not for ever.
const TRIES: usize = 50;

/// The kernel would not list or change the table.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No netlink socket for nftables.
    #[error("cannot reach nftables")]
    Open(#[source] warren_sys_nft::Error),
    /// Listing failed.
    #[error("cannot read the table inet {TABLE}")]
    List(#[source] warren_sys_nft::Error),
    /// The transaction was refused; nothing of it is in force.
    #[error("cannot change the table inet {TABLE}")]
    Commit(#[source] warren_sys_nft::Error),
}

/// A connection to nftables in this network namespace.
pub struct Kernel {
    nft: Nft,
}

impl Kernel {
    /// Connects.
    ///
    /// # Errors
    /// [`Error::Open`].
    pub fn open() -> Result<Self, Error> {
        Nft::open().map(|nft| Kernel { nft }).map_err(Error::Open)
    }

    /// The table as it is.
    ///
    /// # Errors
    /// [`Error::List`].
    pub fn read(&mut self) -> Result<Actual, Error> {
        self.read_at().map(|(actual, _)| actual)
    }

    /// Plans on the table as it is and carries the plan out, whole or not at all; plans again
    /// if the ruleset changed in between. `make` gives an empty batch where nothing is to do.
    ///
    /// # Errors
    /// `make`'s, [`Error::List`] or [`Error::Commit`].
    pub fn update<T, E: From<Error>>(
        &mut self,
        mut make: impl FnMut(&Actual) -> Result<(Batch, T), E>,
    ) -> Result<T, E> {
        let mut tries = 0;
        loop {
            let (actual, generation) = self.read_at()?;
            let (batch, outcome) = make(&actual)?;
            if batch.is_empty() {
                return Ok(outcome);
            }
            tries += 1;
            match self.nft.commit_if(&batch, generation) {
                Ok(()) => return Ok(outcome),
                Err(warren_sys_nft::Error::Stale { .. }) if tries < TRIES => {}
                Err(error) => return Err(Error::Commit(error).into()),
            }
        }
    }

    /// The connection, for steps that work on tables of their own.
    pub(crate) fn nft(&mut self) -> &mut Nft {
        &mut self.nft
    }

    fn read_at(&mut self) -> Result<(Actual, u32), Error> {
        let mut ruleset = self
            .nft
            .table_ruleset((FAMILY, TABLE))
            .map_err(Error::List)?;
        Ok((
            Actual {
                table: ruleset.tables.pop(),
            },
            ruleset.generation,
        ))
    }
}
