//! Machines that take others' places: who is swapped, onto which machine, with which addresses.

use serde_json::{Value, json};

use super::scene::{Scene, group, shown};
use crate::{Draft, Spare, StateChange, Vm, spec};

const SWAP: &str = ", azs: [z1, z2], update: {vm_strategy: create-swap-delete}";

fn groups(list: &[String]) -> String {
    format!("instance_groups:\n{}", list.concat())
}

fn web(instances: usize) -> String {
    groups(&[group("web", instances, SWAP)])
}

/// A machine as a draft wants it.
fn machine(scene: &Scene, draft: &Draft, at: usize, id: i64) -> Vm {
    let group = &draft.groups[0];
    let (plan, stemcell) = (&group.instances[at], &scene.stemcells[group.stemcell]);
    Vm {
        id,
        cid: format!("vm-{id}"),
        created_at: 100,
        stemcell: Some((stemcell.name.clone(), stemcell.version.clone())),
        env: Some(group.env.clone().into()),
        cloud_properties: Some(plan.cloud_properties.clone().into()),
        networks: Some(spec::networks(plan).into()),
    }
}

/// A scene whose machines are what the manifest wants; machine `10 + INDEX` is of instance `INDEX`.
fn deployed(text: &str) -> Scene {
    let mut scene = Scene::new();
    scene.options.may_swap = true;
    let draft = scene.plan(text).unwrap();
    scene.accept(&draft);
    for at in 0..draft.groups[0].instances.len() {
        let id = 10 + i64::try_from(at).unwrap();
        let vm = machine(&scene, &draft, at, id);
        let instance = &mut scene.existing.instances[at];
        instance.vm = Some(vm);
        let of_it = |taken: &&mut crate::Taken| taken.instance == Some(instance.id);
        scene
            .taken
            .iter_mut()
            .filter(of_it)
            .for_each(|taken| taken.vm = Some(id));
    }
    scene
}

/// Reserves what a draft wants of an instance.
fn reserve(scene: &mut Scene, draft: &Draft, at: usize) {
    let (id, vm) = {
        let instance = &scene.existing.instances[at];
        (instance.id, None)
    };
    for network in &draft.groups[0].instances[at].networks {
        let Some(address) = network.address else {
            continue;
        };
        if address.from == crate::Reservation::New {
            scene.taken.push(crate::Taken {
                id: i64::try_from(scene.taken.len()).unwrap() + 500,
                address: address.address.to_string(),
                network: network.name.clone(),
                is_static: false,
                instance: Some(id),
                vm,
                owner: "somebody".to_owned(),
            });
        }
    }
}

/// Makes the machine that a draft wants to take an instance's place.
fn make_spare(scene: &mut Scene, draft: &Draft, at: usize, id: i64) {
    reserve(scene, draft, at);
    let vm = machine(scene, draft, at, id);
    let instance = &mut scene.existing.instances[at];
    instance.spares.push(Spare { vm, answers: true });
    for taken in &mut scene.taken {
        if taken.instance == Some(instance.id) && taken.vm.is_none() {
            taken.vm = Some(id);
        }
    }
}

/// `INDEX ADDRESSES` of each instance, how it is renewed, and what it gives up.
fn ways(draft: &Draft) -> Vec<String> {
    let all = draft.groups[0].instances.iter();
    all.map(|plan| {
        let addresses: Vec<String> = plan
            .networks
            .iter()
            .filter_map(|network| network.address.map(|one| one.address.first().to_string()))
            .collect();
        let way = match plan.swap {
            None => "stays".to_owned(),
            Some(swap) => swap
                .spare
                .map_or_else(|| "swaps".to_owned(), |id| format!("swaps onto {id}")),
        };
        let mut text = format!("{} {} {way}", plan.index, addresses.join(","));
        for (name, keys) in [
            ("obsolete", &plan.obsolete_addresses),
            ("idle", &plan.idle_addresses),
            ("unfit", &plan.unfit),
        ] {
            if !keys.is_empty() {
                text += &format!(" {name} {keys:?}");
            }
        }
        text
    })
    .collect()
}

#[test]
fn nothing_is_swapped_that_stays_as_it_is() {
    let scene = deployed(&web(2));
    let draft = scene.plan(&web(2)).unwrap();
    assert_eq!(ways(&draft), ["0 10.0.0.3 stays", "1 10.0.0.4 stays"]);
}

#[test]
fn another_machine_gets_another_address_and_is_kept_to() {
    let mut scene = deployed(&web(2));
    scene.stemcells[0].version = "1.6".to_owned();
    let draft = scene.plan(&web(2)).unwrap();
    assert_eq!(ways(&draft), ["0 10.0.0.5 swaps", "1 10.0.0.6 swaps"]);
    assert_eq!(
        draft.groups[0].instances[0].networks[0].settings["ip"],
        "10.0.0.5"
    );
    // The rows are there now, and then one of the machines.
    reserve(&mut scene, &draft, 0);
    reserve(&mut scene, &draft, 1);
    let again = scene.plan(&web(2)).unwrap();
    assert_eq!(shown(&again), shown(&draft));
    assert_eq!(ways(&again), ways(&draft));
    make_spare(&mut scene, &again, 0, 20);
    let again = scene.plan(&web(2)).unwrap();
    assert_eq!(
        ways(&again),
        ["0 10.0.0.5 swaps onto 20", "1 10.0.0.6 swaps"]
    );
}

