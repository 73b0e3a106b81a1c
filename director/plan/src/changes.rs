//! Why an instance must be updated, if at all.
//!
//! Source: reference of the deploy engine, section 14. One difference: an instance of which only names
//! and tags changed is not restarted; anything else restarts all its jobs, as in stock, but a change of
//! certificates beside one of names is not lost.

use serde_json::{Map, Value};

use crate::json::sorted;
use crate::output::State;
use crate::{AgentState, Instance, Options};

/// A reason, by the name that events have for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the reason of that name")]
pub enum Change {
    Dirty,
    Restart,
    Recreate,
    RecreatePersistentDisks,
    CloudProperties,
    Stemcell,
    Env,
    Network,
    Packages,
    PersistentDisk,
    Configuration,
    Job,
    State,
    Dns,
    TrustedCerts,
    BlobstoreConfig,
    NatsConfig,
    Tags,
}

impl Change {
    /// As events have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Change::Dirty => "dirty",
            Change::Restart => "restart",
            Change::Recreate => "recreate",
            Change::RecreatePersistentDisks => "recreate_persistent_disks",
            Change::CloudProperties => "cloud_properties",
            Change::Stemcell => "stemcell",
            Change::Env => "env",
            Change::Network => "network",
            Change::Packages => "packages",
            Change::PersistentDisk => "persistent_disk",
            Change::Configuration => "configuration",
            Change::Job => "job",
            Change::State => "state",
            Change::Dns => "dns",
            Change::TrustedCerts => "trusted_certs",
            Change::BlobstoreConfig => "blobstore_config",
            Change::NatsConfig => "nats_config",
            Change::Tags => "tags",
        }
    }

    /// Whether the machine has to be made anew for it.
    #[must_use]
    pub fn needs_new_vm(self) -> bool {
        matches!(
            self,
            Change::Recreate
                | Change::CloudProperties
                | Change::Stemcell
                | Change::Env
                | Change::Network
        )
    }

    /// Whether it can be made without touching jobs.
    #[must_use]
    pub fn is_minor(self) -> bool {
        matches!(self, Change::Dns | Change::Tags)
    }
}

/// What an instance shall be, everything resolved that is compared resolved.
#[derive(Debug, Clone, Default)]
pub struct Desired {
    /// Of the machine, resolved.
    pub cloud_properties: Value,
    /// What the machine's row says, resolved with the variables of then.
    pub old_cloud_properties: Value,
    /// Name and version.
    pub stemcell: (String, String),
    /// Placeholders kept.
    pub env: Value,
    /// Settings of networks by name, resolved.
    pub networks: Map<String, Value>,
    /// Settings that the machine has, resolved with the variables of then.
    pub old_networks: Map<String, Value>,
    /// Whether addresses are given back or newly reserved.
    pub addresses_change: bool,
    /// `packages` of the apply spec.
    pub packages: Value,
    /// `job` of the apply spec.
    pub job: Value,
    /// Of the rendered templates.
    pub configuration_hash: String,
    /// Name, size and resolved cloud properties of wanted disks.
    pub disks: Vec<(String, u64, Value)>,
    /// Whether names have to be written.
    pub dns_change: bool,
    /// Whether the machine has other certificates, blobstore or bus settings.
    pub certs_change: bool,
    /// See above.
    pub blobstore_change: bool,
    /// See above.
    pub nats_change: bool,
    /// Whether tags differ from those of the last deploy.
    pub tags_change: bool,
    /// What it shall be.
    pub state: Option<State>,
    /// `restart` or `recreate`.
    pub once: Option<String>,
    /// Make it anew, by option.
    pub recreate: bool,
    /// Make its disks anew, by option.
    pub recreate_disks: bool,
}

