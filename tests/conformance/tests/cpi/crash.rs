//! Calls at the same time, and calls that are killed at any moment.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_tests_harness::Leaks;

use crate::scene::{Scene, create_vm, names, request};

/// Makes calls at the same time, all of which must succeed; the answers.
#[track_caller]
fn at_once(scene: &Scene, requests: impl IntoIterator<Item = Value>) -> Vec<Value> {
    let calls: Vec<_> = requests
        .into_iter()
        .map(|one| (scene.command(&one), one))
        .collect();
    let all: String = calls
        .iter()
        .map(|((command, _), _)| format!("({command}) &\n"))
        .collect();
    let script = format!("{all}wait");
    scene.server.actor().run(&["sh", "-c", &script]).success();
    let answer = |((_, output), request): ((String, PathBuf), Value)| {
        let answer: Value = serde_json::from_slice(&std::fs::read(output).unwrap()).unwrap();
        assert_eq!(answer["error"], Value::Null, "{request}: {answer}");
        answer
    };
    calls.into_iter().map(answer).collect()
}

#[test]
fn machines_are_made_at_the_same_time() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("auto");
    let stemcell = scene.stemcell(true);
    let calls = (2..6).map(|last| {
        let arguments = create_vm(&stemcell, &format!("10.244.0.{last}"), json!({}));
        request("create_vm", arguments)
    });
    let id = |answer: Value| answer["result"][0].as_str().unwrap().to_owned();
    let cids: Vec<String> = at_once(&scene, calls).into_iter().map(id).collect();
    // Each in its own directories.
    for (place, cid) in cids.iter().enumerate() {
        scene
            .says(cid, &format!("echo {place} >/var/vcap/data/mine"))
            .unwrap();
    }
    for (place, cid) in cids.iter().enumerate() {
        assert_eq!(
            scene.says(cid, "cat /var/vcap/data/mine").unwrap(),
            place.to_string()
        );
    }
    at_once(
        &scene,
        cids.iter().map(|cid| request("delete_vm", json!([cid]))),
    );
    scene.assert_no_machines();
    drop(scene);
    leaks.assert_same();
}

#[test]
fn what_is_of_one_machine_or_disk_changes_at_the_same_time() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("directory");
    let stemcell = scene.stemcell(true);
    let vm = scene.vm(&stemcell, "10.244.0.2");
    let made = at_once(
        &scene,
        (0..8).map(|_| request("create_disk", json!([1, {}, vm]))),
    );
    let disks: Vec<&str> = made
        .iter()
        .map(|answer| answer["result"].as_str().unwrap())
        .collect();
    let call = |method: &str, disk: &str| request(method, json!([vm, disk]));
    let known = || scene.settings(&vm)["disks"]["persistent"].clone();
    let hints = |disks: &[&str]| -> Value {
        let hint = |disk: &&str| (disk.to_string(), json!(format!("/warden-cpi-dev/{disk}")));
        disks
            .iter()
            .map(hint)
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    // The settings are those of all of them.
    at_once(
        &scene,
        disks[..4].iter().map(|disk| call("attach_disk", disk)),
    );
    assert_eq!(known(), hints(&disks[..4]));
    let detached = disks[..2].iter().map(|disk| call("detach_disk", disk));
    let attached = disks[4..].iter().map(|disk| call("attach_disk", disk));
    at_once(&scene, detached.chain(attached));
    assert_eq!(known(), hints(&disks[2..]));

    // Whoever deletes what another has just deleted has what was wanted.
    let about = |method: &str, cid: &str| request(method, json!([cid]));
    let deletes = (0..4).map(|_| about("delete_vm", &vm));
    let others = (0..2).flat_map(|_| {
        [
            about("has_vm", &vm),
            about("has_disk", disks[0]),
            about("delete_disk", disks[0]),
            about("delete_disk", disks[1]),
        ]
    });
    at_once(&scene, deletes.chain(others));
    assert_eq!(scene.call("has_vm", json!([vm])), false);
    scene.assert_no_machines();
    let deletes = disks[2..].iter().map(|disk| about("delete_disk", disk));
    let stemcells = (0..3).map(|_| about("delete_stemcell", &stemcell));
    at_once(&scene, deletes.clone().chain(deletes).chain(stemcells));
    for place in ["disks", "disks/.info", "stemcells", "stemcells/.content"] {
        assert_eq!(names(&scene.at(place)), Vec::<String>::new(), "in {place}");
    }
    drop(scene);
    leaks.assert_same();
}

