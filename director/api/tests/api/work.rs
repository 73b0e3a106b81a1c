//! What a request says is what the worker is told.

use std::collections::BTreeMap;

use serde_json::json;
use warren_director_store::problems;
use warren_director_store::work::{
    Deploy, Errand, Export, InstanceAction, Source, StateChange, Upload, Work,
};

use super::scene::Scene;

const JSON: &str = "application/json";
const UUID: &str = "0540a9d8-f455-4019-9bc5-f611f3f14ae0";

/// A director with the recorded deployment.
async fn scene() -> Scene {
    let scene = Scene::new().await;
    scene.fill().await;
    scene
}

async fn asked(scene: &Scene, method: &str, path: &str, body: &str) -> Work {
    let kind = if body.is_empty() { "" } else { JSON };
    let id = scene.send(method, path, kind, body).await.task();
    scene.work(id).await
}

/// The change of state that a path asks for.
async fn change(scene: &Scene, path: &str) -> Deploy {
    let path = format!("/deployments/zookeeper/jobs/{path}");
    let id = scene.send("PUT", &path, "text/yaml", "").await.task();
    match scene.work(id).await {
        Work::UpdateDeployment(deploy) => deploy,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_state_skips_drains_of_whom_it_is_about() {
    let scene = scene().await;
    for (path, skipped) in [
        (
            "zookeeper?state=stopped&skip_drain=true",
            &["zookeeper"][..],
        ),
        ("zookeeper/0?state=restart&skip_drain=true", &["zookeeper"]),
        ("*?state=recreate&skip_drain=true", &["*"]),
        // Yes or no, and nothing else is yes.
        ("*?state=stopped&skip_drain=*", &[]),
        ("*?state=stopped&skip_drain=zookeeper", &[]),
        ("*?state=started&skip_drain=false", &[]),
        ("*?state=detached", &[]),
    ] {
        assert_eq!(change(&scene, path).await.skip_drain, skipped, "{path}");
    }
    let whole = change(
        &scene,
        "zookeeper?state=recreate&fix=true&dry_run=true&canaries=2&max_in_flight=50%25\
         &recreate_vms_created_before=2026-11-22T01:02:03Z",
    )
    .await;
    let expected = Deploy {
        deployment: "zookeeper".to_owned(),
        cloud_configs: whole.cloud_configs.clone(),
        change: Some(StateChange {
            state: "recreate".to_owned(),
            job: Some("zookeeper".to_owned()),
            id: None,
        }),
        recreate_vms_created_before: Some("2026-11-22T01:02:03Z".to_owned()),
        fix: true,
        canaries: Some("2".to_owned()),
        max_in_flight: Some("50%".to_owned()),
        dry_run: true,
        ..Deploy::default()
    };
    assert_eq!((whole.cloud_configs.len(), whole), (1, expected));
    // Of one instance these say nothing.
    let one = change(
        &scene,
        "zookeeper/1?state=restart&canaries=2&max_in_flight=3",
    )
    .await;
    assert_eq!((one.canaries, one.max_in_flight), (None, None));
    // A deploy lists groups.
    let path = "/deployments?skip_drain=a,b&recreate=true";
    let id = scene
        .send("POST", path, "text/yaml", "name: zookeeper")
        .await
        .task();
    let Work::UpdateDeployment(deploy) = scene.work(id).await else {
        panic!()
    };
    assert_eq!(
        (deploy.skip_drain, deploy.recreate),
        (vec!["a".to_owned(), "b".to_owned()], true)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_disks_and_what_nothing_uses() {
    let scene = scene().await;
    let attach =
        format!("/disks/a%2Fb/attachments?deployment=zookeeper&job=zookeeper&instance_id={UUID}");
    let attached = |copy_properties| Work::AttachDisk {
        cid: "a/b".to_owned(),
        deployment: "zookeeper".to_owned(),
        job: "zookeeper".to_owned(),
        instance_id: UUID.to_owned(),
        copy_properties,
    };
    assert_eq!(asked(&scene, "PUT", &attach, "").await, attached(false));
    let copied = format!("{attach}&disk_properties=copy");
    assert_eq!(asked(&scene, "PUT", &copied, "").await, attached(true));
    for (path, orphan) in [
        ("/disks/a%2Fb", false),
        ("/orphan_disks/a%2Fb", false),
        ("/disks/a%2Fb?orphan=false", false),
        ("/disks/a%2Fb?orphan=true", true),
    ] {
        let work = Work::DeleteDisk {
            cid: "a/b".to_owned(),
            orphan,
        };
        assert_eq!(asked(&scene, "DELETE", path, "").await, work, "{path}");
    }
    let deleted = Work::DeleteVm {
        cid: "vm 1".to_owned(),
    };
    assert_eq!(asked(&scene, "DELETE", "/vms/vm%201", "").await, deleted);
    for (config, remove_all, keep_orphaned_disks) in [
        (json!({}), false, false),
        (json!({"remove_all": true}), true, false),
        (
            json!({"remove_all": true, "keep_orphaned_disks": true}),
            true,
            true,
        ),
    ] {
        let body = json!({ "config": config }).to_string();
        let work = Work::CleanUp {
            remove_all,
            keep_orphaned_disks,
        };
        assert_eq!(
            asked(&scene, "POST", "/cleanup", &body).await,
            work,
            "{body}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_and_errands() {
    let scene = scene().await;
    let action = |action: &str, flags: [bool; 3]| {
        Work::UpdateInstance(InstanceAction {
            deployment: "zookeeper".to_owned(),
            job: "zookeeper".to_owned(),
            id: UUID.to_owned(),
            action: action.to_owned(),
            skip_drain: flags[0],
            hard: flags[1],
            ignore_unresponsive_agent: flags[2],
        })
    };
    for (path, work) in [
        ("stop", action("stop", [false; 3])),
        ("stop?hard=true", action("stop", [false, true, false])),
        (
            "stop?skip_drain=true&hard=false",
            action("stop", [true, false, false]),
        ),
        (
            "recreate?ignore_unresponsive_agent=true",
            action("recreate", [false, false, true]),
        ),
        ("start", action("start", [false; 3])),
    ] {
        let path = format!("/deployments/zookeeper/instance_groups/zookeeper/0/actions/{path}");
        assert_eq!(asked(&scene, "POST", &path, "").await, work, "{path}");
    }
    let errand = |keep_alive, when_changed, instances: &[(&str, Option<&str>)]| {
        Work::RunErrand(Errand {
            deployment: "zookeeper".to_owned(),
            name: "status".to_owned(),
            keep_alive,
            when_changed,
            instances: instances
                .iter()
                .map(|(group, id)| ((*group).to_owned(), id.map(ToOwned::to_owned)))
                .collect(),
        })
    };
    for (body, work) in [
        ("{}", errand(false, false, &[])),
        (
            r#"{"keep-alive":true,"when-changed":true,
                "instances":[{"group":"a"},{"group":"b","id":"first"},{"group":"c","id":""}]}"#,
            errand(
                true,
                true,
                &[("a", None), ("b", Some("first")), ("c", None)],
            ),
        ),
    ] {
        let path = "/deployments/zookeeper/errands/status/runs";
        assert_eq!(asked(&scene, "POST", path, body).await, work, "{body}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn problems_and_what_to_do_about_them() {
    let scene = scene().await;
    let pool = scene.store.pool();
    let deployment = warren_director_store::deployments::find(pool, "zookeeper").await;
    let problem = problems::Problem {
        id: 0,
        deployment_id: deployment.unwrap().unwrap().id,
        kind: "missing_vm".to_owned(),
        state: "open".to_owned(),
        resource_id: 1,
        data: "{}".to_owned(),
        description: "gone".to_owned(),
        instance_group: "zookeeper".to_owned(),
    };
    let id = problems::create(pool, &problem).await.unwrap().to_string();
    let body = json!({
        "resolutions": {&id: "recreate_vm", "77": null},
        "max_in_flight_overrides": {"web": "50%", "db": 3},
    });
    let path = "/deployments/zookeeper/problems";
    let text = |text: &str| text.to_owned();
    let work = Work::ApplyResolutions {
        deployment: text("zookeeper"),
        resolutions: BTreeMap::from([(id.clone(), Some(text("recreate_vm"))), (text("77"), None)]),
        max_in_flight: BTreeMap::from([(text("web"), text("50%")), (text("db"), text("3"))]),
    };
    assert_eq!(asked(&scene, "PUT", path, &body.to_string()).await, work);
    let body = json!({"resolutions": {&id: "dance"}}).to_string();
    let refused = scene.send("PUT", path, JSON, &body).await;
    assert_eq!((refused.status, refused.code()), (400, 410_002));
    let fixed = asked(
        &scene,
        "PUT",
        "/deployments/zookeeper/scan_and_fix",
        r#"{"jobs":{"zookeeper":["x","y"]}}"#,
    );
    let work = Work::ScanAndFix {
        deployment: text("zookeeper"),
        jobs: BTreeMap::from([(text("zookeeper"), vec![text("x"), text("y")])]),
    };
    assert_eq!(fixed.await, work);
}

#[tokio::test(flavor = "multi_thread")]
async fn releases_and_stemcells() {
    let scene = scene().await;
    let text = |text: &str| text.to_owned();
    let export = |sha2, jobs: &[&str]| {
        Work::ExportRelease(Export {
            deployment: text("zookeeper"),
            release_name: text("r"),
            release_version: text("1"),
            stemcell_os: text("o"),
            stemcell_version: text("2"),
            sha2,
            jobs: jobs.iter().map(|&job| text(job)).collect(),
        })
    };
    let mut body = json!({"deployment_name": "zookeeper", "release_name": "r",
        "release_version": "1", "stemcell_os": "o", "stemcell_version": "2"});
    let path = "/releases/export";
    assert_eq!(
        asked(&scene, "POST", path, &body.to_string()).await,
        export(false, &[])
    );
    body["sha2"] = json!(true);
    body["jobs"] = json!([{"name": "a"}, {"name": "b"}]);
    assert_eq!(
        asked(&scene, "POST", path, &body.to_string()).await,
        export(true, &["a", "b"])
    );
    let upload = |sha1: Option<&str>, fix, rebase| Upload {
        source: Source::Url(text("https://x/y.tgz")),
        sha1: sha1.map(text),
        fix,
        rebase,
    };
    for (query, body, upload) in [
        (
            "",
            r#"{"location":"https://x/y.tgz"}"#,
            upload(None, false, false),
        ),
        (
            "?fix=true",
            r#"{"location":"https://x/y.tgz","sha1":"sha256:ab"}"#,
            upload(Some("sha256:ab"), true, false),
        ),
        (
            "?rebase=true",
            r#"{"location":"https://x/y.tgz","sha1":""}"#,
            upload(None, false, true),
        ),
    ] {
        let path = format!("/releases{query}");
        let work = Work::UpdateRelease(upload.clone());
        assert_eq!(asked(&scene, "POST", &path, body).await, work, "{path}");
        let path = format!("/stemcells{query}");
        let work = Work::UpdateStemcell(upload);
        assert_eq!(asked(&scene, "POST", &path, body).await, work, "{path}");
    }
    let deleted = Work::DeleteStemcell {
        name: text("s"),
        version: text("1"),
        force: true,
    };
    assert_eq!(
        asked(&scene, "DELETE", "/stemcells/s/1?force=true", "").await,
        deleted
    );
}
