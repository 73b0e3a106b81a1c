//! A deployment from nothing to nothing.

use warren_tests_harness::Leaks;

use crate::release::manifest;
use crate::scene::Scene;

#[test]
fn a_deployment_lives_changes_and_goes() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new();

    let said = scene.deploy(&manifest(2, "hello", false));
    assert!(said.contains("Compiling packages: tool/"), "{said}");
    assert!(said.contains("Creating missing vms: web/"), "{said}");
    assert!(said.contains("(canary)"), "{said}");
    let machines = scene.machines();
    assert_eq!(machines.len(), 2);
    let config = scene.inside(&machines[0], "cat /var/vcap/jobs/web/config/config");
    assert!(config.starts_with("hello from web/"), "{config}");
    assert_eq!(
        config
            .lines()
            .filter(|line| line.starts_with("10.250.0."))
            .count(),
        2
    );
    assert!(!config.contains("(("), "{config}");
    let running = scene.bosh(&["instances", "--ps"]);
    assert_eq!(running.matches("running").count(), 4, "{running}");

    // Nothing changed: nothing is done.
    let again = scene.deploy(&manifest(2, "hello", false));
    assert!(!again.contains("Updating instance"), "{again}");
    assert_eq!(scene.machines(), machines);

    // A property: the jobs are restarted where they are.
    let changed = scene.deploy(&manifest(2, "good-day", false));
    assert_eq!(
        changed.matches("Updating instance web: web/").count(),
        2,
        "{changed}"
    );
    assert_eq!(scene.machines(), machines);
    let config = scene.inside(&machines[0], "cat /var/vcap/jobs/web/config/config");
    assert!(config.starts_with("good-day"), "{config}");
    let started = scene.inside(&machines[0], "wc -l </var/vcap/store/started");
    assert_eq!(started.trim(), "2");

    // An errand asks all of them.
    let checked = scene.bosh(&["run-errand", "check"]);
    assert!(checked.contains("good-day 10.250.0."), "{checked}");

    // A machine anew keeps its disk.
    scene.bosh(&["recreate", "web/0"]);
    let others = scene.machines();
    assert_eq!(
        others.iter().filter(|cid| machines.contains(cid)).count(),
        1
    );
    for cid in &others {
        let started = scene.inside(cid, "wc -l </var/vcap/store/started");
        assert!(started.trim().parse::<u32>().unwrap() >= 2, "{started}");
    }

    // More and fewer.
    scene.deploy(&manifest(3, "good-day", false));
    assert_eq!(scene.machines().len(), 3);
    scene.deploy(&manifest(1, "good-day", false));
    assert_eq!(scene.machines().len(), 1);

    scene.bosh(&["delete-deployment"]);
    assert!(
        scene
            .bosh(&["deployments"])
            .lines()
            .all(|line| !line.contains("small"))
    );
    drop(scene);
    leaks.assert_same();
}
