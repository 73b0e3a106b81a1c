//! What is done from time to time, and not done when there is nothing to do.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use warren_director_engine::scheduled::has_work;
use warren_director_store::output::Kind;
use warren_director_store::work::{Scheduled, Work};
use warren_director_store::{disks, dns, events, orphaned_vms, tasks, vms};

use crate::machines::deployment;
use crate::scene::{Ended, Scene};

/// Waits until a second has passed that makes all that there is old enough, and has it done.
async fn done(scene: &Scene, wanted: Scheduled) -> Ended {
    let by_age = matches!(
        wanted,
        Scheduled::OrphanedDisks { .. } | Scheduled::DnsBlobs { .. }
    );
    let made = second();
    while by_age && second() == made {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let begun = Instant::now();
    while !has_work(&scene.engine.store, wanted).await.unwrap() {
        assert!(begun.elapsed() < Duration::from_secs(30), "{wanted:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ended = scene.work(Work::Scheduled(wanted)).await.done();
    assert!(
        !has_work(&scene.engine.store, wanted).await.unwrap(),
        "{wanted:?}"
    );
    ended
}

/// Times of rows are whole seconds.
fn second() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.unwrap().as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn orphans_are_deleted() {
    let scene = Scene::start(None).await;
    let rows = deployment(&scene, &[("web", 0, Some("a0"))]).await;
    let pool = scene.engine.store.pool();
    let old = Scheduled::OrphanedDisks { max_age: 5 };
    for wanted in [Scheduled::OrphanedVms, old] {
        assert!(!has_work(&scene.engine.store, wanted).await.unwrap());
    }
    let vm = vms::list(pool).await.unwrap().remove(0);
    orphaned_vms::create(pool, &vm, Some("z1"), "d", "web/0")
        .await
        .unwrap();
    let ended = done(&scene, Scheduled::OrphanedVms).await;
    assert_eq!(
        ended.finished(),
        ["Deleting orphaned vms: Deleting orphaned vm cid-a0"]
    );
    assert_eq!(
        ended.result,
        "Deleted 1 orphaned vm(s). Failed to delete 0 orphaned vm(s)."
    );

    for cid in ["disk-1", "disk-2"] {
        let new = disks::New {
            instance_id: rows[0].0.id,
            cid,
            name: "",
            size: 1,
            active: false,
            cloud_properties: "{}",
            cpi: "",
        };
        let disk = disks::create(pool, &new).await.unwrap();
        let mut tx = scene.engine.store.begin().await.unwrap();
        disks::orphan(&mut tx, &disk, None, "d", "web/0")
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
    // They are too young for this one.
    assert!(!has_work(&scene.engine.store, old).await.unwrap());
    let ended = done(&scene, Scheduled::OrphanedDisks { max_age: 0 }).await;
    assert_eq!(ended.in_state("finished").len(), 2);
    assert!(disks::orphans(pool).await.unwrap().is_empty());
    let deleted: Vec<_> = scene
        .cpi_calls()
        .iter()
        .filter_map(|call| Some(call["arguments"][0].as_str()?.to_owned()))
        .collect();
    assert_eq!(deleted.len(), 3, "{deleted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn old_names_events_and_tasks_are_forgotten() {
    let scene = Scene::start(None).await;
    let pool = scene.engine.store.pool();
    let names = Scheduled::DnsBlobs {
        kept: 2,
        max_age: 0,
    };
    for number in 1..=4 {
        let version = dns::begin_version(pool, number, 0).await.unwrap();
        let blob = scene.engine.blobs.create(&b"{}"[..]).await.unwrap();
        dns::publish(pool, version, &blob.id, &blob.digest())
            .await
            .unwrap();
        dns::add_tombstone(pool).await.unwrap();
    }
    done(&scene, names).await;
    assert_eq!(dns::published(pool).await.unwrap().len(), 2);
    assert_eq!(scene.blobs(), 2);
    done(&scene, Scheduled::DnsTombstones).await;
    assert_eq!(dns::records(pool).await.unwrap().len(), 1);

    for _ in 0..5 {
        let event = events::New {
            username: "admin",
            action: "x",
            object_type: "y",
            ..events::New::default()
        };
        events::create(pool, &event).await.unwrap();
    }
    let ended = done(&scene, Scheduled::Events { kept: 3 }).await;
    assert_eq!(ended.result, "Deleted 2 event(s)");

    let filter = tasks::Filter::default();
    let oldest = tasks::list(pool, &filter).await.unwrap().pop().unwrap().id;
    assert!(scene.engine.outputs.path(oldest, Kind::Debug).exists());
    for _ in 0..3 {
        scene.work(Work::Scheduled(names)).await.done();
    }
    let wanted = Scheduled::Tasks { kept: 1 };
    assert!(has_work(&scene.engine.store, wanted).await.unwrap());
    let ended = scene.work(Work::Scheduled(wanted)).await.done();
    assert!(
        ended
            .result
            .contains("3 task(s) of type 'scheduled_dns_blobs_cleanup'"),
        "{ended:?}"
    );
    assert!(tasks::find(pool, oldest).await.unwrap().is_none());
    assert!(!scene.engine.outputs.path(oldest, Kind::Debug).exists());
}
