//! Where instances go, and where they stay.

use super::scene::{Scene, group, shown};

const AZS: &str = ", azs: [z1, z2, z3]";

fn groups(list: &[String]) -> String {
    format!("instance_groups:\n{}", list.concat())
}

#[test]
fn new_instances_are_spread_and_get_the_lowest_addresses() {
    let scene = Scene::new();
    let draft = scene.plan(&groups(&[group("web", 4, AZS)])).unwrap();
    assert_eq!(
        shown(&draft),
        [
            "web/0 u1 z1 10.0.0.3 first",
            "web/1 u2 z2 10.0.0.4",
            "web/2 u3 z3 10.0.1.2",
            "web/3 u4 z1 10.0.0.5",
        ]
    );
    let settings =
        serde_json::Value::Object(draft.groups[0].instances[0].networks[0].settings.clone());
    assert_eq!(
        settings,
        serde_json::json!({
            "type": "manual", "ip": "10.0.0.3", "prefix": "32", "netmask": "255.255.255.240",
            "cloud_properties": {}, "default": ["dns", "gateway"], "dns": ["8.8.8.8"],
            "gateway": "10.0.0.1",
        })
    );
    let properties = &draft.groups[0].instances[0].cloud_properties;
    assert_eq!(
        serde_json::json!(properties),
        serde_json::json!({"zone": "one", "size": "small"})
    );
}

#[test]
fn what_was_decided_is_decided_again() {
    let mut scene = Scene::new();
    for more in ["", AZS, ", azs: [z2, z3], persistent_disk: 10"] {
        let text = groups(&[group("web", 3, more), group("db", 2, more)]);
        let text = if more.is_empty() {
            text.replace("name: default}]", "name: dyn}]")
        } else {
            text
        };
        let draft = scene.plan(&text).unwrap();
        scene.accept(&draft);
        let again = scene.plan(&text).unwrap();
        assert_eq!(shown(&draft), shown(&again));
        let places = again.groups.iter().flat_map(|group| &group.instances);
        assert!(places.clone().all(|plan| plan.existing.is_some()));
        assert!(
            places
                .clone()
                .all(|plan| plan.obsolete_addresses.is_empty())
        );
        assert!(again.groups.iter().all(|group| group.surplus.is_empty()));
        scene.existing.instances.clear();
        scene.taken.clear();
    }
}

#[test]
fn growing_keeps_and_shrinking_takes_the_highest() {
    let mut scene = Scene::new();
    let draft = scene.plan(&groups(&[group("web", 3, AZS)])).unwrap();
    scene.accept(&draft);
    let five = scene.plan(&groups(&[group("web", 5, AZS)])).unwrap();
    assert_eq!(
        shown(&five),
        [
            "web/0 u1 z1 10.0.0.3 first",
            "web/1 u2 z2 10.0.0.4",
            "web/2 u3 z3 10.0.1.2",
            "web/3 u4 z1 10.0.0.5",
            "web/4 u5 z2 10.0.0.6",
        ]
    );
    scene.accept(&five);
    let three = scene.plan(&groups(&[group("web", 3, AZS)])).unwrap();
    assert_eq!(shown(&three), shown(&draft));
    assert_eq!(three.groups[0].surplus.len(), 2);
    let other = scene.plan(&groups(&[group("other", 1, AZS)])).unwrap();
    assert_eq!(other.obsolete.len(), 5);
}

#[test]
fn disks_hold_their_zone_and_migration_keeps_instances() {
    let mut scene = Scene::new();
    let disk = ", azs: [z1], persistent_disk: 10";
    let draft = scene.plan(&groups(&[group("old", 2, disk)])).unwrap();
    scene.accept(&draft);
    let moved = ", azs: [z1, z2], persistent_disk: 10, migrated_from: [{name: old}]";
    let draft = scene.plan(&groups(&[group("new", 3, moved)])).unwrap();
    assert_eq!(
        shown(&draft),
        [
            "new/0 u1 z1 10.0.0.3 first",
            "new/1 u2 z1 10.0.0.4",
            "new/2 u3 z2 10.0.0.5",
        ]
    );
}

#[test]
fn an_instance_that_changes_its_zone_gets_an_address_of_it() {
    let mut scene = Scene::new();
    let draft = scene
        .plan(&groups(&[group("web", 1, ", azs: [z1]")]))
        .unwrap();
    scene.accept(&draft);
    let draft = scene
        .plan(&groups(&[group("web", 1, ", azs: [z3]")]))
        .unwrap();
    // Not the same instance: what was in another zone is one too many.
    assert_eq!(shown(&draft), ["web/1 u2 z3 10.0.1.2 first"]);
    assert_eq!(draft.groups[0].surplus.len(), 1);
}

