//! The nftables table: from settings and records to chains, maps and rules. Pure.
//!
//! One table, `inet warren_garden`, holds everything; nothing outside of it is touched. Rules
//! that concern one container are in chains of its own, which maps lead to, so a packet costs the
//! same with one container and with a thousand, and a container comes or goes without listing.
//!
//! ```text
//! forward      from a bridge of ours: map senders4/6 (bridge . source) -> from_ID; IPv4 of
//!              connections that stand; else drop
//!   from_ID    established; net-out rules, newest first; own subnet; -> defaults
//!   defaults   deny networks: reject; else on
//! input        from a bridge of ours -> to_host
//!   to_host    established; IPv6 neighbours; name server; then host access or reject
//! prerouting   map ports (protocol . port) -> to_ID
//! output       the same, for connections of the host itself
//!   to_ID      at an external address: to the container's address and port
//! postrouting  map sources4/6 (source) -> nat_SUBNET
//!   nat_SUBNET within the subnet: as it is, unless by way of a mapped port; else masquerade
//! ```
//!
//! An accept here ends this table's say only: a base chain of another table may still drop, see
//! [`crate::foreign`].

use warren_sys_nft::{
    Batch, Chain, ChainId, ChainType, Family, Hook, Policy, Rule, Table, TableId, priority,
};

use crate::address::Subnet;
use crate::record::Record;
use crate::settings::Settings;

mod maps;
mod rules;
#[cfg(test)]
mod tests;

/// Family of the table.
pub const FAMILY: Family = Family::Inet;

/// Longest comment the kernel's user data and the nft command take, in bytes.
const COMMENT: usize = 128;

/// Writes the batches of one table.
pub(crate) struct Ruleset<'a> {
    settings: &'a Settings,
    table: TableId,
}

impl<'a> Ruleset<'a> {
    pub(crate) fn new(settings: &'a Settings) -> Self {
        Self {
            settings,
            table: settings.tag.table(),
        }
    }

    /// Table, maps and shared chains as they should be; changes nothing that is so already.
    pub(crate) fn base(&self) -> Batch {
        let mut batch = self.scaffold();
        let chains = [
            (self.forward(), self.forward_rules()),
            (self.chain("defaults"), self.default_rules()),
            (self.input(), vec![self.bridged().jump("to_host")]),
            (self.chain("to_host"), self.host_rules()),
            (
                self.nat("prerouting", Hook::Prerouting, priority::DSTNAT),
                vec![rules::ports()],
            ),
            (
                self.nat("output", Hook::Output, priority::DSTNAT),
                vec![rules::ports()],
            ),
            (
                self.nat("postrouting", Hook::Postrouting, priority::SRCNAT),
                rules::sources(),
            ),
        ];
        for (chain, _) in &chains {
            batch.add_chain(chain);
        }
        for (chain, rules) in chains {
            fill(&mut batch, &chain, rules);
        }
        batch
    }

    /// Table and maps, empty or not.
    fn scaffold(&self) -> Batch {
        let mut batch = Batch::new();
        batch.add_table(&Table::new(FAMILY, &*self.table.name));
        for set in [
            self.bridges(),
            self.senders(Family::Ip),
            self.senders(Family::Ip6),
            self.ports(),
            self.sources(Family::Ip),
            self.sources(Family::Ip6),
        ] {
            batch.add_set(&set);
        }
        batch
    }

    /// One container as it should be, its subnet included; needs [`Ruleset::base`] before it.
    pub(crate) fn container(&self, record: &Record) -> Batch {
        let mut batch = Batch::new();
        let (from, into) = (self.from(record), self.into(record));
        let subnet = self.chain(subnet_chain(record.lease.subnet));
        for chain in [&from, &into, &subnet] {
            batch.add_chain(chain);
        }
        fill(&mut batch, &from, self.outbound_rules(record));
        fill(&mut batch, &into, self.inbound_rules(record));
        fill(&mut batch, &subnet, self.subnet_rules(record));
        batch.add_elements(&self.bridges(), [self.bridge_element(record)]);
        for (set, element) in self.sender_elements(record) {
            batch.add_elements(&set, [element]);
        }
        let mapped = self.port_elements(record);
        if !mapped.is_empty() {
            batch.add_elements(&self.ports(), mapped);
        }
        for (set, element) in self.source_elements(record) {
            batch.add_elements(&set, [element]);
        }
        batch
    }