#[test]
fn every_reason_for_a_new_machine_swaps_it() {
    type Edit = fn(&mut Scene);
    let edits: [(&str, Edit); 7] = [
        ("stemcell", |scene| {
            scene.stemcells[0].name = "other".to_owned()
        }),
        ("env", |scene| {
            let vm = scene.existing.instances[0].vm.as_mut().unwrap();
            vm.env = Some(json!({"a": 1}));
        }),
        ("cloud properties", |scene| {
            let vm = scene.existing.instances[0].vm.as_mut().unwrap();
            vm.cloud_properties = Some(json!({"a": 1}));
        }),
        ("resolved cloud properties", |scene| {
            scene
                .resolved
                .insert("u1".to_owned(), json!({"secret": "new"}));
        }),
        ("recreate", |scene| scene.options.recreate = true),
        ("one that is recreated", |scene| {
            scene.options.change = Some(StateChange {
                state: "recreate".to_owned(),
                group: Some("web".to_owned()),
                id: Some("0".to_owned()),
            });
        }),
        ("silence", |scene| {
            scene.existing.instances[0].agent = crate::AgentState::Unresponsive;
        }),
    ];
    for (name, edit) in edits {
        let mut scene = deployed(&web(1));
        edit(&mut scene);
        let draft = scene.plan(&web(1)).unwrap();
        assert_eq!(ways(&draft), ["0 10.0.0.4 swaps"], "{name}");
    }
    // Not those that concern jobs only, nor a machine that is too young, nor one that stops.
    let edits: [Edit; 4] = [
        |scene| scene.existing.instances[0].update_completed = false,
        |scene| scene.existing.instances[0].spec = Some(json!({"configuration_hash": "x"})),
        |scene| {
            scene.options.recreate = true;
            scene.options.recreate_before = Some(50);
        },
        |scene| {
            scene.options.recreate = true;
            scene.existing.instances[0].state = "stopped".to_owned();
        },
    ];
    for edit in edits {
        let mut scene = deployed(&web(1));
        edit(&mut scene);
        let draft = scene.plan(&web(1)).unwrap();
        assert_eq!(ways(&draft), ["0 10.0.0.3 stays"]);
    }
}

#[test]
fn a_network_that_changes_swaps_as_well() {
    let text = web(1).replace("name: default}", "name: zoned}");
    let mut scene = deployed(&text);
    // Nothing of a dynamic network is the director's to give.
    assert_eq!(ways(&scene.plan(&text).unwrap()), ["0  stays"]);
    scene.options.recreate = true;
    assert_eq!(ways(&scene.plan(&text).unwrap()), ["0  swaps"]);
    scene.options.recreate = false;
    assert_eq!(ways(&scene.plan(&web(1)).unwrap()), ["0 10.0.0.3 swaps"]);
    // Addresses go with the machine, they are not given back by its instance.
    let scene = deployed(&web(1));
    assert_eq!(ways(&scene.plan(&text).unwrap()), ["0  swaps"]);
}

#[test]
fn addresses_that_are_listed_are_for_one_machine() {
    let fixed = web(2).replace(
        "networks: [{name: default}]",
        "networks: [{name: default, static_ips: [10.0.0.8, 10.0.0.9]}]",
    );
    let mut scene = deployed(&fixed);
    scene.options.recreate = true;
    let draft = scene.plan(&fixed).unwrap();
    assert_eq!(ways(&draft), ["0 10.0.0.8 stays", "1 10.0.0.9 stays"]);
    let virtual_too = web(1).replace(
        "networks: [{name: default}]",
        "networks: [{name: default, default: [dns, gateway]}, \
         {name: virtual, static_ips: [192.0.2.7]}]",
    );
    let mut scene = deployed(&virtual_too);
    scene.options.recreate = true;
    let draft = scene.plan(&virtual_too).unwrap();
    assert_eq!(ways(&draft), ["0 10.0.0.3,192.0.2.7 stays"]);
    // As is a group that does not ask for it, and a task that may not.
    let plain = web(1).replace(", update: {vm_strategy: create-swap-delete}", "");
    let mut scene = deployed(&plain);
    scene.options.recreate = true;
    assert_eq!(ways(&scene.plan(&plain).unwrap()), ["0 10.0.0.3 stays"]);
    scene.options.may_swap = false;
    assert_eq!(ways(&scene.plan(&web(1)).unwrap()), ["0 10.0.0.3 stays"]);
    // Nor is one that is left alone.
    scene.options.may_swap = true;
    scene.existing.instances[0].ignored = true;
    assert_eq!(ways(&scene.plan(&web(1)).unwrap()), ["0 10.0.0.3 stays"]);
}

