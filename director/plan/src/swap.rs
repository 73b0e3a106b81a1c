//! Whether another machine takes the place of an instance's own, and who has which addresses then.
//!
//! ```text
//! in place   the machine stays, or ends before the next one is made: addresses are kept
//! swap       the next machine is made first, with addresses of its own; the old one leaves with its
//! ```
//!
//! A group swaps if its manifest says `create-swap-delete` and no network gives it addresses that are
//! listed one by one (static ones, virtual ones), for two machines cannot have the same. An instance of it
//! is swapped if its machine has to be made anew. A machine that an earlier deploy made for that is taken
//! if it is what is wanted now; else it is unfit. One that waits for an instance whose update broke off is
//! a reason by itself, so that the update ends on the machine that was made for it.
//!
//! Source: reference of the deploy engine, sections 10, 14 and 15.

use serde_json::{Map, Value};
use warren_wire_manifest::cloud_config::NetworkKind;
use warren_wire_manifest::deployment::{InstanceGroup, VmStrategy};
use warren_wire_manifest::ip::Cidr;

use crate::addresses::Pool;
use crate::changes::{self, Change, Desired};
use crate::machine;
use crate::networks::networks;
use crate::output::{NetworkPlan, Reservation, State, Swap};
use crate::placement::Placed;
use crate::{AgentState, Error, Input, Instance, Taken, Vm};

/// What the choice follows from.
pub(crate) struct Wanted<'a> {
    pub(crate) input: &'a Input<'a>,
    pub(crate) group: &'a InstanceGroup,
    pub(crate) instance: Option<&'a Instance>,
    pub(crate) place: &'a Placed,
    pub(crate) title: &'a str,
    pub(crate) stemcell: usize,
    pub(crate) state: State,
    pub(crate) once: Option<&'a str>,
    pub(crate) cloud_properties: &'a Map<String, Value>,
}

/// What was chosen; keys of addresses and machines.
#[derive(Default)]
pub(crate) struct Chosen {
    pub(crate) networks: Vec<NetworkPlan>,
    pub(crate) obsolete: Vec<i64>,
    pub(crate) idle: Vec<i64>,
    pub(crate) swap: Option<Swap>,
    pub(crate) unfit: Vec<i64>,
}

/// Whether machines of a group may be made before those whose place they take end.
fn is_possible(input: &Input<'_>, group: &InstanceGroup) -> bool {
    group.update.vm_strategy == VmStrategy::CreateSwapDelete
        && !group.networks.iter().any(|wanted| {
            let known = input.cloud.network(&wanted.name);
            wanted.static_ips.is_some()
                || known.is_some_and(|network| matches!(network.kind, NetworkKind::Vip { .. }))
        })
}

impl<'a> Wanted<'a> {
    /// Chooses networks, addresses and whether the machine is swapped.
    pub(crate) fn choose(&self, pool: &mut Pool) -> Result<Chosen, Error> {
        let Some(instance) = self.instance else {
            let (networks, _) = self.networks(Vec::new(), pool)?;
            return Ok(Chosen {
                networks,
                ..Chosen::default()
            });
        };
        let all = self.input.taken.iter();
        let mine: Vec<&Taken> = all
            .filter(|taken| taken.instance == Some(instance.id))
            .collect();
        let Some(machine) = instance.vm.as_ref().filter(|_| !instance.ignored) else {
            return self.in_place(instance, mine, pool);
        };
        let may = self.input.options.may_swap
            && self.state == State::Started
            && is_possible(self.input, self.group);
        let held: Vec<&Taken> = mine
            .iter()
            .copied()
            .filter(|taken| holds(machine, taken))
            .collect();
        let swaps = may
            && (self.renews(instance, machine)
                || self.moves(held, pool)
                || !instance.update_completed && !instance.spares.is_empty());
        match swaps {
            true => self.swap(instance, machine, mine, pool),
            false => self.in_place(instance, mine, pool),
        }
    }