    /// Removes what [`Ruleset::container`] adds, as far as it is there; with `and_subnet` the
    /// subnet too, which no other container may be in.
    pub(crate) fn without_container(&self, record: &Record, and_subnet: bool) -> Batch {
        // The steps below need the table and the maps to be there.
        let mut batch = self.scaffold();
        for (set, element) in self.sender_elements(record) {
            batch.destroy_elements(&set, [element]);
        }
        let mapped = self.port_elements(record);
        if !mapped.is_empty() {
            batch.destroy_elements(&self.ports(), mapped);
        }
        for (set, element) in self.source_elements(record) {
            batch.destroy_elements(&set, [element]);
        }
        if and_subnet {
            batch.destroy_elements(&self.bridges(), [self.bridge_element(record)]);
            batch.destroy_chain(&self.chain(subnet_chain(record.lease.subnet)));
        }
        batch.destroy_chain(&self.from(record));
        batch.destroy_chain(&self.into(record));
        batch
    }

    /// The whole table for these containers, in place of whatever has its name; no table if
    /// there are none.
    pub(crate) fn whole<'r>(&self, records: impl IntoIterator<Item = &'r Record>) -> Batch {
        let mut batch = self.nothing();
        let mut records = records.into_iter().peekable();
        if records.peek().is_some() {
            batch.append(self.base());
        }
        for record in records {
            batch.append(self.container(record));
        }
        batch
    }

    /// No table at all.
    pub(crate) fn nothing(&self) -> Batch {
        let mut batch = Batch::new();
        batch.destroy_table(&self.table);
        batch
    }

    fn chain(&self, name: impl Into<String>) -> Chain {
        Chain::new(FAMILY, &*self.table.name, name)
    }

    fn forward(&self) -> Chain {
        self.chain("forward").hooked(
            ChainType::Filter,
            Hook::Forward,
            priority::FILTER,
            Policy::Accept,
        )
    }

    fn input(&self) -> Chain {
        self.chain("input").hooked(
            ChainType::Filter,
            Hook::Input,
            priority::FILTER,
            Policy::Accept,
        )
    }

    fn nat(&self, name: &str, hook: Hook, priority: i32) -> Chain {
        self.chain(name)
            .hooked(ChainType::Nat, hook, priority, Policy::Accept)
    }

    fn from(&self, record: &Record) -> Chain {
        self.chain(format!("from_{}", record.id()))
            .with_comment(comment(&record.handle))
    }

    fn into(&self, record: &Record) -> Chain {
        self.chain(format!("to_{}", record.id()))
            .with_comment(comment(&record.handle))
    }
}

fn subnet_chain(subnet: Subnet) -> String {
    format!("nat_{:08x}", u32::from(subnet.base()))
}

fn fill(batch: &mut Batch, chain: &Chain, rules: Vec<Rule>) {
    let id = ChainId::from(chain);
    batch.flush_chain(&id);
    for rule in rules {
        batch.add_rule(&id, rule);
    }
}

/// The handle as far as it fits and without what would break a line.
fn comment(handle: &str) -> String {
    cut(handle, COMMENT)
}

fn cut(text: &str, bytes: usize) -> String {
    let mut cut = String::new();
    for c in text.chars().map(|c| if c.is_control() { '?' } else { c }) {
        if cut.len() + c.len_utf8() > bytes {
            break;
        }
        cut.push(c);
    }
    cut
}
