//! Each exchange that was recorded between the stock client and a stock director, again.
//!
//! Numbers differ from run to run (keys, times), so each run of digits counts as one; everything else
//! is compared byte by byte.

use serde::Deserialize;
use warren_director_store::work::{Source, StateChange, Work};
use warren_director_store::{events, tasks};

use super::scene::{Answer, Scene};

#[derive(Deserialize)]
struct Exchange {
    method: String,
    path: String,
    status: u16,
    body: String,
}

fn all() -> Vec<Exchange> {
    serde_json::from_str(include_str!("fixtures/recorded.json")).unwrap()
}

/// The recorded body.
pub fn body(method: &str, path: &str) -> String {
    find(method, path).body
}

fn find(method: &str, path: &str) -> Exchange {
    let mut all = all().into_iter();
    all.find(|one| one.method == method && one.path == path)
        .unwrap_or_else(|| panic!("{method} {path} was not recorded"))
}

/// A text with each run of digits as one zero.
fn shape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c.is_ascii_digit() {
            true if out.ends_with('0') => {}
            true => out.push('0'),
            false => out.push(c),
        }
    }
    out
}

#[track_caller]
fn same(found: &str, method: &str, path: &str) {
    assert_eq!(shape(found), shape(&body(method, path)), "{method} {path}");
}

