//! The steps, in their order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use warren_tests_harness::Leaks;

use crate::scene::{Scene, Wanted};
use crate::{deploys, kills, losses, witness};

#[test]
fn from_nothing_to_an_ensemble_that_survives_everything() {
    let leaks = Leaks::snapshot();
    let mut scene = timed("quickstart", Scene::new);
    assert!(scene.machine.net().forwards());
    let mut wanted = Wanted {
        tick: 1000,
        five: false,
        more: String::new(),
    };
    let nodes = scene.nodes();
    scene.node(&nodes[0]).create("/first", "of all");
    scene.node(&nodes[0]).create(witness::WRITTEN, "");
    scene.assert_ensemble(3, &wanted);

    let over = AtomicBool::new(false);
    let addresses: Vec<_> = nodes.iter().map(|node| node.address).collect();
    let seen = std::thread::scope(|scope| {
        let watching = scope.spawn(|| witness::watch(scene.machine.net(), &addresses, &over));
        // It ends whether they fail or not.
        let _over = Over(&over);
        for (name, step) in STEPS {
            timed(name, || step(&scene, &mut wanted));
            scene.assert_ensemble(3, &wanted);
            scene.assert_no_more_containers();
            // One that was killed counts as starting for a while.
            scene.until_good();
        }
        drop(_over);
        watching.join().unwrap()
    });
    println!("    {seen:?}");
    assert!(seen.too_many.is_empty(), "{seen:?}");
    // Somebody who sees nothing has not looked.
    assert!(seen.rounds > 0 && seen.one_down > 0, "{seen:?}");

    assert!(seen.leaderless < witness::ELECTION, "{seen:?}");
    assert!(seen.written > 0, "{seen:?}");
    for node in scene.nodes() {
        // One whose answer was lost may be there as well.
        let written = scene.node(&node).children(witness::WRITTEN);
        assert!(written >= seen.written, "{written} of {seen:?}");
    }

    timed("the loss of one node, and of two", || losses::nodes(&scene));
    scene.assert_ensemble(3, &wanted);
    timed("no way from node to node", || {
        losses::leader(&scene, &mut wanted);
    });
    scene.assert_ensemble(3, &wanted);
    timed("delete", || deploys::delete(&scene));
    timed("down", || {
        println!("{}", scene.warren(&["down"]).trim_end());
        assert!(!scene.home().join("environment.json").exists());
        assert!(!scene.machine.net().forwards());
    });
    timed("one level deeper, on PostgreSQL", || deeper(&mut scene));
    drop(scene);
    leaks.assert_same();
}

/// The same at the second level, of what was downloaded and of the image. The script finds all of it as it
/// left it, in spite of what was killed; and removes it itself, and these.
fn deeper(scene: &mut Scene) {
    let flags = "--depth 2 --database postgres";
    scene.quickstart(flags);
    scene.depth = 2;
    let mut wanted = Wanted {
        tick: 1000,
        five: false,
        more: String::new(),
    };
    let first = &scene.nodes()[0];
    scene.node(first).create("/first", "of all");
    timed("the database and a worker are killed", || {
        kills::database_and_worker(scene, &mut wanted);
    });
    scene.assert_ensemble(3, &wanted);
    scene.assert_no_more_containers();
    scene.until_good();
    let said = scene.quickstart(&format!("{flags} --down"));
    // Component, level, state.
    for part in [["Postgres", "2", "working"], ["ZooKeeper", "2", "working"]] {
        let mut rows = said.lines().map(str::split_whitespace);
        assert!(rows.any(|row| row.take(3).eq(part)), "{part:?}: {said}");
    }
    assert!(!scene.home().exists());
    assert!(!scene.work().exists());
}

type Step = fn(&Scene, &mut Wanted);

const STEPS: [(&str, Step); 9] = [
    ("a deploy that changes nothing", deploys::nothing),
    ("a property", deploys::property),
    ("five nodes and three again", deploys::scale),
    ("a canary that fails", deploys::canary),
    ("a deploy that is cancelled", deploys::cancel),
    ("a node is killed", kills::node),
    ("a worker is killed", kills::worker),
    ("the bus is killed", kills::bus),
    ("another stemcell, and Garden is killed", kills::garden),
];

/// Says how long it took.
fn timed<T>(name: &str, work: impl FnOnce() -> T) -> T {
    let began = Instant::now();
    let done = work();
    println!("{name}: {:.1} s", began.elapsed().as_secs_f64());
    done
}

struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
