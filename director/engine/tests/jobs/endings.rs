//! Jobs that end: what they are told, how long they are waited for, and that nothing is deleted under
//! those that refuse.

use std::time::{Duration, Instant};

use serde_json::json;
use warren_director_store::work::{Errand, StateChange, Work};
use warren_director_store::{agent_tasks, deployments, instances, tasks, vms};

use crate::archives::a_job;
use crate::director::{Director, manifest};

async fn deployed(instances: usize) -> Director {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(&manifest(instances, "")).await.done();
    it
}

/// What `pre-stop` was told last.
fn told(it: &Director) -> serde_json::Value {
    let mut scripts = it.asked("run_script");
    scripts.retain(|arguments| arguments[0] == "pre-stop");
    scripts.pop().unwrap()[1]["env"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_that_refuses_to_end_keeps_its_machine() {
    let it = deployed(3).await;
    let before = it.instances().await;
    for method in ["run_script", "drain", "stop"] {
        it.refuse(method);
        let stops = it.asked("stop").len();
        let ended = it.deploy(&manifest(2, "")).await;
        assert_eq!((ended.state.as_str(), ended.code()), ("error", 450_001));
        assert!(ended.result.contains(&format!("{method} is refused")));
        assert_eq!(ended.in_state("failed").len(), 1, "{ended:?}");
        assert_eq!(
            it.asked("stop").len(),
            stops + usize::from(method == "stop")
        );
    }
    assert!(it.calls("delete_vm").is_empty());
    let after = it.instances().await;
    assert_eq!(after.len(), 3);
    assert_eq!(it.machines(before[2].id).await.len(), 1);
    assert_eq!(
        told(&it),
        json!({"BOSH_VM_NEXT_STATE": "delete", "BOSH_INSTANCE_NEXT_STATE": "delete",
            "BOSH_DEPLOYMENT_NEXT_STATE": "keep"})
    );
    // Who wants it back after all gets it started again.
    let starts = it.asked("start").len();
    it.deploy(&manifest(3, "")).await.done();
    assert_eq!(it.asked("start").len(), starts + 1);

    // Somebody cancels while it waits for a drain that takes an hour.
    it.answer("drain", &[json!({"value": 3600})]);
    let text = manifest(2, "");
    let begun = Instant::now();
    let (ended, ()) = tokio::join!(it.deploy(&text), it.cancel_at("drain"));
    assert_eq!(ended.state, "cancelled", "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    assert!(it.calls("delete_vm").is_empty());

    // One that drains by and by is asked until it is done.
    let asked = it.asked("drain").len();
    it.answer("drain", &[json!({"value": -1}), json!({"value": 0})]);
    it.deploy(&manifest(2, "")).await.done();
    assert_eq!(
        it.asked("drain")[asked..],
        [json!(["shutdown", {}]), json!(["status"])]
    );
    assert_eq!(it.calls("delete_vm").len(), 1);

    // Nobody is drained who shall not be.
    let asked = it.asked("drain").len();
    let ended = it.update(|deploy| {
        deploy.manifest = Some(manifest(1, ""));
        deploy.skip_drain = vec!["web".to_owned()];
    });
    ended.await.done();
    assert_eq!(it.asked("drain").len(), asked);
    assert_eq!(it.calls("delete_vm").len(), 2);

    let delete = |force| Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force,
    };
    it.refuse("drain");
    let ended = it.scene.work_on(Some("d"), delete(false)).await;
    assert_eq!(ended.code(), 450_001, "{ended:?}");
    assert_eq!(told(&it)["BOSH_DEPLOYMENT_NEXT_STATE"], "delete");
    assert_eq!(it.calls("delete_vm").len(), 2);
    it.refuse("drain");
    it.scene.work_on(Some("d"), delete(true)).await.done();
    // Its machine goes as well.
    assert_eq!(it.calls("delete_vm").len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_for_after_a_deploy_that_failed_run_with_the_next() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    let ran = || {
        let mut scripts = it.asked("run_script");
        scripts.retain(|arguments| arguments[0] == "post-deploy");
        scripts.len()
    };
    // After pre-start and post-start.
    let (good, bad) = (
        json!({"value": {}}),
        json!({"exception": {"message": "run_script is refused"}}),
    );
    it.answer("run_script", &[good.clone(), good, bad]);
    let ended = it.deploy(&manifest(1, "")).await;
    assert_eq!((ended.code(), ran()), (450_001, 1), "{ended:?}");
    let again = it.deploy(&manifest(1, "")).await.done();
    // Nothing else is left to do.
    assert_eq!((again.finished().len(), ran()), (3, 2));
    it.deploy(&manifest(1, "")).await.done();
    assert_eq!(ran(), 2);

    // Their director is killed while they run, when all else is done.
    let running = json!({"value": {"agent_task_id": "t", "state": "running"}});
    let text = manifest(1, "  env: {a: 1}\n");
    // After pre-stop, post-stop, pre-start and post-start.
    let mut answers = vec![json!({"value": {}}); 4];
    answers.push(running);
    it.answer("run_script", &answers);
    let (ended, ()) = tokio::join!(it.deploy(&text), it.kill_at("get_task", async || ()));
    ended.done();
    assert_eq!((ran(), it.calls("create_vm").len()), (4, 2));
    it.deploy(&text).await.done();
    assert_eq!(ran(), 4);
}

#[tokio::test(flavor = "multi_thread")]
pub async fn jobs_that_a_killed_director_started_are_ended_before_they_are_started_again() {
    let it = deployed(1).await;
    let state = async |state: &str| {
        let change = StateChange {
            state: state.to_owned(),
            job: Some("web".to_owned()),
            id: Some("0".to_owned()),
        };
        it.update(|deploy| deploy.change = Some(change)).await
    };
    let counts = || ["drain", "stop", "start"].map(|method| it.asked(method).len());
    state("stopped").await.done();
    let before = counts();
    let (ended, ()) = tokio::join!(state("started"), it.kill_at("start", async || ()));
    ended.done();
    assert_eq!(counts(), [before[0] + 1, before[1] + 1, before[2] + 2]);
    // What was not started yet is not ended again.
    state("stopped").await.done();
    let before = counts();
    let (ended, ()) = tokio::join!(state("started"), it.kill_at("update_settings", async || ()));
    ended.done();
    assert_eq!(counts(), [before[0], before[1], before[2] + 1]);
    // Nor is an instance deleted under jobs that run.
    state("stopped").await.done();
    let before = counts();
    let cancelled = it.kill_at("start", async || it.cancel().await);
    let (ended, ()) = tokio::join!(state("started"), cancelled);
    assert_eq!(ended.state, "cancelled", "{ended:?}");
    let delete = Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force: false,
    };
    it.scene.work_on(Some("d"), delete).await.done();
    assert_eq!(it.asked("stop").len(), before[1] + 1);
}

#[tokio::test(flavor = "multi_thread")]
pub async fn an_errand_that_is_cancelled_while_nobody_works_on_it_is_ended() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(&manifest(1, "  lifecycle: errand\n"))
        .await
        .done();
    let runs = json!({"value": {"agent_task_id": "t-1", "state": "running"}});
    it.answer("run_errand", &[runs]);
    let kill = it.kill_at("get_task", async || it.cancel().await);
    let errand = Work::RunErrand(Errand {
        deployment: "d".to_owned(),
        name: "web".to_owned(),
        keep_alive: false,
        when_changed: false,
        instances: Vec::new(),
    });
    let (ended, ()) = tokio::join!(it.scene.work_on(Some("d"), errand), kill);
    assert_eq!(ended.state, "cancelled", "{ended:?}");
    assert_eq!(it.asked("cancel_task"), [json!(["t-1"])]);
    let order = it.timeline().into_iter().filter_map(|(_, call)| {
        let method = call["method"].as_str().unwrap().to_owned();
        ["cancel_task", "delete_vm"]
            .contains(&method.as_str())
            .then_some(method)
    });
    assert_eq!(order.collect::<Vec<_>>(), ["cancel_task", "delete_vm"]);
    let pool = it.scene.engine.store.pool();
    assert_eq!(vms::list(pool).await.unwrap(), []);
    let newest = tasks::list(pool, &tasks::Filter::default()).await.unwrap();
    let left = agent_tasks::of_task(pool, newest[0].id).await;
    assert_eq!(left.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_that_are_watched_for_an_hour_can_be_left() {
    let it = deployed(1).await;
    let text = manifest(1, "  env: {a: 1}\n").replace("1-30000", "3600000-3600000");
    let begun = Instant::now();
    let (ended, ()) = tokio::join!(it.deploy(&text), it.cancel_at("start"));
    assert_eq!(ended.state, "cancelled", "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_of_an_errand_goes_whatever_became_of_it() {
    let it = Director::start().await;
    it.track_mounts();
    it.release(&[a_job("web", "bbbb", "")]).await;
    let group = manifest(1, "  lifecycle: errand\n  persistent_disk: 100\n");
    it.deploy(&group).await.done();
    let run = || {
        let errand = Errand {
            deployment: "d".to_owned(),
            name: "web".to_owned(),
            keep_alive: false,
            when_changed: false,
            instances: Vec::new(),
        };
        it.scene.work_on(Some("d"), Work::RunErrand(errand))
    };
    // Somebody cancels it.
    let runs = json!({"value": {"agent_task_id": "t", "state": "running"}});
    it.answer("run_errand", std::slice::from_ref(&runs));
    it.answer("get_task", &vec![runs; 100]);
    let (ended, ()) = tokio::join!(run(), it.cancel_at("run_errand"));
    assert_eq!(ended.state, "cancelled", "{ended:?}");
    let gone = |count: usize| {
        let calls = ["create_vm", "attach_disk", "detach_disk", "delete_vm"];
        assert_eq!(calls.map(|method| it.calls(method).len()), [count; 4]);
    };
    gone(1);
    assert_eq!(it.asked("unmount_disk").len(), 1);
    // It brings its machine down.
    std::fs::write(it.scene.directory.path().join("gone"), "").unwrap();
    it.refuse("run_errand");
    it.silence_after("run_errand");
    let begun = Instant::now();
    let ended = run().await;
    assert_eq!(ended.code(), 450_001, "{ended:?}");
    assert!(begun.elapsed() < Duration::from_secs(60));
    gone(2);
    let row = it.instances().await.remove(0);
    assert!(it.machines(row.id).await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_deleted_is_forgotten_by_force() {
    let it = deployed(1).await;
    let pool = it.scene.engine.store.pool();
    let set = it.instances().await[0].variable_set_id;
    let new = instances::New {
        deployment_id: 1,
        job: "compilation-x",
        index: 0,
        uuid: "left-over",
        state: "started",
        availability_zone: Some("z1"),
        bootstrap: false,
        compilation: true,
        variable_set_id: set,
    };
    let left = instances::create(pool, &new).await.unwrap();
    let mut machine = vms::create(pool, left.id, "compiles", "").await.unwrap();
    machine.cid = Some("left-over-cid".to_owned());
    vms::save(pool, &machine).await.unwrap();
    it.fail("delete_vm", Some("CloudError"));
    let delete = |force| Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force,
    };
    let ended = it.scene.work_on(Some("d"), delete(false)).await;
    assert_eq!(ended.state, "error", "{ended:?}");
    assert_eq!(it.calls("delete_vm").len(), 1);
    it.scene.work_on(Some("d"), delete(true)).await.done();
    assert_eq!(it.calls("delete_vm").len(), 3);
    assert_eq!(vms::list(pool).await.unwrap(), []);
    assert!(deployments::find(pool, "d").await.unwrap().is_none());
}