#[test]
fn there_may_be_no_address_for_another_machine() {
    // 10.0.0.3 to .7 and .11 to .14 can be had in z1 and z2.
    let mut scene = deployed(&web(5));
    scene.options.recreate = true;
    let error = scene.plan(&web(5)).unwrap_err();
    assert_eq!(error.code, 130_011);
    assert_eq!(
        error.message,
        "Failed to reserve IP for 'web/u5 (4)' for manual network 'default': no more available"
    );
}

#[test]
fn a_machine_that_waits_is_taken_if_it_fits() {
    type Edit = fn(&mut Scene);
    let waiting = || {
        let mut scene = deployed(&web(1));
        scene.stemcells[0].version = "1.6".to_owned();
        let draft = scene.plan(&web(1)).unwrap();
        make_spare(&mut scene, &draft, 0, 20);
        scene
    };
    assert_eq!(
        ways(&waiting().plan(&web(1)).unwrap()),
        ["0 10.0.0.4 swaps onto 20"]
    );
    let unfit: [Edit; 5] = [
        |scene| scene.stemcells[0].version = "1.7".to_owned(),
        |scene| scene.existing.instances[0].spares[0].answers = false,
        |scene| scene.existing.instances[0].spares[0].vm.env = Some(json!({"a": 1})),
        |scene| scene.existing.instances[0].spares[0].vm.cloud_properties = Some(Value::Null),
        |scene| {
            let spare = &mut scene.existing.instances[0].spares[0].vm;
            spare.networks.as_mut().unwrap()["default"]["gateway"] = json!("10.0.0.14");
        },
    ];
    for edit in unfit {
        let mut scene = waiting();
        edit(&mut scene);
        // Its address goes with it.
        let draft = scene.plan(&web(1)).unwrap();
        assert_eq!(ways(&draft), ["0 10.0.0.5 swaps unfit [20]"]);
    }
    // Of several the newest.
    let mut scene = waiting();
    let fit = scene.existing.instances[0].spares.remove(0);
    scene.stemcells[0].version = "1.7".to_owned();
    let draft = scene.plan(&web(1)).unwrap();
    make_spare(&mut scene, &draft, 0, 21);
    scene.existing.instances[0].spares.insert(0, fit);
    assert_eq!(
        ways(&scene.plan(&web(1)).unwrap()),
        ["0 10.0.0.5 swaps onto 21 unfit [20]"]
    );
    // The machine that counts is what is wanted again: nobody needs the other.
    let mut scene = waiting();
    scene.stemcells[0].version = "1.5".to_owned();
    assert_eq!(
        ways(&scene.plan(&web(1)).unwrap()),
        ["0 10.0.0.3 stays unfit [20]"]
    );
    // Unless its update broke off.
    let mut scene = deployed(&web(1));
    scene.options.recreate = true;
    let draft = scene.plan(&web(1)).unwrap();
    make_spare(&mut scene, &draft, 0, 20);
    scene.options.recreate = false;
    scene.existing.instances[0].update_completed = false;
    assert_eq!(
        ways(&scene.plan(&web(1)).unwrap()),
        ["0 10.0.0.4 swaps onto 20"]
    );
    // A task about something else leaves it alone, and its address.
    scene.options.may_swap = false;
    assert_eq!(ways(&scene.plan(&web(1)).unwrap()), ["0 10.0.0.3 stays"]);
    scene.existing.instances[0].vm = None;
    scene.taken.retain(|taken| taken.vm != Some(10));
    assert_eq!(ways(&scene.plan(&web(1)).unwrap()), ["0 10.0.0.3 stays"]);
    scene.options.may_swap = true;
    assert_eq!(
        ways(&scene.plan(&web(1)).unwrap()),
        ["0 10.0.0.3 stays unfit [20]"]
    );
}

#[test]
fn addresses_that_nobody_needs_are_given_back_at_once() {
    let mut scene = deployed(&web(1));
    scene.options.recreate = true;
    let draft = scene.plan(&web(1)).unwrap();
    // Reserved, and then nothing came of it.
    reserve(&mut scene, &draft, 0);
    scene.options.recreate = false;
    assert_eq!(
        ways(&scene.plan(&web(1)).unwrap()),
        ["0 10.0.0.3 stays idle [501]"]
    );
    // Whatever the group asks for now.
    let plain = web(1).replace(", update: {vm_strategy: create-swap-delete}", "");
    assert_eq!(
        ways(&scene.plan(&plain).unwrap()),
        ["0 10.0.0.3 stays idle [501]"]
    );
    // A row that does not know of the machine that was made with its address is no such row.
    scene.taken[0].vm = None;
    assert_eq!(
        ways(&scene.plan(&web(1)).unwrap()),
        ["0 10.0.0.3 stays idle [501]"]
    );
}