#[track_caller]
fn exactly(found: &Answer, method: &str, path: &str) {
    let recorded = find(method, path);
    assert_eq!(
        (found.status, found.text()),
        (recorded.status, &*recorded.body),
        "{method} {path}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn on_sqlite() {
    let scene = Scene::new().await;
    replies_are_as_recorded(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn on_postgres() {
    let server = warren_tests_harness::Postgres::start();
    let scene = Scene::on(Some(server.database("recorded"))).await;
    replies_are_as_recorded(&scene).await;
}

async fn replies_are_as_recorded(scene: &Scene) {
    before_anything(scene).await;
    scene.fill().await;
    lists(scene).await;
    queued(scene).await;
    finished(scene).await;
}

/// A director with nothing in it.
async fn before_anything(scene: &Scene) {
    let info = scene.curl("/info", &[]).await;
    exactly(&info, "GET", "/info");
    assert!(info.header("date").is_some());
    for path in [
        "/releases",
        "/locks",
        "/disks",
        "/configs?latest=true&limit=1&type=deploy",
    ] {
        exactly(&scene.get(path).await, "GET", path);
    }
    let wanted = "{\"stemcell\":{\"name\":\"s\",\"version\":\"1\"}}";
    let needed = scene
        .send("POST", "/stemcell_uploads", "application/json", wanted)
        .await;
    exactly(&needed, "POST", "/stemcell_uploads");
    let release = "name: r\nversion: '1'\npackages:\n- {name: p, fingerprint: f}\n";
    let matches = scene
        .send("POST", "/packages/matches", "text/yaml", release)
        .await;
    exactly(&matches, "POST", "/packages/matches");
    exactly(&scene.get("/tasks/99999").await, "GET", "/tasks/99999");
}

async fn lists(scene: &Scene) {
    for path in [
        "/stemcells",
        "/cloud_configs?limit=1&name=",
        "/configs?latest=true&limit=1",
        "/deployments?exclude_configs=true",
        "/deployments",
        "/deployment_configs?deployment[]=zookeeper",
        "/deployments/zookeeper",
        "/deployments/zookeeper/errands",
        "/deployments/zookeeper/variables",
        "/deployments/zookeeper/problems",
    ] {
        let answer = scene.get(path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        if path == "/stemcells" {
            // Nothing was deployed when it was recorded.
            let text = answer.text().replace("[{\"name\":\"zookeeper\"}]", "[]");
            same(&text, "GET", path);
        } else {
            let text = answer.text();
            // The time at which it was made here is another, in digits only.
            same(text, "GET", path);
        }
    }
    let config = scene.get("/configs?latest=true&limit=1").await.json();
    let content = config[0]["content"].as_str().unwrap();
    let path = "/cloud_configs/diff?name=";
    let diff = scene.send("POST", path, "text/yaml", content).await;
    exactly(&diff, "POST", path);
    let path = "/cloud_configs?name=";
    let made = scene.send("POST", path, "text/yaml", content).await;
    exactly(&made, "POST", path);
    assert_eq!(
        scene
            .get("/configs?latest=false")
            .await
            .json()
            .as_array()
            .unwrap()
            .len(),
        1
    );
    // The recorded diff is that of a first deploy.
    let manifest = scene.get("/deployments/zookeeper").await.json();
    let manifest = manifest["manifest"].as_str().unwrap();
    let path = "/deployments/new/diff?redact=true";
    let diff = scene.send("POST", path, "text/yaml", manifest).await;
    let recorded = body("POST", "/deployments/zookeeper/diff?redact=true");
    let recorded = recorded.replacen(
        "[1]",
        &diff.json()["context"]["cloud_config_ids"].to_string(),
        1,
    );
    assert_eq!(diff.text(), recorded);
    let path = "/deployments/zookeeper/diff";
    let again = scene.send("POST", path, "text/yaml", manifest).await;
    assert_eq!(again.json()["diff"], serde_json::json!([]));
}

/// Every kind of task that was recorded, as it is when it was just made.
async fn queued(scene: &Scene) {
    let json = "application/json";
    let manifest = "name: zookeeper\n";
    let d = "/deployments/zookeeper";
    let starts = [
        (
            "POST",
            "/stemcells?fix=true".to_owned(),
            "application/x-compressed",
            "x",
            63,
        ),
        (
            "POST",
            "/releases?rebase=true".to_owned(),
            "application/x-compressed",
            "x",
            64,
        ),
        (
            "POST",
            "/deployments?fix=true".to_owned(),
            "text/yaml",
            manifest,
            65,
        ),
        ("POST", "/deployments".to_owned(), "text/yaml", manifest, 66),
        ("GET", format!("{d}/instances?format=full"), "", "", 67),
        ("GET", format!("{d}/vms?format=full"), "", "", 72),
        (
            "POST",
            format!("{d}/errands/smoke-tests/runs"),
            json,
            "{\"keep-alive\":true}",
            74,
        ),
        (
            "GET",
            format!("{d}/jobs/zookeeper/0/logs?type=job&filters=a,b"),
            "",
            "",
            75,
        ),
        (
            "POST",
            format!("{d}/ssh"),
            json,
            "{\"deployment_name\":\"zookeeper\",\"command\":\"setup\",\"params\":{\"user\":\"u\"},\
             \"target\":{\"ids\":[\"0\"],\"indexes\":[\"0\"],\"job\":\"zookeeper\"}}",
            76,
        ),
        (
            "PUT",
            format!("{d}/jobs/zookeeper/0?state=stopped"),
            "text/yaml",
            "",
            78,
        ),
        (
            "PUT",
            format!("{d}/jobs/zookeeper?state=started&max_in_flight=2"),
            "text/yaml",
            "",
            79,
        ),
        ("POST", format!("{d}/scans"), "", "", 80),
        (
            "PUT",
            format!("{d}/jobs/*?state=recreate&dry_run=true"),
            "text/yaml",
            "",
            81,
        ),
        (
            "POST",
            "/cleanup".to_owned(),
            json,
            "{\"config\":{\"remove_all\":false}}",
            82,
        ),
        ("DELETE", format!("{d}?force=true"), "", "", 83),
        ("DELETE", "/releases/zookeeper".to_owned(), "", "", 84),
    ];
    for (method, path, kind, sent, recorded) in starts {
        let answer = match method {
            "GET" => scene.get(&path).await,
            "DELETE" => scene.delete(&path).await,
            _ => scene.send(method, &path, kind, sent).await,
        };
        let id = answer.task();
        let record = scene.get(&format!("/tasks/{id}")).await;
        same(record.text(), "GET", &format!("/tasks/{recorded}"));
        assert_eq!(record.json()["id"], id);
        match (recorded, scene.work(id).await) {
            (63, Work::UpdateStemcell(upload)) => {
                assert!(upload.fix);
                let Source::Path(path) = upload.source else {
                    panic!()
                };
                assert_eq!(std::fs::read(path).unwrap(), b"x");
            }
            (64, Work::UpdateRelease(upload)) => assert!(upload.rebase && !upload.fix),
            (65, Work::UpdateDeployment(deploy)) => {
                assert_eq!(deploy.manifest.as_deref(), Some(manifest));
                assert_eq!(deploy.cloud_configs.len(), 1);
                assert!(deploy.fix && !deploy.new);
            }
            (67, Work::VmState { instances, .. }) => assert!(instances),
            (72, Work::VmState { instances, .. }) => assert!(!instances),
            (74, Work::RunErrand(errand)) => assert!(errand.keep_alive && !errand.when_changed),
            (75, Work::FetchLogs(logs)) => {
                assert_eq!(logs.filters.unwrap(), ["a", "b"]);
                assert_eq!((&*logs.job, &*logs.id), ("zookeeper", "0"));
            }
            (76, Work::Ssh(ssh)) => assert_eq!(
                (ssh.ids, ssh.params["user"].as_str()),
                (vec!["0".to_owned()], Some("u"))
            ),
            (78, Work::UpdateDeployment(deploy)) => {
                let wanted = StateChange {
                    state: "stopped".to_owned(),
                    job: Some("zookeeper".to_owned()),
                    id: Some("0".to_owned()),
                };
                assert_eq!(deploy.change, Some(wanted));
                assert_eq!((deploy.manifest, deploy.cloud_configs.len()), (None, 1));
            }
            (79, Work::UpdateDeployment(deploy)) => {
                assert_eq!(deploy.max_in_flight.as_deref(), Some("2"));
            }
            (81, Work::UpdateDeployment(deploy)) => {
                assert!(deploy.dry_run);
                assert_eq!(deploy.change.unwrap().job, None);
            }
            (82, Work::CleanUp { remove_all, .. }) => assert!(!remove_all),
            (83, Work::DeleteDeployment { force, .. }) => assert!(force),
            (84, Work::DeleteRelease { version, .. }) => assert_eq!(version, None),
            (66 | 80, _) => {}
            (number, work) => panic!("{number}: {work:?}"),
        }
    }
    // Agents are told `[]` by `bosh logs` without filters.
    let answer = scene.get(&format!("{d}/jobs/zookeeper/0/logs")).await;
    let Work::FetchLogs(logs) = scene.work(answer.task()).await else {
        panic!()
    };
    assert_eq!(logs.filters, Some(Vec::new()));
}

/// Tasks that are over, their output, and events.
async fn finished(scene: &Scene) {
    let pool = scene.store.pool();
    let (kind, what) = ("vms", "retrieve vm-stats");
    let id = tasks::create_done(pool, kind, what, "admin", Some("zookeeper"), "[]", "")
        .await
        .unwrap();
    same(
        scene.get(&format!("/tasks/{id}")).await.text(),
        "GET",
        "/tasks/5",
    );
    let nothing = scene.get(&format!("/tasks/{id}/output?type=result")).await;
    assert_eq!((nothing.status, nothing.text()), (200, ""));
    for recorded in [
        "/tasks/74/output?type=result",
        "/tasks/76/output?type=result",
    ] {
        let id = tasks::create_done(pool, kind, what, "admin", None, "[]", "")
            .await
            .unwrap();
        let writer = scene.outputs.writer(id).unwrap();
        let kind = warren_director_store::output::Kind::Result;
        writer
            .append(kind, body("GET", recorded).as_bytes())
            .unwrap();
        let answer = scene.get(&format!("/tasks/{id}/output?type=result")).await;
        assert_eq!(answer.text(), body("GET", recorded));
    }
    let recorded: serde_json::Value =
        serde_json::from_str(&body("GET", "/tasks?limit=10&verbose=1")).unwrap();
    for task in recorded.as_array().unwrap().iter().rev() {
        let text = |key: &str| task[key].as_str().unwrap_or_default().to_owned();
        let description = text("description");
        let kind = match description.split(' ').next().unwrap() {
            "run" => "run_errand",
            "delete" => "delete_deployment",
            _ => "update_deployment",
        };
        let deployment = task["deployment"].as_str();
        let result = text("result");
        tasks::create_done(pool, kind, &description, "admin", deployment, "[]", &result)
            .await
            .unwrap();
    }
    let path = "/tasks?limit=10&verbose=1";
    same(scene.get(path).await.text(), "GET", path);
    let recorded: serde_json::Value = serde_json::from_str(&body("GET", "/events")).unwrap();
    for event in recorded.as_array().unwrap().iter().rev() {
        let text = |key: &str| event[key].as_str();
        let new = events::New {
            parent_id: text("parent_id").map(|id| id.parse().unwrap()),
            timestamp: event["timestamp"].as_i64(),
            username: text("user").unwrap(),
            action: text("action").unwrap(),
            object_type: text("object_type").unwrap(),
            object_name: text("object_name"),
            task: text("task"),
            deployment: text("deployment"),
            instance: text("instance"),
            context: Some(event["context"].clone()),
            ..events::New::default()
        };
        events::create(pool, &new).await.unwrap();
    }
    same(scene.get("/events").await.text(), "GET", "/events");
    let older = scene
        .get("/events?action=run&after_time=2026-11-22%2000:00:00%20UTC")
        .await
        .json();
    assert_eq!(older.as_array().unwrap().len(), 2, "{older}");
}
