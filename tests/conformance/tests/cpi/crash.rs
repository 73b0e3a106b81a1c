//! Calls at the same time, and calls that are killed at any moment.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_tests_harness::Leaks;

use crate::scene::{Scene, create_vm, names, request};

#[test]
fn machines_are_made_at_the_same_time() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("auto");
    let stemcell = scene.stemcell(true);
    let calls: Vec<_> = (2..6)
        .map(|last| {
            let arguments = create_vm(&stemcell, &format!("10.244.0.{last}"), json!({}));
            scene.command(&request("create_vm", arguments))
        })
        .collect();
    let all: String = calls
        .iter()
        .map(|(command, _)| format!("({command}) &\n"))
        .collect();
    scene
        .server
        .actor()
        .run(&["sh", "-c", &format!("{all}wait")])
        .success();
    let cids: Vec<String> = calls
        .iter()
        .map(|(_, output)| {
            let answer: Value = serde_json::from_slice(&std::fs::read(output).unwrap()).unwrap();
            assert_eq!(answer["error"], Value::Null, "{answer}");
            answer["result"][0].as_str().unwrap().to_owned()
        })
        .collect();
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
    let deletes: String = cids
        .iter()
        .map(|cid| {
            format!(
                "({}) &\n",
                scene.command(&request("delete_vm", json!([cid]))).0
            )
        })
        .collect();
    scene
        .server
        .actor()
        .run(&["sh", "-c", &format!("{deletes}wait")])
        .success();
    scene.assert_no_machines();
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
