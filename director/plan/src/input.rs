//! What is known before anything is decided.

use std::collections::BTreeMap;

use serde_json::{Map, Value};
use warren_wire_manifest::cloud_config::CloudConfig;
use warren_wire_manifest::deployment::Deployment;
use warren_wire_release::JobSpec;

/// Everything that a plan follows from.
#[derive(Clone, Copy)]
pub struct Input<'a> {
    /// Who plans.
    pub director: &'a Director,
    /// What is wanted: versions resolved, addons merged, placeholders only where they may be.
    pub deployment: &'a Deployment,
    /// What it is made of.
    pub cloud: &'a CloudConfig,
    /// The releases of the manifest.
    pub releases: &'a [Release],
    /// The stemcells of the manifest, one for each alias.
    pub stemcells: &'a [Stemcell],
    /// What there is.
    pub existing: &'a Existing,
    /// Addresses in use anywhere in this director.
    pub taken: &'a [Taken],
    /// Links that other deployments share.
    pub providers: &'a [Provider],
    /// Numbers of names.
    pub ids: &'a NameIds,
    /// What the deploy was asked for besides its manifest.
    pub options: &'a Options,
    /// Cloud properties of machines by id of the instance, resolved; those that are not here have no
    /// placeholders. Only who may be swapped is looked up.
    pub resolved: &'a BTreeMap<String, Value>,
    /// What CPIs make of the sizes of machines.
    pub sizes: &'a crate::machine::Sizes,
    /// Makes ids for instances that are new.
    pub new_id: &'a (dyn Fn() -> String + Sync),
}

/// What the director's own configuration says.
#[derive(Debug, Clone)]
pub struct Director {
    /// Its name.
    pub name: String,
    /// The root of all DNS names, `bosh`.
    pub domain: String,
    /// Whether addresses are names where the manifest says nothing.
    pub use_dns_addresses: bool,
    /// Whether names of instances by number exist too.
    pub include_index: bool,
}

/// A version of a release.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its key in the store.
    pub id: i64,
    /// Its jobs.
    pub jobs: Vec<Job>,
    /// Its packages.
    pub packages: Vec<Package>,
}

/// A job of a release.
#[derive(Debug, Clone)]
pub struct Job {
    /// Its name.
    pub name: String,
    /// Nearly always its fingerprint.
    pub version: String,
    /// Its archive.
    pub blobstore_id: String,
    /// Digests of the archive.
    pub sha1: String,
    /// Names of its packages.
    pub packages: Vec<String>,
    /// What it says of itself.
    pub spec: JobSpec,
}

/// A package of a release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Its key in the store.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Nearly always its fingerprint.
    pub version: String,
    /// Its fingerprint.
    pub fingerprint: String,
    /// Its source and the digests of that; `None` if it came compiled.
    pub source: Option<(String, String)>,
    /// Names of packages that it is compiled with.
    pub dependencies: Vec<String>,
    /// What it was compiled to.
    pub compiled: Vec<Compiled>,
}

/// A compiled package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// On which system.
    pub os: String,
    /// On which version of it.
    pub version: String,
    /// Versions of all that it was compiled with.
    pub dependency_key: String,
    /// How often it had been compiled there.
    pub build: i64,
    /// Its archive.
    pub blobstore_id: String,
    /// Digests of the archive.
    pub sha1: String,
}

/// A stemcell that an alias of the manifest means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stemcell {
    /// The alias.
    pub alias: String,
    /// As its maker calls it.
    pub name: String,
    /// Its system.
    pub os: String,
    /// Its version.
    pub version: String,
    /// What its agent understands.
    pub api_version: Option<i64>,
    /// Its id by CPI; `""` without CPI config.
    pub cids: BTreeMap<String, String>,
    /// Its key in the store by CPI.
    pub ids: BTreeMap<String, i64>,
}

/// What there is of the deployment.
#[derive(Debug, Clone, Default)]
pub struct Existing {
    /// Its instances, but those that only compile.
    pub instances: Vec<Instance>,
}

