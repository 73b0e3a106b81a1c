//! Machines that take others' places: made beside them, with the old one's disk, under its name, at another
//! address; the old one goes later.

use std::collections::{BTreeMap, BTreeSet};

use crate::dns::look;
use crate::release::manifest;
use crate::scene::Scene;

fn swapping(env: &str) -> String {
    manifest(2, "hello", false)
        .replace(
            "max_in_flight: 2",
            "max_in_flight: 1, vm_strategy: create-swap-delete",
        )
        .replace(
            "  persistent_disk: 16\n",
            &format!("  persistent_disk: 16\n  env: {{renewed: {env}}}\n"),
        )
}

/// Addresses by the name of the instance.
fn addresses(scene: &Scene) -> BTreeMap<String, String> {
    let rows = scene.rows(&["vms"]);
    let text = |row: &serde_json::Value, key: &str| row[key].as_str().unwrap().to_owned();
    rows.iter()
        .map(|row| (text(row, "instance"), text(row, "ips")))
        .collect()
}

fn orphans(scene: &Scene) -> BTreeSet<String> {
    let rows = scene.rows(&["orphaned-vms"]);
    let cid = |row: &serde_json::Value| row["vm_cid"].as_str().unwrap().to_owned();
    rows.iter().map(cid).collect()
}

fn containers(scene: &Scene) -> BTreeSet<String> {
    let all = scene.server.client().list(&Default::default()).unwrap();
    all.into_iter().collect()
}

/// Every instance is somewhere else than `before`, with its disk, and found there by name.
fn assert_swapped(scene: &Scene, before: &[BTreeMap<String, String>; 2], starts: usize) {
    scene.assert_running(2);
    let (cids, ips) = (scene.by_instance(), addresses(scene));
    let names = |map: &BTreeMap<String, String>| map.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&cids), names(&before[0]));
    for (name, cid) in &cids {
        assert_ne!(cid, &before[0][name]);
        assert_ne!(ips[name], before[1][name]);
        let kept = scene.inside(cid, "cat /var/vcap/store/mine");
        assert_eq!(kept.trim(), *name);
        let started = scene.inside(cid, "wc -l </var/vcap/store/started");
        assert_eq!(started.trim(), starts.to_string(), "{name}");
        let full = format!(
            "{}.web.default.small.bosh",
            name.strip_prefix("web/").unwrap()
        );
        for asking in cids.values() {
            assert_eq!(look(scene, asking, &full), [ips[name].clone()]);
        }
    }
}

#[test]
fn machines_are_swapped_and_the_old_ones_go_later() {
    let mut scene = Scene::new();
    scene.deploy(&swapping("one"));
    for (name, cid) in scene.by_instance() {
        scene.inside(&cid, &format!("echo {name} >/var/vcap/store/mine"));
    }
    let before = [scene.by_instance(), addresses(&scene)];
    let newer = scene.stemcell("1.2");
    scene.bosh(&["upload-stemcell", newer.to_str().unwrap()]);
    let said = scene.deploy(&swapping("one"));
    // Both were there before the first was stopped.
    let at = |what: &str| {
        said.rfind(what)
            .unwrap_or_else(|| panic!("no {what}: {said}"))
    };
    let stopped = said.find("Updating instance web").unwrap();
    assert!(
        at("Creating missing vms") < at("Downloading packages"),
        "{said}"
    );
    assert!(at("Downloading packages") < stopped, "{said}");
    assert_swapped(&scene, &before, 2);
    for row in scene.rows(&["vms"]) {
        assert_eq!(row["stemcell"], "tiny/1.2", "{row}");
    }
    // What they were is there until somebody cleans up, and has its addresses that long.
    let old: BTreeSet<String> = before[0].values().cloned().collect();
    assert_eq!(orphans(&scene), old);
    let now: BTreeSet<String> = scene.machines().into_iter().collect();
    assert_eq!(containers(&scene), now.union(&old).cloned().collect());
    let again = scene.deploy(&swapping("one"));
    assert!(!again.contains("Updating instance"), "{again}");
    scene.bosh(&["clean-up"]);
    assert!(orphans(&scene).is_empty());
    assert_eq!(containers(&scene), now);
    scene.bosh(&["delete-stemcell", "tiny/1.1"]);

    // Killed while the next ones are made, and while they take places: nothing is lost.
    for (number, step) in ["Creating missing vms", "executing post-stop"]
        .into_iter()
        .enumerate()
    {
        let before = [scene.by_instance(), addresses(&scene)];
        let text = swapping(&format!("again-{number}"));
        scene.begin_deploy(&text);
        scene.wait_until_begun(step);
        scene.kill_director();
        scene.start_director();
        scene.settle();
        scene.deploy(&text);
        // The killed one may have started jobs of the first, whose update is done once more.
        let starts = |cid: &String| {
            let lines = scene.inside(cid, "wc -l </var/vcap/store/started");
            lines.trim().parse::<usize>().unwrap()
        };
        let cids = scene.by_instance();
        assert!(cids.values().all(|cid| starts(cid) >= 3 + number));
        for (name, cid) in &cids {
            assert_ne!(cid, &before[0][name]);
            let kept = scene.inside(cid, "cat /var/vcap/store/mine");
            assert_eq!(kept.trim(), *name);
        }
        scene.assert_running(2);
        scene.bosh(&["clean-up"]);
        let now: BTreeSet<String> = scene.machines().into_iter().collect();
        assert_eq!(containers(&scene), now);
    }
    scene.bosh(&["delete-deployment"]);
    scene.bosh(&["clean-up", "--all"]);
    assert!(containers(&scene).is_empty());
}
