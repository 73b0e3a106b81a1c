//! A second table that closes the protected ports while the first one is missing.
//!
//! Whoever may change the ruleset can flush it, and would open monit and NATS to
//! everyone until the rules are back. The guard refuses new connections that do not carry
//! the mark `bosh_agent` puts on every packet it judges. Its table belongs to our netlink
//! socket: another process's `flush ruleset` leaves it standing, and the kernel removes it
//! when the process ends. So a flush closes the ports and never opens them.

use warren_sys_nft::{Batch, Chain, Hook, Nft, Table};

use crate::policy::Policy;
use crate::resolve::Target;
use crate::ruleset::{
    COMMENT_OTHERS, Destination, FAMILY, JUDGED, PRIORITY, base, deny, monit_destinations,
    nats_destinations, not_judged, ports,
};

/// Name of the guard's table.
pub const TABLE: &str = "warren_guard";
const CHAIN: &str = "unjudged";

/// The guard; it stands for as long as this value lives.
pub struct Guard {
    nft: Nft,
    places: Vec<Destination>,
}

impl Guard {
    /// Puts up the guard, not yet closing anything.
    ///
    /// # Errors
    /// Another process holds a table of this name: a second watcher.
    pub fn stand() -> Result<Self, warren_sys_nft::Error> {
        let mut nft = Nft::open()?;
        let mut batch = Batch::new();
        batch.create_table(&Table::new(FAMILY, TABLE).owned());
        nft.commit(&batch)?;
        Ok(Guard {
            nft,
            places: Vec::new(),
        })
    }

    /// Guards the places of this policy, in one transaction, if they are not guarded yet.
    /// To be called after the rules that mark packets are in force.
    ///
    /// # Errors
    /// The kernel's.
    pub fn cover(
        &mut self,
        policy: &Policy,
        targets: &[Target],
    ) -> Result<(), warren_sys_nft::Error> {
        let mut places = monit_destinations(policy);
        places.extend(nats_destinations(targets).map(|(place, _)| place));
        if places == self.places {
            return Ok(());
        }
        self.nft.commit(&rules(policy, &places))?;
        self.places = places;
        Ok(())
    }
}

fn rules(policy: &Policy, places: &[Destination]) -> Batch {
    let chain = base(TABLE, CHAIN, Hook::Output, PRIORITY + 1);
    let mut batch = Batch::new();
    batch.add_chain(&chain);
    batch.flush_chain(&chain);
    let chain = Chain::new(FAMILY, TABLE, CHAIN);
    for rule in not_judged(&ports(places)) {
        batch.add_rule(&chain, rule);
    }
    for place in places {
        let unjudged = place.rule().mark_lacks(JUDGED).counter();
        batch.add_rule(
            &chain,
            deny(unjudged, policy.deny).with_comment(COMMENT_OTHERS),
        );
        // The mark has done its duty and is nobody else's business.
        batch.add_rule(&chain, place.rule().mark_clear_bits(JUDGED));
    }
    batch
}
