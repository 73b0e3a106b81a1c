//! What is done with a deployment that there is: errands, and states of single instances.

use serde_json::{Value, json};
use warren_director_store::problems::{self, Problem};
use warren_director_store::work::{Errand, InstanceAction, Work};
use warren_director_store::{events, instances, ips, vms};

use crate::archives::{a_job, package};
use crate::director::{Director, manifest};
use crate::scene::{Ended, Scene};

const SMOKE: &str = "- name: smoke
  lifecycle: errand
  instances: 1
  azs: [z1]
  stemcell: default
  vm_type: default
  networks: [{name: default}]
  jobs: [{name: tests, release: r}]
";

/// A deployment of two instances and an errand.
async fn deployed() -> Director {
    let it = Director::start().await;
    it.release(&[
        package("p", "aaaa", ""),
        a_job("web", "bbbb", ""),
        a_job("tests", "cccc", "p"),
    ])
    .await;
    it.deploy(&manifest(2, SMOKE)).await.done();
    it
}

fn errand(name: &str) -> Errand {
    Errand {
        deployment: "d".to_owned(),
        name: name.to_owned(),
        keep_alive: false,
        when_changed: false,
        instances: Vec::new(),
    }
}

async fn run(scene: &Scene, errand: Errand) -> Ended {
    scene.work(Work::RunErrand(errand)).await
}

