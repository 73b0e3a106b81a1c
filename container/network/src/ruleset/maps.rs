//! The maps that lead packets to containers' chains, and each container's elements in them.

use std::net::IpAddr;

use warren_sys_nft::{DataType, Element, Family, Key, Set, Verdict};

use super::{FAMILY, Ruleset, subnet_chain};
use crate::record::Record;

impl Ruleset<'_> {
    pub(super) fn set(&self, name: &str, key: DataType) -> Set {
        Set::new(FAMILY, &*self.table.name, name, key)
    }

    pub(super) fn bridges(&self) -> Set {
        self.set("bridges", DataType::IfName)
    }

    pub(super) fn senders(&self, family: Family) -> Set {
        let (name, address) = if family == Family::Ip {
            ("senders4", DataType::Ipv4Addr)
        } else {
            ("senders6", DataType::Ipv6Addr)
        };
        self.set(name, DataType::Concat(vec![DataType::IfName, address]))
            .mapping_to(DataType::Verdict)
    }

    pub(super) fn ports(&self) -> Set {
        let key = DataType::Concat(vec![DataType::InetProto, DataType::InetService]);
        self.set("ports", key).mapping_to(DataType::Verdict)
    }

    /// Keyed by whole addresses, not by subnets: what a container's own packets depend on then
    /// changes with that container alone, and never while a neighbouring interval does.
    pub(super) fn sources(&self, family: Family) -> Set {
        let (name, address) = if family == Family::Ip {
            ("sources4", DataType::Ipv4Addr)
        } else {
            ("sources6", DataType::Ipv6Addr)
        };
        self.set(name, address).mapping_to(DataType::Verdict)
    }

    pub(super) fn bridge_element(&self, record: &Record) -> Element {
        let bridge = self.settings.tag.bridge(record.lease.subnet);
        Element::new(Key::ifname(&bridge))
    }

    pub(super) fn sender_elements(&self, record: &Record) -> Vec<(Set, Element)> {
        let bridge = self.settings.tag.bridge(record.lease.subnet);
        let chain = self.from(record).name;
        let element = |(address, _): (IpAddr, u8)| {
            let key = Key::concat([Key::ifname(&bridge), Key::from(address)]);
            let element = Element::new(key).to_verdict(Verdict::Goto(chain.clone()));
            (self.senders(family(address)), element)
        };
        record.addresses().into_iter().map(element).collect()
    }

    pub(super) fn port_elements(&self, record: &Record) -> Vec<Element> {
        let chain = self.into(record).name;
        let element = |mapping: &crate::record::Mapping| {
            let transport = Key::protocol(mapping.transport.number());
            let key = Key::concat([transport, Key::port(mapping.host_port)]);
            Element::new(key).to_verdict(Verdict::Goto(chain.clone()))
        };
        record.mappings.iter().map(element).collect()
    }

    pub(super) fn source_elements(&self, record: &Record) -> Vec<(Set, Element)> {
        let chain = subnet_chain(record.lease.subnet);
        let element = |(address, _): (IpAddr, u8)| {
            let element = Element::new(address).to_verdict(Verdict::Goto(chain.clone()));
            (self.sources(family(address)), element)
        };
        record.addresses().into_iter().map(element).collect()
    }
}

fn family(address: IpAddr) -> Family {
    if address.is_ipv4() {
        Family::Ip
    } else {
        Family::Ip6
    }
}
