//! What is left of tasks: their events as `bosh events` tells them, their stages by the names that stock
//! gives them, and blobs that somebody must delete some day.

use serde_json::{Value, json};
use warren_director_store::work::{Logs, StateChange, Work};
use warren_director_store::{blobs, deployments, dns, events, releases};

use crate::archives::{a_job, package, release, stemcell, tgz};
use crate::director::{Director, manifest};
use crate::machines::{deployment, ready};
use crate::scene::Scene;
use crate::server::{Agent, Server};

/// All events since one, oldest first: `ACTION TYPE NAME`, then `< START` of what a finish ends, then
/// what it is about, then its context. Ids that differ from run to run are `UUID`.
async fn history(it: &Director, since: &mut i64) -> Vec<String> {
    let pool = it.scene.engine.store.pool();
    let mut all = events::list(pool, &events::Filter::default())
        .await
        .unwrap();
    all.retain(|event| event.id > *since);
    all.reverse();
    *since = all.last().unwrap().id;
    let instance = it.instances().await.pop();
    let named = |text: &str| match &instance {
        Some(instance) => text.replace(&instance.uuid, "UUID"),
        None => text.to_owned(),
    };
    let place = |id: i64| all.iter().position(|event| event.id == id).unwrap();
    let line = |event: &events::Event| {
        let name = named(event.object_name.as_deref().unwrap_or("-"));
        let mut line = format!("{} {} {name}", event.action, event.object_type);
        if let Some(parent) = event.parent_id {
            line += &format!(" < {}", place(parent));
        }
        if let Some(deployment) = &event.deployment {
            line += &format!(" of {deployment}");
        }
        if let Some(instance) = &event.instance {
            line += &format!(" at {}", named(instance));
        }
        if event.context != "{}" {
            line += &format!(" {}", event.context);
        }
        assert_eq!((event.username.as_str(), &event.error), ("admin", &None));
        assert!(event.task.is_some());
        line
    };
    all.iter().map(line).collect()
}

/// What a lock of the deployment is told of.
fn locked(lines: &[&str]) -> Vec<String> {
    let mut all = vec!["acquire lock lock:deployment:d of d"];
    all.extend(lines);
    all.push("release lock lock:deployment:d of d");
    all.into_iter().map(ToOwned::to_owned).collect()
}

/// A release is nobody else's while a task gets to use it; its lock is no deployment's.
const BOUND: [&str; 2] = ["acquire lock lock:release:r", "release lock lock:release:r"];

