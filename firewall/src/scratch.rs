//! A table that cannot outlive us, for rules that observe packets.
//!
//! It belongs to our netlink socket, so nobody else can flush it and the kernel removes it
//! with the socket, even after kill -9. In the normal case it is deleted by a transaction
//! when it has served. The kernel tidies up after that in the background, and makes the
//! closing of any nftables socket wait for that, some ten milliseconds: so all steps share
//! one connection, and whoever keeps it open never waits.

use warren_sys_nft::{Batch, Error, Nft, Table};

use crate::ruleset::FAMILY;

/// Before connection tracking (−200) and everything users load.
pub(crate) const FIRST: i32 = -500;

/// The table; it goes with this value.
pub(crate) struct Scratch<'a> {
    nft: &'a mut Nft,
    table: Table,
}

impl<'a> Scratch<'a> {
    /// Makes the table `warren_<purpose>_<pid>` and what `fill` adds for a table of that name.
    pub(crate) fn create(
        nft: &'a mut Nft,
        purpose: &str,
        fill: impl FnOnce(&mut Batch, &str),
    ) -> Result<Self, Error> {
        let name = format!("warren_{purpose}_{}", std::process::id());
        let table = Table::new(FAMILY, &name).owned();
        let mut batch = Batch::new();
        batch.add_table(&table);
        fill(&mut batch, &name);
        nft.commit(&batch)?;
        Ok(Scratch { nft, table })
    }

    /// What the counters of a chain's rules counted, in order.
    pub(crate) fn counts(&mut self, chain: &str) -> Result<Vec<u64>, Error> {
        let rules = self
            .nft
            .list_rules((FAMILY, self.table.name.as_str(), chain))?;
        Ok(rules
            .iter()
            .map(|listed| listed.rule.counted().map_or(0, |(packets, _)| packets))
            .collect())
    }
}

impl Drop for Scratch<'_> {
    fn drop(&mut self) {
        let mut batch = Batch::new();
        batch.delete_table(&self.table);
        // If this fails, closing the socket does it, more slowly.
        let _ = self.nft.commit(&batch);
    }
}