/// An instance that there is.
#[derive(Debug, Clone)]
pub struct Instance {
    /// Its key in the store.
    pub id: i64,
    /// Its group when it was last seen.
    pub group: String,
    /// Its number.
    pub index: i64,
    /// Its id for people.
    pub uuid: String,
    /// Where it is.
    pub az: Option<String>,
    /// Whether it is its group's first.
    pub bootstrap: bool,
    /// Whether it is left alone.
    pub ignored: bool,
    /// `started`, `stopped` or `detached`.
    pub state: String,
    /// Whether its latest update came to its end.
    pub update_completed: bool,
    /// What it was last made to be.
    pub spec: Option<Value>,
    /// What its agent says, if it has one that was asked.
    pub agent: AgentState,
    /// Its machine.
    pub vm: Option<Vm>,
    /// Machines that wait to take its machine's place, oldest first.
    pub spares: Vec<Spare>,
    /// Its disks that count.
    pub disks: Vec<Disk>,
}

/// What an agent says.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum AgentState {
    /// There is no machine, or it was not asked.
    #[default]
    Unknown,
    /// Its answer to `get_state`.
    Says(Value),
    /// It did not answer, and that is to be fixed.
    Unresponsive,
}

/// A machine.
#[derive(Debug, Clone, PartialEq)]
pub struct Vm {
    /// Its key in the store.
    pub id: i64,
    /// What the CPI calls it.
    pub cid: String,
    /// When it was made, Unix time.
    pub created_at: i64,
    /// The stemcell it was made of.
    pub stemcell: Option<(String, String)>,
    /// The environment that it was made with, placeholders kept.
    pub env: Option<Value>,
    /// What the CPI was given, resolved then.
    pub cloud_properties: Option<Value>,
    /// Settings of its networks by name, placeholders kept.
    pub networks: Option<Value>,
}

/// A machine that waits to take another's place.
#[derive(Debug, Clone, PartialEq)]
pub struct Spare {
    /// The machine.
    pub vm: Vm,
    /// Whether its agent answers.
    pub answers: bool,
}

/// A disk.
#[derive(Debug, Clone, PartialEq)]
pub struct Disk {
    /// What the CPI calls it.
    pub cid: String,
    /// Empty for the one that is mounted.
    pub name: String,
    /// MiB.
    pub size: u64,
    /// What the CPI was given.
    pub cloud_properties: Value,
}

/// An address in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// Its key in the store.
    pub id: i64,
    /// With its prefix.
    pub address: String,
    /// The network it was taken from.
    pub network: String,
    /// Whether the manifest named it.
    pub is_static: bool,
    /// Whose it is.
    pub instance: Option<i64>,
    /// The key of the machine that has it.
    pub vm: Option<i64>,
    /// How messages call the owner.
    pub owner: String,
}

/// A link that another deployment shares.
#[derive(Debug, Clone, PartialEq)]
pub struct Provider {
    /// The deployment.
    pub deployment: String,
    /// Its group.
    pub group: String,
    /// The job, disk or variable.
    pub owner: String,
    /// The link's type.
    pub kind: String,
    /// Its name in the manifest.
    pub name: String,
    /// What it says.
    pub content: Value,
    /// Its key in the store.
    pub id: i64,
}

/// Numbers of names, for short DNS names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NameIds {
    /// Availability zones.
    pub azs: BTreeMap<String, i64>,
    /// Networks.
    pub networks: BTreeMap<String, i64>,
    /// Groups by type (`instance-group` or `link`) and name.
    pub groups: BTreeMap<(String, String), i64>,
}

/// What a deploy was asked for besides its manifest.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Make machines anew.
    pub recreate: bool,
    /// Only those made before this, Unix time.
    pub recreate_before: Option<i64>,
    /// Make disks anew.
    pub recreate_persistent_disks: bool,
    /// Make machines anew whose agent does not answer.
    pub fix: bool,
    /// Changes of state.
    pub change: Option<StateChange>,
    /// Whether machines may be made before those whose place they take end.
    pub may_swap: bool,
    /// Tags that every machine gets.
    pub tags: Map<String, Value>,
}

/// A change of state of some instances.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateChange {
    /// `started`, `stopped`, `detached`, `restart` or `recreate`.
    pub state: String,
    /// All groups if `None`.
    pub group: Option<String>,
    /// Index or id; all instances if `None`.
    pub id: Option<String>,
}