/// The rows of a recorded stock director for the same: a lock of a machine is of no deployment, the start
/// of a machine's making has no name, a finish has the start as parent and no context but a deployment's,
/// and errands have index and exit code.
#[tokio::test(flavor = "multi_thread")]
async fn events_are_those_of_a_stock_director() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    let mut since = 0;
    history(&it, &mut since).await;
    it.deploy(&manifest(1, "")).await.done();
    let used = "{\"releases\":[\"r/1\"],\
        \"stemcells\":[\"bosh-warden-boshlite-debian-bookworm/1.1\"]}";
    let vm = it
        .machines(it.instances().await[0].id)
        .await
        .remove(0)
        .cid
        .unwrap();
    let made = format!("create vm {vm} < 4 of d at web/UUID");
    let created = format!("create deployment d < 1 of d {{\"after\":{used},\"before\":{{}}}}");
    assert_eq!(
        history(&it, &mut since).await,
        locked(&[
            "create deployment d of d",
            BOUND[0],
            BOUND[1],
            "create vm - of d at web/UUID",
            &made,
            "create instance web/UUID of d at web/UUID {\"az\":\"z1\"}",
            "create instance web/UUID < 6 of d at web/UUID",
            &created,
        ])
    );
    let change = |state: &str| {
        let state = state.to_owned();
        it.update(|deploy| {
            deploy.change = Some(StateChange {
                state,
                job: Some("web".to_owned()),
                id: None,
            });
        })
    };
    let updated = format!("update deployment d < 1 of d {{\"after\":{used},\"before\":{used}}}");
    for (state, action) in [
        ("stopped", "stop"),
        ("started", "start"),
        ("restart", "restart"),
    ] {
        change(state).await.done();
        let begun = format!("{action} instance web/UUID of d at web/UUID");
        let ended = format!("{action} instance web/UUID < 4 of d at web/UUID");
        let [taken, given] = BOUND;
        let lines = [
            "update deployment d of d",
            taken,
            given,
            &begun,
            &ended,
            &updated,
        ];
        assert_eq!(history(&it, &mut since).await, locked(&lines));
    }
    change("recreate").await.done();
    let told = history(&it, &mut since).await;
    assert_eq!(
        told[4],
        "recreate instance web/UUID of d at web/UUID {\"az\":\"z1\"}"
    );
    // A machine is no deployment's, as far as locks are concerned.
    let lock = format!("acquire lock lock:vm:{vm}");
    assert!(told.contains(&lock), "{told:#?}");
    let gone = format!("delete vm {vm} of d at web/UUID");
    assert!(told.contains(&gone), "{told:#?}");
    // What was not to be.
    let refused = it.deploy("name: d\nreleases: []\n").await;
    assert_eq!(refused.state, "error");
    let pool = it.scene.engine.store.pool();
    let newest = events::list(pool, &events::Filter::default())
        .await
        .unwrap();
    let failed = &newest[1];
    assert_eq!(
        (failed.object_type.as_str(), failed.context.as_str()),
        ("deployment", "{}")
    );
    assert_eq!(failed.error.as_deref(), Some(refused.result.as_str()));
    since = newest[0].id;
    let delete = Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force: false,
    };
    let rows = it.instances().await;
    let vm = it.machines(rows[0].id).await.remove(0).cid.unwrap();
    let ended = it.scene.work_on(Some("d"), delete).await.done();
    let mut all = events::list(pool, &events::Filter::default())
        .await
        .unwrap();
    all.retain(|event| event.id > since);
    all.reverse();
    let told: Vec<String> = all
        .iter()
        .map(|event| {
            let name = event.object_name.as_deref().unwrap_or("-");
            let about = event.deployment.as_deref().unwrap_or("nobody");
            format!("{} {} {name} of {about}", event.action, event.object_type)
        })
        .collect();
    let name = rows[0].name();
    assert_eq!(
        told,
        locked(&[
            "delete deployment d of d",
            &format!("delete instance {name} of d"),
            &format!("delete vm {vm} of d"),
            &format!("acquire lock lock:vm:{vm} of nobody"),
            &format!("release lock lock:vm:{vm} of nobody"),
            &format!("delete vm {vm} of d"),
            &format!("delete instance {name} of d"),
            "delete deployment d of d",
        ])
    );
    // The stages of the recorded one, to the letter.
    assert_eq!(
        ended.finished(),
        [
            format!("Deleting instances: {name} (0)"),
            "Removing deployment artifacts: Detaching stemcells".to_owned(),
            "Removing deployment artifacts: Detaching releases".to_owned(),
            "Deleting properties: Deleting dynamic disks".to_owned(),
            "Deleting properties: Destroying deployment".to_owned(),
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_not_drained_if_nobody_wants_it() {
    let it = Director::start().await;
    it.release(&[a_job("web", "bbbb", "")]).await;
    it.deploy(&manifest(1, "")).await.done();
    let restart = |skipped: &[&str]| {
        let skipped = skipped.iter().map(|&group| group.to_owned()).collect();
        it.update(|deploy| {
            deploy.skip_drain = skipped;
            deploy.change = Some(StateChange {
                state: "restart".to_owned(),
                job: Some("web".to_owned()),
                id: None,
            });
        })
    };
    // The endpoint says for which group; see the tests of the API.
    for (skipped, drained) in [(&[][..], 1), (&["web"], 1), (&["*"], 1), (&["db"], 2)] {
        restart(skipped).await.done();
        assert_eq!(it.asked("drain").len(), drained, "{skipped:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn logs_of_some_are_remembered_though_others_fail() {
    let server = Server::start();
    let scene = Scene::start(Some(server.url())).await;
    let (store, runtime) = (
        scene.engine.blobs.clone(),
        tokio::runtime::Handle::current(),
    );
    let answer = move |method: &str, _: &[Value]| match method {
        "fetch_logs" => {
            let packed = tgz(&[("log", b"x")]);
            let stored = runtime.block_on(store.create(packed.as_slice())).unwrap();
            json!({"value": {"blobstore_id": stored.id, "sha1": stored.sha1}})
        }
        _ => json!({"value": "pong"}),
    };
    let _good = Agent::start(&server, "good", answer);
    let _bad = Agent::start(&server, "bad", |method, _| match method {
        "fetch_logs" => json!({"exception": {"message": "no space left"}}),
        _ => json!({"value": "pong"}),
    });
    deployment(
        &scene,
        &[
            ("zookeeper", 0, Some("good")),
            ("zookeeper", 1, Some("bad")),
        ],
    )
    .await;
    ready(&scene, &["good", "bad"]).await;
    let fetch = Work::FetchLogs(Logs {
        deployment: "zookeeper".to_owned(),
        job: "zookeeper".to_owned(),
        id: "*".to_owned(),
        kind: "job".to_owned(),
        filters: None,
    });
    let ended = scene.work(fetch).await;
    assert_eq!(ended.state, "error", "{ended:?}");
    assert!(ended.result.contains("no space left"), "{ended:?}");
    let pool = scene.engine.store.pool();
    let known = blobs::before(pool, i64::MAX).await.unwrap();
    assert_eq!((known.len(), scene.blobs()), (1, 1));
    assert_eq!(known[0].kind, "log");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clean_up_tells_what_it_deletes_in_the_words_of_stock() {
    let scene = Scene::start(None).await;
    let bytes = stemcell("1", "warden-tar", b"x");
    scene
        .work(Work::UpdateStemcell(scene.upload(&bytes)))
        .await
        .done();
    let mut compiled = package("p", "aaaa", "");
    compiled.folder = "compiled_packages";
    let members = [compiled, a_job("j", "bbbb", "p")];
    let bytes = release("r", "1", "c", &members);
    scene
        .work(Work::UpdateRelease(scene.upload(&bytes)))
        .await
        .done();
    let pool = scene.engine.store.pool();
    // The release is used, the stemcell that it was compiled on is not.
    let used = deployments::find_or_create(pool, "d", "[]").await.unwrap();
    let version = releases::find_version(pool, "r", "1")
        .await
        .unwrap()
        .unwrap();
    let mut tx = scene.engine.store.begin().await.unwrap();
    let what = deployments::Reference::ReleaseVersion;
    deployments::refer(&mut tx, used.id, what, &[version.id])
        .await
        .unwrap();
    tx.commit().await.unwrap();
    let names = async |count: usize| {
        for _ in 0..count {
            let id = dns::begin_version(pool, 0, 0).await.unwrap();
            let blob = scene.engine.blobs.create(&b"names"[..]).await.unwrap();
            dns::publish(pool, id, &blob.id, "x").await.unwrap();
        }
        dns::published(pool).await.unwrap().len()
    };
    let left = async || dns::published(pool).await.unwrap().len();
    assert_eq!(names(12).await, 12);
    let clean = |remove_all| Work::CleanUp {
        remove_all,
        keep_orphaned_disks: false,
    };
    let ended = scene.work(clean(false)).await.done();
    assert_eq!(ended.finished(), ["Deleting dns blobs: DNS blobs"]);
    // They are younger than an hour.
    assert_eq!(left().await, 12);
    let ended = scene.work(clean(true)).await.done();
    assert_eq!(
        ended.finished(),
        [
            "Deleting stemcell from cloud: Delete stemcell",
            "Deleting stemcells: bosh-warden-boshlite-debian-bookworm/1",
            "Deleting compiled packages: p for debian-bookworm/1.1",
            "Deleting dns blobs: DNS blobs",
        ]
    );
    assert_eq!(left().await, 1);
    let delete = Work::DeleteDeployment {
        deployment: "d".to_owned(),
        force: false,
    };
    scene.work(delete).await.done();
    scene.work(clean(true)).await.done();
    assert_eq!((left().await, scene.blobs()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rebase_of_nothing_leaves_nothing() {
    let scene = Scene::start(None).await;
    let mut rebase = scene.upload(&release("empty", "1", "c", &[]));
    rebase.rebase = true;
    let ended = scene.work(Work::UpdateRelease(rebase)).await;
    assert!(
        ended.result.contains("without any job or package changes"),
        "{ended:?}"
    );
    let pool = scene.engine.store.pool();
    assert!(releases::find(pool, "empty").await.unwrap().is_none());
}