    fn networks<'t>(
        &self,
        own: Vec<&'t Taken>,
        pool: &mut Pool,
    ) -> Result<(Vec<NetworkPlan>, Vec<&'t Taken>), Error> {
        let Self {
            input,
            group,
            instance,
            place,
            title,
            ..
        } = *self;
        networks(input, group, instance, place, title, own, pool)
    }

    /// With the addresses that the instance has, but for those that wait with another machine.
    fn in_place(
        &self,
        instance: &Instance,
        mut mine: Vec<&Taken>,
        pool: &mut Pool,
    ) -> Result<Chosen, Error> {
        mine.retain(|taken| {
            let waits = |vm| instance.spares.iter().any(|spare| spare.vm.id == vm);
            !taken.vm.is_some_and(waits)
        });
        let (networks, left) = self.networks(mine, pool)?;
        let machine = instance.vm.as_ref().filter(|_| !instance.ignored);
        let is_idle = |taken: &&Taken| {
            taken.vm.is_none() && machine.is_some_and(|machine| !holds(machine, taken))
        };
        let (idle, obsolete): (Vec<&Taken>, Vec<&Taken>) = left.into_iter().partition(is_idle);
        let spares = instance.spares.iter().map(|spare| spare.vm.id);
        Ok(Chosen {
            networks,
            obsolete: keys(&obsolete),
            idle: keys(&idle),
            swap: None,
            unfit: match self.input.options.may_swap && !instance.ignored {
                true => spares.collect(),
                false => Vec::new(),
            },
        })
    }

    fn swap(
        &self,
        instance: &Instance,
        machine: &Vm,
        mine: Vec<&Taken>,
        pool: &mut Pool,
    ) -> Result<Chosen, Error> {
        let spares = instance.spares.iter().rev();
        let fit = spares
            .filter(|spare| spare.answers)
            .find_map(|spare| Some((spare.vm.id, self.networks_of(instance, &spare.vm, pool)?)));
        let free: Vec<&Taken> = mine
            .into_iter()
            .filter(|taken| taken.vm.is_none() && !holds(machine, taken))
            .collect();
        let (spare, networks, idle) = match fit {
            Some((spare, networks)) => (Some(spare), networks, free),
            None => {
                let (networks, left) = self.networks(free, pool)?;
                (None, networks, left)
            }
        };
        let unfit = instance.spares.iter().map(|one| one.vm.id);
        Ok(Chosen {
            networks,
            obsolete: Vec::new(),
            idle: keys(&idle),
            swap: Some(Swap { spare }),
            unfit: unfit.filter(|id| Some(*id) != spare).collect(),
        })
    }

    /// The networks of a machine that waits, if it is in all what is wanted.
    fn networks_of(
        &self,
        instance: &Instance,
        waiting: &Vm,
        pool: &Pool,
    ) -> Option<Vec<NetworkPlan>> {
        let as_active = Instance {
            vm: Some(waiting.clone()),
            agent: AgentState::Unknown,
            ..instance.clone()
        };
        if self.differs(&as_active, waiting, false) {
            return None;
        }
        let its = self.input.taken.iter();
        let its = its.filter(|taken| taken.vm == Some(waiting.id)).collect();
        let (networks, left) = self.networks(its, &mut pool.clone()).ok()?;
        let all_kept = left.is_empty() && !networks.iter().any(is_new);
        let settings: Map<String, Value> = networks
            .iter()
            .map(|network| (network.name.clone(), network.settings.clone().into()))
            .collect();
        let has = waiting.networks.as_ref().and_then(Value::as_object)?;
        (all_kept && !changes::networks_differ(&settings, has)).then_some(networks)
    }

    /// Whether the machine has to be made anew whatever its networks are.
    fn renews(&self, instance: &Instance, machine: &Vm) -> bool {
        let is_young = changes::is_young(self.input.options, instance);
        let asked = self.input.options.recreate || self.once == Some("recreate");
        self.differs(instance, machine, asked && !is_young)
    }

    fn differs(&self, instance: &Instance, machine: &Vm, recreate: bool) -> bool {
        let (input, group) = (self.input, self.group);
        let old = machine.cloud_properties.clone().unwrap_or_default();
        let resolved = input.resolved.get(&instance.uuid);
        let wanted = resolved.map_or_else(|| self.cloud_properties.clone().into(), Clone::clone);
        let stemcell = &input.stemcells[self.stemcell];
        let desired = Desired {
            cloud_properties: wanted,
            old_cloud_properties: old,
            stemcell: (stemcell.name.clone(), stemcell.version.clone()),
            env: machine::env(input.deployment, group).into(),
            recreate,
            ..Desired::default()
        };
        let all = changes::of(instance, &desired);
        all.into_iter().any(Change::needs_new_vm)
    }

    /// Whether the machine's networks cannot go on giving it the addresses that it has.
    fn moves(&self, held: Vec<&Taken>, pool: &Pool) -> bool {
        match self.networks(held, &mut pool.clone()) {
            Ok((networks, left)) => !left.is_empty() || networks.iter().any(is_new),
            Err(_) => true,
        }
    }
}

fn is_new(network: &NetworkPlan) -> bool {
    let address = network.address.as_ref();
    address.is_some_and(|address| address.from == Reservation::New)
}

fn keys(all: &[&Taken]) -> Vec<i64> {
    all.iter().map(|taken| taken.id).collect()
}

/// Whether an address is a machine's: by its row, or, as the row may not know of the machine yet, by
/// what the machine was made with.
fn holds(machine: &Vm, taken: &Taken) -> bool {
    if taken.vm.is_some() {
        return taken.vm == Some(machine.id);
    }
    let Some(networks) = machine.networks.as_ref().and_then(Value::as_object) else {
        return true;
    };
    let address = taken.address.parse::<Cidr>().ok();
    networks.values().any(|settings| {
        let ip = settings.get("ip").and_then(Value::as_str);
        ip.is_some_and(|ip| address.is_some_and(|address| address.first().to_string() == ip))
    })
}