/// All reasons, in the order of events.
#[must_use]
pub fn of(instance: &Instance, desired: &Desired) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut add = |is_so: bool, change| {
        if is_so {
            changes.push(change);
        }
    };
    let saved = instance.spec.as_ref();
    // An instance that was never updated, as that of an errand before it runs, has none of what it needs.
    let is_first = saved.is_none() && !instance.update_completed;
    let saved_at = |key: &str| saved.and_then(|spec| spec.get(key)).unwrap_or(&Value::Null);
    add(!instance.update_completed, Change::Dirty);
    add(desired.once.as_deref() == Some("restart"), Change::Restart);
    let unresponsive = instance.agent == AgentState::Unresponsive;
    add(
        desired.recreate || desired.once.as_deref() == Some("recreate") || unresponsive,
        Change::Recreate,
    );
    add(
        desired.recreate_disks && !instance.disks.is_empty(),
        Change::RecreatePersistentDisks,
    );
    if let Some(vm) = &instance.vm {
        let differs = |one: &Value, two: &Value| sorted(one) != sorted(two);
        add(
            differs(&desired.cloud_properties, &desired.old_cloud_properties),
            Change::CloudProperties,
        );
        let stemcell = vm.stemcell.as_ref();
        add(
            stemcell.is_some_and(|stemcell| *stemcell != desired.stemcell),
            Change::Stemcell,
        );
        add(
            vm.env
                .as_ref()
                .is_some_and(|env| differs(env, &desired.env)),
            Change::Env,
        );
        add(
            desired.addresses_change || networks_differ(&desired.networks, &desired.old_networks),
            Change::Network,
        );
    }
    let packages = sorted(&desired.packages);
    if saved.is_some() {
        add(sorted(saved_at("packages")) != packages, Change::Packages);
    } else if is_first {
        let needs_any = packages.as_object().is_some_and(|all| !all.is_empty());
        add(needs_any, Change::Packages);
    }
    add(disks_differ(instance, desired), Change::PersistentDisk);
    if saved.is_some() {
        add(
            saved_at("configuration_hash").as_str() != Some(desired.configuration_hash.as_str()),
            Change::Configuration,
        );
        add(job(saved_at("job")) != job(&desired.job), Change::Job);
    } else if is_first {
        add(
            !desired.configuration_hash.is_empty(),
            Change::Configuration,
        );
    }
    add(state_differs(instance, desired), Change::State);
    add(desired.dns_change, Change::Dns);
    if instance.vm.is_some() {
        add(desired.certs_change, Change::TrustedCerts);
        add(desired.blobstore_change, Change::BlobstoreConfig);
        add(desired.nats_change, Change::NatsConfig);
        add(desired.tags_change, Change::Tags);
    }
    changes
}

/// Whether a machine is too young to be made anew because somebody asked for it. One whose last update
/// did not come to its end is not, whatever its age.
#[must_use]
pub fn is_young(options: &Options, instance: &Instance) -> bool {
    options.recreate_before.is_some_and(|before| {
        let machine = instance.vm.as_ref();
        instance.update_completed && machine.is_some_and(|vm| vm.created_at >= before)
    })
}

/// Settings are compared without the name that belongs to the address.
pub(crate) fn networks_differ(one: &Map<String, Value>, two: &Map<String, Value>) -> bool {
    let plain = |map: &Map<String, Value>| -> Value {
        map.iter()
            .map(|(name, settings)| {
                let mut settings = settings.clone();
                if let Value::Object(settings) = &mut settings {
                    settings.remove("dns_record_name");
                    // A dynamic network's address is the infrastructure's.
                    if settings.get("type").and_then(Value::as_str) == Some("dynamic") {
                        for key in ["ip", "netmask", "gateway"] {
                            settings.remove(key);
                        }
                    }
                }
                (name.clone(), sorted(&settings))
            })
            .collect::<Map<_, _>>()
            .into()
    };
    sorted(&plain(one)) != sorted(&plain(two))
}

fn disks_differ(instance: &Instance, desired: &Desired) -> bool {
    let mut there: Vec<(String, u64, Value)> = instance
        .disks
        .iter()
        .map(|disk| (disk.name.clone(), disk.size, sorted(&disk.cloud_properties)))
        .collect();
    let mut wanted: Vec<(String, u64, Value)> = desired
        .disks
        .iter()
        .map(|(name, size, properties)| (name.clone(), *size, sorted(properties)))
        .collect();
    there.sort_by(|one, two| one.0.cmp(&two.0));
    wanted.sort_by(|one, two| one.0.cmp(&two.0));
    there != wanted
}

/// The job's name, and its templates by name.
fn job(spec: &Value) -> (Option<String>, Vec<Value>) {
    let name = spec
        .get("name")
        .and_then(Value::as_str)
        .map(ToOwned::to_owned);
    let mut templates: Vec<Value> = spec
        .get("templates")
        .and_then(Value::as_array)
        .map(|list| list.iter().map(sorted).collect())
        .unwrap_or_default();
    templates.sort_by_key(|template| template.get("name").map(ToString::to_string));
    (name, templates)
}

fn state_differs(instance: &Instance, desired: &Desired) -> bool {
    let Some(state) = desired.state else {
        return false;
    };
    match (&instance.agent, state) {
        (_, State::Detached) => instance.vm.is_some(),
        (AgentState::Unresponsive, _) => true,
        (AgentState::Unknown, _) => instance.vm.is_none(),
        (AgentState::Says(says), state) => {
            let is_running = says.get("job_state").and_then(Value::as_str) == Some("running");
            instance.state != state.word()
                || (state == State::Started && !is_running)
                || (state == State::Stopped && is_running)
        }
    }
}