#[test]
fn a_call_that_is_killed_leaves_nothing_for_good() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("auto");
    let stemcell = scene.stemcell(true);
    let mut half_made = 0;
    // Moments all over the call; what each one leaves is removed by its id, which the mark tells.
    for step in 0..12_u32 {
        let arguments = create_vm(&stemcell, "10.244.0.2", json!({}));
        let (command, output) = scene.command(&request("create_vm", arguments));
        let script = format!(
            "({command}) & pid=$!; sleep {}; kill -9 $pid; wait; true",
            f64::from(step) * 0.01
        );
        scene.server.actor().run(&["sh", "-c", &script]).success();
        let answer = std::fs::read(&output).unwrap_or_default();
        let mut cids = marks(&scene);
        if let Ok(answer) = serde_json::from_slice::<Value>(&answer) {
            cids.extend(answer["result"][0].as_str().map(ToOwned::to_owned));
        } else {
            half_made += cids.len();
        }
        for cid in cids {
            // Garden may be at work for the caller that died.
            scene.call("delete_vm", json!([cid]));
        }
        settled(&scene);
    }
    assert!(half_made > 0, "no call was killed while it made a machine");
    scene.assert_no_machines();
    drop(scene);
    leaks.assert_same();
}

fn marks(scene: &Scene) -> Vec<String> {
    names(&scene.at("ephemeral/.making"))
}

/// A container that Garden was making when its client died may come after the delete; then it is
/// deleted again, as a director would.
fn settled(scene: &Scene) {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        // Those as well that Garden is still making.
        let all = [("garden.state".to_owned(), "all".to_owned())];
        let left = scene.server.client().list(&all.into()).unwrap();
        if left.is_empty() {
            return;
        }
        assert!(Instant::now() < deadline, "{left:?}");
        for cid in left {
            scene.call("delete_vm", json!([cid]));
        }
    }
}

#[test]
fn what_a_dead_maker_left_goes_with_the_next_machine() {
    let scene = Scene::new("auto");
    let stemcell = scene.stemcell(true);
    let vm = scene.vm(&stemcell, "10.244.0.2");
    // As if its maker had been killed after the last step.
    std::fs::write(scene.at("ephemeral/.making").join(&vm), "").unwrap();
    let answer = scene.raw(&request(
        "create_vm",
        create_vm(&stemcell, "10.244.0.2", json!({})),
    ));
    assert_eq!(answer["error"], Value::Null, "{answer}");
    assert!(
        answer["log"]
            .as_str()
            .unwrap()
            .contains(&format!("removed VM {vm}")),
        "{answer}"
    );
    assert_eq!(scene.call("has_vm", json!([vm])), false);
    scene.call("delete_vm", json!([answer["result"][0]]));
    scene.assert_no_machines();
}

#[test]
fn a_machine_that_no_director_has_heard_of_gives_its_address_back() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("auto");
    let stemcell = scene.stemcell(true);
    // The director died before it read the answer; the next one gives the address away again.
    let forgotten = scene.vm(&stemcell, "10.244.0.2");
    let request = request("create_vm", create_vm(&stemcell, "10.244.0.2", json!({})));
    let answer = scene.raw(&request);
    assert!(answer["error"].is_null(), "{answer}");
    assert!(
        answer["log"].as_str().unwrap().contains(&forgotten),
        "{answer}"
    );
    assert_eq!(scene.call("has_vm", json!([forgotten])), json!(false));
    // This one is known.
    let known = answer["result"][0].as_str().unwrap().to_owned();
    scene.call("set_vm_metadata", json!([known, {"director": "d"}]));
    let answer = scene.raw(&request);
    assert_eq!(
        answer["error"]["type"], "Bosh::Clouds::VMCreationFailed",
        "{answer}"
    );
    assert_eq!(scene.call("has_vm", json!([known])), json!(true));
    scene.call("delete_vm", json!([known]));
    scene.assert_no_machines();
    drop(scene);
    leaks.assert_same();
}