#[test]
fn static_addresses_are_kept_and_spread() {
    let mut scene = Scene::new();
    let fixed = |ips: &str, count: usize| {
        format!(
            "instance_groups:\n- {{name: web, instances: {count}, stemcell: s, vm_type: default, \
             azs: [z1, z2], networks: [{{name: default, static_ips: {ips}}}], \
             jobs: [{{name: plain, release: r}}]}}\n"
        )
    };
    let draft = scene.plan(&fixed("[10.0.0.8, 10.0.0.9]", 2)).unwrap();
    assert_eq!(
        shown(&draft),
        ["web/0 u1 z1 10.0.0.8 first", "web/1 u2 z2 10.0.0.9"]
    );
    scene.accept(&draft);
    // The first address goes: its instance is reused for the new one.
    let draft = scene.plan(&fixed("[10.0.0.9, 10.0.0.10]", 2)).unwrap();
    assert_eq!(
        shown(&draft),
        ["web/0 u1 z1 10.0.0.10 first", "web/1 u2 z2 10.0.0.9"]
    );
    assert_eq!(draft.groups[0].instances[0].obsolete_addresses.len(), 1);
    // Somebody else has it.
    scene.taken[0].instance = Some(999);
    let refused = scene.plan(&fixed("[10.0.0.8, 10.0.0.9]", 2)).unwrap_err();
    assert_eq!(refused.code, 130_008);
    let refused = scene.plan(&fixed("[10.0.0.2, 10.0.0.9]", 2)).unwrap_err();
    assert_eq!(refused.code, 130_013);
    let refused = scene.plan(&fixed("[10.0.1.5, 10.0.0.9]", 2)).unwrap_err();
    assert_eq!(refused.code, 150_002);
    let refused = scene.plan(&fixed("[10.0.2.5, 10.0.0.9]", 2)).unwrap_err();
    assert!(
        refused.message.contains("10.0.2.5")
            && refused.message.contains("10.0.0.0/28, 10.0.1.0/28"),
        "{refused}"
    );
    let unknown = fixed("[10.0.0.8]", 1).replace("plain", "plane");
    let refused = scene.plan(&unknown).unwrap_err();
    assert!(
        refused
            .message
            .ends_with("; the release has: server, client, plain"),
        "{refused}"
    );
}

#[test]
fn no_address_left_and_ignored_instances_are_said() {
    let mut scene = Scene::new();
    let refused = scene
        .plan(&groups(&[group("web", 14, ", azs: [z3]")]))
        .unwrap_err();
    assert_eq!(refused.code, 130_011);
    assert!(
        refused
            .message
            .ends_with("for manual network 'default': no more available"),
        "{refused}"
    );
    let draft = scene.plan(&groups(&[group("web", 2, AZS)])).unwrap();
    scene.accept(&draft);
    scene.existing.instances[1].ignored = true;
    let kept = scene.plan(&groups(&[group("web", 1, AZS)])).unwrap();
    assert_eq!(shown(&kept), ["web/1 u16 z2 10.0.0.4 first"]);
    for text in [
        groups(&[group("web", 0, AZS)]),
        groups(&[group("x", 1, AZS)]),
    ] {
        assert_eq!(scene.plan(&text).unwrap_err().code, 190_020);
    }
}

#[test]
fn states_are_asked_for_by_group_index_and_id() {
    let mut scene = Scene::new();
    let text = groups(&[group("web", 2, AZS)]);
    let draft = scene.plan(&text).unwrap();
    scene.accept(&draft);
    scene.options.change = Some(crate::StateChange {
        state: "stopped".to_owned(),
        group: Some("web".to_owned()),
        id: Some("1".to_owned()),
    });
    let draft = scene.plan(&text).unwrap();
    let words: Vec<&str> = draft.groups[0]
        .instances
        .iter()
        .map(|plan| plan.state.word())
        .collect();
    assert_eq!(words, ["started", "stopped"]);
    scene.accept(&draft);
    scene.options.change = None;
    // It stays stopped until somebody starts it.
    let draft = scene.plan(&text).unwrap();
    assert_eq!(draft.groups[0].instances[1].state.word(), "stopped");
    let change = |id: Option<String>| {
        Some(crate::StateChange {
            state: "restart".to_owned(),
            group: Some("web".to_owned()),
            id,
        })
    };
    scene.existing.instances[1].ignored = true;
    for id in ["1".to_owned(), scene.existing.instances[1].uuid.clone()] {
        scene.options.change = change(Some(id));
        assert_eq!(scene.plan(&text).unwrap_err().code, 140_021);
    }
    for id in [None, Some("0".to_owned())] {
        scene.options.change = change(id);
        scene.plan(&text).unwrap();
    }
    scene.existing.instances[1].ignored = false;
    scene.options.change = Some(crate::StateChange {
        state: "recreate".to_owned(),
        group: None,
        id: None,
    });
    let draft = scene.plan(&text).unwrap();
    assert!(
        draft.groups[0]
            .instances
            .iter()
            .all(|plan| plan.once.as_deref() == Some("recreate"))
    );
}

#[test]
fn chance_decides_between_zones_if_that_is_wanted() {
    let mut scene = Scene::new();
    let names: Vec<String> = (0..10).map(|number| format!("web{number}")).collect();
    let each: Vec<String> = names
        .iter()
        .map(|name| group(name, 1, ", azs: [z1, z2]"))
        .collect();
    let zones = |text: &str, scene: &Scene| -> Vec<String> {
        let draft = scene.plan(text).unwrap();
        let plans = draft.groups.iter().flat_map(|group| &group.instances);
        plans.map(|plan| plan.az.clone().unwrap()).collect()
    };
    let plain = groups(&each).replace("{name: default}", "{name: zoned}");
    assert!(zones(&plain, &scene).iter().all(|zone| zone == "z1"));
    let random = format!("features: {{randomize_az_placement: true}}\n{plain}");
    let chosen = zones(&random, &scene);
    assert!(
        chosen.contains(&"z1".to_owned()) && chosen.contains(&"z2".to_owned()),
        "{chosen:?}"
    );
    // They stay where they are.
    let draft = scene.plan(&random).unwrap();
    scene.accept(&draft);
    assert_eq!(zones(&random, &scene), chosen);
    assert_eq!(zones(&plain, &scene), chosen);
}
