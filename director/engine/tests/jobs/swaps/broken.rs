//! What is left of swaps that something breaks off, and what the next deploy makes of it.

use std::time::{Duration, Instant};

use warren_director_store::work::{InstanceAction, Work};
use warren_director_store::{deployments, locks, tasks};

use super::{
    SWAP, addresses, assert_nothing_is_left, cid, clean_up, deployed, machines, orphans, swapping,
    the_disk,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_canary_that_fails_leaves_the_others_and_what_was_made_for_them() {
    let it = deployed(&swapping(2, "1")).await;
    let before = machines(&it).await;
    it.break_jobs(true);
    let ended = it.deploy(&swapping(2, "2")).await;
    assert_eq!(ended.code(), 400_007, "{ended:?}");
    it.break_jobs(false);
    let after = machines(&it).await;
    // Which one was first, its id says.
    let canary = usize::from(cid(&after[0].0) == cid(&before[0].0));
    let other = 1 - canary;
    assert_eq!(orphans(&it).await, [cid(&before[canary].0)]);
    assert_ne!(after[canary].0.cid, before[canary].0.cid);
    assert_eq!(after[other].0, before[other].0);
    let spare = after[other].1[0].clone();
    assert_eq!(addresses(&it).await[&Some(spare.id)].len(), 1);
    // Nobody asked anything of the old one that serves.
    let asked_of_other = it.timeline().into_iter().filter(|(agent, call)| {
        agent.as_ref() == Some(&before[other].0.agent_id) && call["method"] == "stop"
    });
    assert_eq!(asked_of_other.count(), 0);
    // A task about one instance has other things in mind.
    let restart = Work::UpdateInstance(InstanceAction {
        deployment: "d".to_owned(),
        job: "web".to_owned(),
        id: other.to_string(),
        action: "restart".to_owned(),
        skip_drain: false,
        hard: false,
        ignore_unresponsive_agent: false,
    });
    it.scene.work_on(Some("d"), restart).await.done();
    assert_eq!(machines(&it).await[other], after[other]);
    // The next deploy makes none.
    let made = it.calls("create_vm").len();
    let ended = it.deploy(&swapping(2, "2")).await.done();
    let created = ended.finished();
    assert!(
        !created.iter().any(|step| step.starts_with("Creating")),
        "{created:?}"
    );
    assert_eq!(it.calls("create_vm").len(), made);
    let now = machines(&it).await;
    assert_eq!(now[other].0.cid, spare.cid);
    assert_eq!(now[canary].0.cid, after[canary].0.cid);
    assert_eq!(
        orphans(&it).await,
        [cid(&before[canary].0), cid(&before[other].0)]
    );
    assert_nothing_is_left(&it, 2).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_for_what_is_not_wanted_any_more_goes() {
    let it = deployed(&swapping(2, "1")).await;
    let failed = async |env: &str| {
        it.break_jobs(true);
        let ended = it.deploy(&swapping(2, env)).await;
        assert_eq!(ended.code(), 400_007, "{ended:?}");
        it.break_jobs(false);
        let all = machines(&it).await;
        let waits = all.into_iter().find(|(_, waiting)| !waiting.is_empty());
        cid(&waits.unwrap().1[0])
    };
    let first = failed("2").await;
    // Another environment: what was made for the last one does not fit.
    let second = failed("3").await;
    assert_ne!(first, second);
    assert!(orphans(&it).await.contains(&first));
    // What there was is wanted again: nobody has to be made anew but the canary.
    let made = it.calls("create_vm").len();
    it.deploy(&swapping(2, "1")).await.done();
    assert_eq!(it.calls("create_vm").len(), made + 1);
    assert!(orphans(&it).await.contains(&second));
    assert_nothing_is_left(&it, 2).await;
    // Nor does anything stay of one that waits when the group asks for the other way.
    failed("4").await;
    let plain = |text: String| text.replace(SWAP, "");
    it.deploy(&plain(swapping(2, "4"))).await.done();
    assert_nothing_is_left(&it, 2).await;
    // Or when all of it goes.
    failed("5").await;
    let delete = Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force: false,
    };
    it.scene.work(delete).await.done();
    clean_up(&it).await;
    assert_eq!(it.calls("create_vm").len(), it.calls("delete_vm").len());
    assert!(addresses(&it).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_killed_leaves_nothing() {
    let text = |env: usize| swapping(1, &env.to_string()) + "  persistent_disk: 100\n";
    let it = deployed(&text(0)).await;
    let pool = it.scene.engine.store.pool();
    let disk = the_disk(&it).await;
    let steps = [
        "prepare",
        "drain",
        "stop",
        "unmount_disk",
        "detach_disk",
        "attach_disk",
        "mount_disk",
        "update_settings",
        "apply",
        "start",
    ];
    for (number, method) in steps.into_iter().enumerate() {
        println!("killed at {method}");
        let before = machines(&it).await.remove(0).0;
        let deployment = deployments::find(pool, "d").await.unwrap().unwrap();
        assert!(deployment.manifest.is_some());
        let asked = || {
            let calls = it.timeline().into_iter();
            calls.filter(|(_, call)| call["method"] == method).count()
        };
        let count = asked();
        // The first two of a deploy are of the machine that is made.
        let skipped = match method {
            "update_settings" | "apply" => 1,
            _ => 0,
        };
        let text = text(number + 1);
        let deploy = it.deploy(&text);
        let kill = async {
            let end = Instant::now() + Duration::from_secs(30);
            while asked() < count + skipped {
                assert!(Instant::now() < end, "{method} is not asked for");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            it.stick(method);
            while asked() < count + skipped + 1 {
                assert!(Instant::now() < end, "{method} is not asked for again");
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            it.scene.kill_workers().await;
            it.go_on(method);
            it.scene.start_workers().await;
        };
        let (ended, ()) = tokio::join!(deploy, kill);
        ended.done();
        let now = machines(&it).await.remove(0).0;
        assert_ne!(now.cid, before.cid, "{method}");
        assert_eq!(locks::list(pool).await.unwrap(), [], "{method}");
        assert_eq!(the_disk(&it).await, disk);
        assert_nothing_is_left(&it, 1).await;
        let again = it.deploy(&text).await.done();
        assert_eq!(again.finished().len(), 3, "{method}: {again:?}");
    }
    let all = tasks::list(pool, &tasks::Filter::default()).await.unwrap();
    assert!(all.iter().any(|task| task.attempts == 2));
}