fn lines(ended: &Ended) -> Vec<Value> {
    ended
        .output
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_errand_gets_a_machine_and_gives_it_back() {
    let it = deployed().await;
    let (agent, scene) = (&it.agent, &it.scene);
    let pool = scene.engine.store.pool();
    let addresses = ips::list(pool).await.unwrap().len();
    let smoke = {
        let all = instances::of_deployment(pool, 1).await.unwrap();
        all.into_iter().find(|row| row.job == "smoke").unwrap()
    };
    // The name is a group's and no job's.
    let ended = run(scene, errand("smoke")).await.done();
    assert_eq!(ended.result, "1 succeeded, 0 errored, 0 canceled");
    let name = format!("{} (0)", smoke.name());
    let finished = ended.finished();
    assert_eq!(
        finished,
        [
            "Preparing deployment: Preparing deployment".to_owned(),
            "Preparing deployment: Rendering templates".to_owned(),
            "Preparing package compilation: Finding packages to compile".to_owned(),
            format!("Creating missing vms: {name}"),
            format!("Updating instance: {name} (canary)"),
            format!("Running errand: {name}"),
            format!("Fetching logs for {name}: Finding and packing log files"),
            format!("Deleting errand instances: {name}"),
        ]
    );
    let line = &lines(&ended)[0];
    assert!(line["logs"]["blobstore_id"].is_string() && line["logs"]["sha1"].is_string());
    let mut line = line.clone();
    line.as_object_mut().unwrap().remove("logs");
    assert_eq!(
        line,
        json!({"instance": {"group": "smoke", "id": smoke.uuid}, "errand_name": "smoke",
            "exit_code": 0, "stdout": "0", "stderr": "e"})
    );
    assert!(vms::of_instance(pool, smoke.id).await.unwrap().is_empty());
    assert_eq!(ips::list(pool).await.unwrap().len(), addresses);
    let listed = events::list(pool, &events::Filter::default())
        .await
        .unwrap();
    let ran = listed
        .iter()
        .find(|event| event.object_type == "errand")
        .unwrap();
    assert_eq!(ran.instance.as_deref(), Some(name.as_str()));

    // By the job's name, kept; then again on the machine that is there.
    let mut kept = errand("tests");
    kept.keep_alive = true;
    let ended = run(scene, kept.clone()).await.done();
    assert!(
        !ended
            .finished()
            .iter()
            .any(|step| step.starts_with("Deleting")),
        "{ended:?}"
    );
    assert_eq!(lines(&ended)[0]["stdout"], "1");
    let machine = vms::of_instance(pool, smoke.id).await.unwrap();
    assert_eq!(machine.len(), 1);
    kept.when_changed = true;
    let skipped = run(scene, kept).await.done();
    assert_eq!(skipped.result, "skipped - no changes detected");
    assert!(skipped.output.is_empty());
    assert_eq!(vms::of_instance(pool, smoke.id).await.unwrap(), machine);
    let asked = agent.asked();
    let runs: Vec<&Value> = asked
        .iter()
        .filter(|(method, _)| method == "run_errand")
        .map(|(_, with)| with)
        .collect();
    assert_eq!(runs, [&json!([]), &json!(["tests"])]);
    assert_eq!(run(scene, errand("nope")).await.code(), 70_009);
    let mut chosen = errand("smoke");
    chosen.instances = vec![("smoke".to_owned(), None)];
    assert_eq!(run(scene, chosen).await.code(), 510_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_errand_runs_on_instances_that_there_are() {
    let it = deployed().await;
    let scene = &it.scene;
    let calls = scene.cpi_calls().len();
    let ended = run(scene, errand("web")).await.done();
    assert_eq!(ended.result, "2 succeeded, 0 errored, 0 canceled");
    assert_eq!(lines(&ended).len(), 2);
    let mut chosen = errand("web");
    chosen.instances = vec![("web".to_owned(), Some("1".to_owned()))];
    let ended = run(scene, chosen).await.done();
    assert_eq!(ended.result, "1 succeeded, 0 errored, 0 canceled");
    // No machine was touched for it.
    assert_eq!(scene.cpi_calls().len(), calls);
    let mut nobody = errand("web");
    nobody.instances = vec![("web".to_owned(), Some("7".to_owned()))];
    assert_eq!(run(scene, nobody).await.code(), 510_000);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_is_stopped_and_started_alone() {
    let it = deployed().await;
    let scene = &it.scene;
    let pool = scene.engine.store.pool();
    let rows = || async {
        let mut rows = instances::of_deployment(pool, 1).await.unwrap();
        rows.retain(|row| row.job == "web");
        rows
    };
    let before = rows().await;
    let act = |job: &str, action: &str, hard| {
        Work::UpdateInstance(InstanceAction {
            deployment: "d".to_owned(),
            job: job.to_owned(),
            id: "1".to_owned(),
            action: action.to_owned(),
            skip_drain: false,
            hard,
            ignore_unresponsive_agent: false,
        })
    };
    let machines = || async { vms::of_instance(pool, before[1].id).await.unwrap() };
    let first = machines().await;
    let ended = scene.work(act("web", "stop", false)).await.done();
    assert_eq!(ended.result, before[1].name());
    let title = format!("{} (1)", before[1].name());
    assert_eq!(
        ended.finished().last().unwrap(),
        &format!("Updating instance {title}: {title}")
    );
    let states = |rows: Vec<instances::Instance>| -> Vec<String> {
        rows.into_iter().map(|row| row.state).collect()
    };
    assert_eq!(states(rows().await), ["started", "stopped"]);
    assert_eq!(machines().await, first);
    scene.work(act("web", "stop", true)).await.done();
    assert_eq!(states(rows().await), ["started", "detached"]);
    assert!(machines().await.is_empty());
    scene.work(act("web", "start", false)).await.done();
    assert_eq!(states(rows().await), ["started", "started"]);
    let second = machines().await;
    assert_ne!(second[0].cid, first[0].cid);
    scene.work(act("web", "restart", false)).await.done();
    assert_eq!(machines().await, second);
    scene.work(act("web", "recreate", false)).await.done();
    assert_ne!(machines().await[0].cid, second[0].cid);
    // The other one was left alone all the while.
    assert_eq!(rows().await[0], before[0]);
    assert_eq!(scene.work(act("nope", "start", false)).await.code(), 70_001);
    instances::set_ignored(pool, before[1].id, true)
        .await
        .unwrap();
    assert_eq!(scene.work(act("web", "start", false)).await.code(), 190_020);
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_that_are_gone_are_found_and_made_anew() {
    let it = deployed().await;
    let scene = &it.scene;
    let pool = scene.engine.store.pool();
    let scan = || Work::ScanCloud {
        deployment: "d".to_owned(),
    };
    let ended = scene.work(scan()).await.done();
    assert_eq!(ended.result, "scan complete");
    assert_eq!(
        ended.finished(),
        [
            "Scanning 2 VMs: Checking VM states",
            "Scanning 2 VMs: 2 OK, 0 unresponsive, 0 missing, 0 unbound",
            "Scanning 0 persistent disks: Looking for inactive disks",
            "Scanning 0 persistent disks: 0 OK, 0 missing, 0 inactive, 0 mount-info mismatch",
        ]
    );
    assert!(problems::open(pool, 1).await.unwrap().is_empty());
    // A machine whose agent nobody knows is silent; the CPI says that it is gone.
    let mut rows = instances::of_deployment(pool, 1).await.unwrap();
    rows.retain(|row| row.job == "web");
    std::fs::write(scene.directory.path().join("gone"), "").unwrap();
    let old = vms::of_instance(pool, rows[0].id).await.unwrap().remove(0);
    ips::unbind_vm(pool, old.id).await.unwrap();
    vms::delete(pool, old.id).await.unwrap();
    let mut gone = vms::create(pool, rows[0].id, "no.such.agent", "")
        .await
        .unwrap();
    gone.cid = Some("gone-cid".to_owned());
    gone.active = warren_director_store::Flag(true);
    vms::save(pool, &gone).await.unwrap();
    let ended = scene.work(scan()).await.done();
    assert_eq!(
        ended.finished()[1],
        "Scanning 2 VMs: 1 OK, 0 unresponsive, 1 missing, 0 unbound"
    );
    // One whose row went with it, as `delete vm` leaves it, is missing as well.
    let kept = vms::of_instance(pool, rows[0].id).await.unwrap().remove(0);
    vms::delete(pool, kept.id).await.unwrap();
    let ended = scene.work(scan()).await.done();
    assert_eq!(
        ended.finished()[1],
        "Scanning 2 VMs: 1 OK, 0 unresponsive, 1 missing, 0 unbound"
    );
    let name = rows[0].name();
    let told = problems::open(pool, 1).await.unwrap().remove(0).description;
    assert_eq!(told, format!("VM for '{name} (0)' missing."));
    instances::set_ignored(pool, rows[0].id, true)
        .await
        .unwrap();
    let ended = scene.work(scan()).await.done();
    assert_eq!(
        ended.finished()[1],
        "Scanning 2 VMs: 1 OK, 0 unresponsive, 0 missing, 0 unbound, 1 ignored"
    );
    instances::set_ignored(pool, rows[0].id, false)
        .await
        .unwrap();
    gone.id = vms::create(pool, rows[0].id, "no.such.agent", "")
        .await
        .unwrap()
        .id;
    vms::save(pool, &gone).await.unwrap();
    scene.work(scan()).await.done();
    let found: Problem = problems::open(pool, 1).await.unwrap().remove(0);
    assert_eq!(
        (
            found.kind.as_str(),
            found.instance_group.as_str(),
            found.description.as_str()
        ),
        (
            "missing_vm",
            "web",
            format!("VM for '{name} (0)' with cloud ID 'gone-cid' missing.").as_str()
        )
    );
    let apply = |choice: Option<&str>| Work::ApplyResolutions {
        deployment: "d".to_owned(),
        resolutions: [(found.id.to_string(), choice.map(ToOwned::to_owned))].into(),
        max_in_flight: std::collections::BTreeMap::new(),
    };
    let ended = scene.work(apply(None)).await.done();
    assert_eq!(ended.result, "1 resolved");
    let now = vms::of_instance(pool, rows[0].id).await.unwrap();
    assert_eq!(now.len(), 1);
    assert_ne!(now[0].cid, gone.cid);
    assert!(problems::open(pool, 1).await.unwrap().is_empty());
    // What is resolved is not resolved again.
    assert_eq!(scene.work(apply(None)).await.done().result, "0 resolved");
    let again = problems::create(pool, &found).await.unwrap();
    let wrong = Work::ApplyResolutions {
        deployment: "d".to_owned(),
        resolutions: [(again.to_string(), Some("close".to_owned()))].into(),
        max_in_flight: std::collections::BTreeMap::new(),
    };
    let ended = scene.work(wrong).await;
    assert!(
        ended
            .result
            .starts_with(&format!("Error resolving problem '{again}': ")),
        "{ended:?}"
    );
    let fix = || Work::ScanAndFix {
        deployment: "d".to_owned(),
        jobs: [("web".to_owned(), vec![rows[0].uuid.clone()])].into(),
    };
    let ended = scene.work(fix()).await.done();
    assert_eq!(ended.result, "scan and fix complete");
    assert_eq!(vms::of_instance(pool, rows[0].id).await.unwrap(), now);
    // One that somebody deleted is made anew, too.
    ips::unbind_vm(pool, now[0].id).await.unwrap();
    vms::delete(pool, now[0].id).await.unwrap();
    scene.work(fix()).await.done();
    assert_eq!(vms::of_instance(pool, rows[0].id).await.unwrap().len(), 1);
}
