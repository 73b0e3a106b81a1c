//! What changes is changed where it must be, one after the other, and nothing is lost.

use serde_json::Value;

use crate::release::manifest;
use crate::scene::Scene;

/// A group beside `web`, which no property of `web` concerns.
const IDLE: &str = "- name: idle
  instances: 1
  azs: [z1]
  vm_type: default
  stemcell: default
  persistent_disks: [{name: data, type: default}, {name: log, type: default}]
  networks: [{name: default}]
  jobs: [{name: check, release: small}]
";

/// The most instances that were updated at the same time in the last task.
fn most_at_once(scene: &Scene) -> usize {
    let newest = std::fs::read_dir(scene.at("home/tasks"))
        .unwrap()
        .filter_map(|entry| entry.unwrap().file_name().to_str()?.parse::<u64>().ok())
        .filter(|id| {
            let events = scene.at(&format!("home/tasks/{id}/event"));
            std::fs::read_to_string(events).is_ok_and(|text| text.contains("Updating instance"))
        })
        .max()
        .unwrap();
    let text = std::fs::read_to_string(scene.at(&format!("home/tasks/{newest}/event"))).unwrap();
    let (mut now, mut most) = (0_usize, 0);
    for line in text.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        if event["stage"] != "Updating instance" {
            continue;
        }
        match event["state"].as_str().unwrap() {
            "started" => now += 1,
            "finished" | "failed" => now -= 1,
            _ => {}
        }
        most = most.max(now);
    }
    most
}

fn started(scene: &Scene, cid: &str) -> usize {
    let lines = scene.inside(cid, "cat /var/vcap/store/started");
    lines.lines().count()
}

#[test]
fn only_what_must_is_restarted() {
    let scene = Scene::new();
    let with = |secret: &str| manifest(1, "hello", false).replace("((secret))", secret) + IDLE;
    scene.deploy(&with("one"));
    let before = scene.by_instance();
    assert_eq!(before.len(), 2);
    let said = scene.deploy(&with("two"));
    assert!(said.contains("Updating instance web: web/"), "{said}");
    assert!(!said.contains("Updating instance idle"), "{said}");
    assert_eq!(scene.by_instance(), before);
    assert_eq!(started(&scene, &scene.web(0)), 2);
    // Disks with names are where jobs look for them, and go with their instance.
    let idle = |scene: &Scene| {
        let mut all = scene.by_instance().into_iter();
        all.find(|(name, _)| name.starts_with("idle/")).unwrap().1
    };
    let disks = "/var/vcap/instance/disks";
    let names = scene.inside(&idle(&scene), &format!("cd {disks} && echo *"));
    assert_eq!(names.trim(), "data log");
    let write = format!("for name in data log; do echo $name >{disks}/$name/mine; done");
    scene.inside(&idle(&scene), &write);
    scene.bosh(&["recreate", "idle/0"]);
    let (old, new) = (&before, scene.by_instance());
    assert!(old.iter().any(|(name, cid)| new[name] != *cid), "{new:?}");
    let read = format!("cat {disks}/data/mine {disks}/log/mine");
    assert_eq!(scene.inside(&idle(&scene), &read), "data\nlog\n");
    // A group that is gone from the manifest goes, and nothing else is done.
    let said = scene.deploy(&manifest(1, "hello", false).replace("((secret))", "two"));
    assert!(
        said.contains("Deleting unneeded instances: idle/"),
        "{said}"
    );
    assert!(!said.contains("Updating instance"), "{said}");
    assert_eq!(scene.machines().len(), 1);
    assert_eq!(started(&scene, &scene.web(0)), 2);
}

#[test]
fn a_new_stemcell_comes_one_machine_after_the_other() {
    let scene = Scene::new();
    let plain = manifest(3, "hello", false).replace("max_in_flight: 2", "max_in_flight: 1");
    scene.deploy(&plain);
    let before = scene.by_instance();
    let newer = scene.stemcell("1.2");
    scene.bosh(&["upload-stemcell", newer.to_str().unwrap()]);
    scene.deploy(&plain);
    assert_eq!(most_at_once(&scene), 1);
    let after = scene.by_instance();
    assert_eq!(
        after.keys().collect::<Vec<_>>(),
        before.keys().collect::<Vec<_>>()
    );
    for (name, cid) in &after {
        assert_ne!(cid, &before[name], "{name}");
        // Its disk is the one that it had.
        assert_eq!(started(&scene, cid), 2, "{name}");
    }
    for row in scene.rows(&["vms"]) {
        assert_eq!(row["stemcell"], "tiny/1.2", "{row}");
    }
    scene.assert_running(3);
    // Nobody uses the old one any more.
    scene.bosh(&["delete-stemcell", "tiny/1.1"]);
}

#[test]
fn one_instance_is_stopped_started_and_restarted() {
    let scene = Scene::new();
    scene.deploy(&manifest(2, "hello", false));
    let (one, other) = (scene.web(0), scene.web(1));
    let pid = |cid: &str| scene.inside(cid, "cat /var/vcap/sys/run/web/web.pid 2>&1; true");
    let untouched = pid(&other);

    scene.bosh(&["stop", "web/0"]);
    assert!(pid(&one).contains("No such file"), "{}", pid(&one));
    // A deploy leaves it so.
    let said = scene.deploy(&manifest(2, "hello", false));
    assert!(!said.contains("Updating instance"), "{said}");
    scene.bosh(&["start", "web/0"]);
    assert_eq!(scene.web(0), one);
    let first = pid(&one);
    scene.bosh(&["restart", "web/0"]);
    assert_eq!(scene.web(0), one);
    assert_ne!(pid(&one), first);

    // Without its machine, and again with its disk.
    let count = started(&scene, &one);
    scene.bosh(&["stop", "web/0", "--hard"]);
    assert_eq!(scene.machines(), std::slice::from_ref(&other));
    scene.bosh(&["start", "web/0"]);
    let again = scene.web(0);
    assert_ne!(again, one);
    assert_eq!(started(&scene, &again), count + 1);
    scene.bosh(&["recreate", "--no-converge", "web/0"]);
    assert_ne!(scene.web(0), again);
    assert_eq!(started(&scene, &scene.web(0)), count + 2);

    assert_eq!(scene.web(1), other);
    assert_eq!(pid(&other), untouched);
    scene.assert_running(2);
}
