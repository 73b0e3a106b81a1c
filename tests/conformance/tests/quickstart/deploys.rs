//! Deploys that nothing comes in between of.

use crate::scene::{Scene, Wanted};

/// The head of a line for each instance that is changed.
const UPDATING: &str = "Updating instance";

/// Neither does the same manifest, nor a property that no template asks for.
pub fn nothing(scene: &Scene, wanted: &mut Wanted) {
    let before = scene.processes();
    let said = scene.deploy(wanted);
    assert!(!said.contains(UPDATING), "{said}");
    let unused = Wanted {
        more: "- {type: replace, path: \"/instance_groups/name=zookeeper/jobs/name=zookeeper/\
               properties?/of_nobody\", value: 1}\n"
            .to_owned(),
        ..wanted.clone()
    };
    let said = scene.deploy(&unused);
    assert!(!said.contains(UPDATING), "{said}");
    assert_eq!(scene.processes(), before);
}

/// Each node is started anew, in the same machine, one after the other.
pub fn property(scene: &Scene, wanted: &mut Wanted) {
    let before = scene.processes();
    wanted.tick = 1100;
    let said = scene.deploy(wanted);
    assert!(!said.contains("Creating missing vms"), "{said}");
    assert_eq!(said.matches("L starting jobs").count(), 3, "{said}");
    for (old, new) in before.iter().zip(scene.processes()) {
        assert_eq!(old.0, new.0, "another machine");
        assert_ne!(old.1, new.1, "the same process");
    }
}

/// Two nodes come and go, with their disks; the others know of them.
pub fn scale(scene: &Scene, wanted: &mut Wanted) {
    let before = scene.nodes();
    wanted.five = true;
    let said = scene.deploy(wanted);
    assert!(said.contains("Creating missing vms"), "{said}");
    scene.assert_ensemble(5, wanted);
    assert_eq!(scene.disks().len(), 5);
    wanted.five = false;
    let said = scene.deploy(wanted);
    assert!(said.contains("Deleting unneeded instances"), "{said}");
    assert_eq!(scene.nodes(), before);
    assert_eq!(scene.rows(&["disks", "--orphaned"]).len(), 2);
}

/// The first node does not come up, and no other is touched.
pub fn canary(scene: &Scene, wanted: &mut Wanted) {
    let before = scene.processes();
    let failing = Wanted {
        more: "- {type: replace, path: \"/instance_groups/name=zookeeper/jobs/name=zookeeper/\
               properties?/heap_size\", value: none}\n\
               - {type: replace, path: /update/canary_watch_time, value: 1000-3000}\n"
            .to_owned(),
        ..wanted.clone()
    };
    let said = scene.deploy_refused(&failing);
    assert!(said.contains("is not running after update"), "{said}");
    assert_eq!(said.matches("L starting jobs").count(), 1, "{said}");
    let nodes = scene.nodes();
    for (index, node) in nodes.iter().enumerate().skip(1) {
        assert_eq!(scene.process_of(node), before[index]);
    }
    // Two of three are enough to write.
    scene.until("the others serve", || {
        nodes[1..]
            .iter()
            .all(|node| scene.node(node).mode().is_some())
    });
    scene.node(&nodes[1]).create("/without-one", "");
    assert!(!scene.node(&nodes[0]).lives());
    let said = scene.deploy(wanted);
    assert_eq!(said.matches("L starting jobs").count(), 1, "{said}");
    assert_eq!(scene.node(&nodes[0]).get("/without-one"), "");
}

/// The canary has begun, and nothing is begun after it.
pub fn cancel(scene: &Scene, wanted: &mut Wanted) {
    let before = scene.processes();
    wanted.tick += 100;
    let slow = Wanted {
        more: "- {type: replace, path: /update/canary_watch_time, value: 60000-120000}\n"
            .to_owned(),
        ..wanted.clone()
    };
    let begun = scene.begin_deploy(&slow);
    begun.until_said("L starting jobs");
    let tasks = scene.rows(&["tasks"]);
    let task = tasks[0]["id"].as_str().unwrap();
    scene.bosh(&["cancel-task", task]);
    let (code, said) = scene.settled(begun);
    assert_ne!(code, 0, "{said}");
    let ended = scene.rows(&["tasks", "--recent=1"]);
    assert_eq!(ended[0]["state"], "cancelled", "{ended:?}");
    assert!(scene.rows(&["locks"]).is_empty());
    for (node, before) in scene.nodes().iter().zip(&before).skip(1) {
        assert_eq!(&scene.process_of(node), before, "{said}");
    }
    scene.deploy(wanted);
}

/// Nothing is left of it: no machine, no disk.
pub fn delete(scene: &Scene) {
    scene.bosh(&["delete-deployment"]);
    assert!(scene.rows(&["deployments"]).is_empty());
    assert_eq!(scene.containers(), Vec::<String>::new());
    scene.bosh(&["clean-up", "--all"]);
    assert_eq!(scene.disks(), Vec::<String>::new());
}
