//! What was decided.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use warren_wire_manifest::deployment::{Lifecycle, Update};
use warren_wire_manifest::ip::Cidr;

use crate::links::Links;

/// A plan without what only rendering can tell.
#[derive(Debug, Clone)]
pub struct Draft {
    /// In the manifest's order.
    pub groups: Vec<Group>,
    /// Keys of instances whose group is gone.
    pub obsolete: Vec<i64>,
    /// What provides and consumes what.
    pub links: Links,
}

/// An instance group.
#[derive(Debug, Clone)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// Whether it lives.
    pub lifecycle: Lifecycle,
    /// How it is updated.
    pub update: Update,
    /// Place of its stemcell in the input.
    pub stemcell: usize,
    /// Its jobs in order.
    pub jobs: Vec<JobPlan>,
    /// Its packages by name: place of the release and of the package in it.
    pub packages: BTreeMap<String, (usize, usize)>,
    /// Its instances in order of their numbers.
    pub instances: Vec<InstancePlan>,
    /// Keys of instances that are too many.
    pub surplus: Vec<i64>,
    /// Its persistent disks.
    pub disks: Vec<DiskWanted>,
    /// The environment of its machines, placeholders kept.
    pub env: Map<String, Value>,
    /// The kind of its machines, for people.
    pub vm_type: Option<String>,
    /// What its machines must have, if they are of no type.
    pub vm_resources: Option<Value>,
    /// Tags of its machines.
    pub tags: Map<String, Value>,
    /// Whether addresses of its instances are names.
    pub use_dns_addresses: bool,
}

/// A job of a group.
#[derive(Debug, Clone)]
pub struct JobPlan {
    /// Its name.
    pub name: String,
    /// Place of its release in the input.
    pub release: usize,
    /// Place of the job in the release.
    pub job: usize,
    /// Its declared properties with defaults, placeholders kept.
    pub properties: Map<String, Value>,
    /// Its links by name: what consumers see.
    pub links: BTreeMap<String, Value>,
    /// The deployments that links come from if it is another one, by the link's name: their placeholders
    /// are that deployment's.
    pub providers: BTreeMap<String, String>,
    /// Links that it provides and somebody may consume: type, name and number of the group.
    pub provides: Vec<(String, String, String)>,
}

/// A disk that is wanted.
#[derive(Debug, Clone, PartialEq)]
pub struct DiskWanted {
    /// Empty for the one that is mounted.
    pub name: String,
    /// MiB.
    pub size: u64,
    /// For the CPI, placeholders kept.
    pub cloud_properties: Map<String, Value>,
    /// Its type's name.
    pub kind: Option<String>,
}

/// What an instance is to be.
#[derive(Debug, Clone)]
pub struct InstancePlan {
    /// Place in [`Existing`](crate::Existing), if there is one.
    pub existing: Option<usize>,
    /// Its id for people.
    pub uuid: String,
    /// Its number.
    pub index: i64,
    /// Where it is.
    pub az: Option<String>,
    /// The CPI of its zone; empty without CPI config.
    pub cpi: String,
    /// Whether it is the group's first.
    pub bootstrap: bool,
    /// Whether it is left alone.
    pub ignored: bool,
    /// What it shall be.
    pub state: State,
    /// What is to be done once: `restart` or `recreate`.
    pub once: Option<String>,
    /// Its networks in the manifest's order.
    pub networks: Vec<NetworkPlan>,
    /// Keys of addresses that it gives back when it is updated.
    pub obsolete_addresses: Vec<i64>,
    /// Keys of addresses that it gives back at once, as no machine has them.
    pub idle_addresses: Vec<i64>,
    /// Another machine is made before its own ends, and takes its place.
    pub swap: Option<Swap>,
    /// Keys of machines that wait to take its machine's place and shall not any more.
    pub unfit: Vec<i64>,
    /// For the CPI: zone, type and extensions together, placeholders kept.
    pub cloud_properties: Map<String, Value>,
}

/// A machine takes another's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Swap {
    /// The key of the machine that is there for it already; `None` if it has to be made.
    pub spare: Option<i64>,
}

/// What an instance shall be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its jobs run.
    Started,
    /// Its jobs do not run.
    Stopped,
    /// It has no machine.
    Detached,
}

impl State {
    /// As rows and wires have it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            State::Started => "started",
            State::Stopped => "stopped",
            State::Detached => "detached",
        }
    }
}

/// A network of an instance.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkPlan {
    /// Its name.
    pub name: String,
    /// `manual`, `dynamic` or `vip`.
    pub kind: &'static str,
    /// Its address; dynamic networks have none before there is a machine.
    pub address: Option<AddressPlan>,
    /// What an agent and a CPI are told, placeholders kept.
    pub settings: Map<String, Value>,
    /// Whether it is the default for anything.
    pub default: Vec<String>,
    /// Which interface it is on.
    pub nic_group: Option<String>,
}

/// An address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressPlan {
    /// With its prefix.
    pub address: Cidr,
    /// Whether the manifest names it.
    pub is_static: bool,
    /// Where it comes from.
    pub from: Reservation,
}

/// Where an address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reservation {
    /// The instance has it: the row's key.
    Kept(i64),
    /// It is to be reserved.
    New,
}

impl InstancePlan {
    /// `GROUP/UUID (INDEX)`, as events have it.
    #[must_use]
    pub fn title(&self, group: &str) -> String {
        format!("{group}/{} ({})", self.uuid, self.index)
    }

    /// The address that counts: of the network that is the default for `addressable`, else for
    /// `gateway`.
    #[must_use]
    pub fn primary_network(&self) -> Option<&NetworkPlan> {
        let with = |what: &str| {
            self.networks
                .iter()
                .find(|network| network.default.iter().any(|item| item == what))
        };
        with("addressable").or_else(|| with("gateway"))
    }
}
