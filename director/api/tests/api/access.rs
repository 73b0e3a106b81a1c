//! Who may what, and what is not there.

use warren_director_store::{deployments, tasks};

use super::scene::{ADMIN, Scene};

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_past_the_door() {
    let scene = Scene::new().await;
    for (arguments, path) in [
        (&[][..], "/tasks"),
        (&["-u", "admin:wrong"][..], "/tasks"),
        (&["-u", "admin:"][..], "/nothing"),
        (&["-H", "Authorization: Basic !!!"][..], "/deployments/x"),
        (&["-H", "Authorization: bearer abc"][..], "/deployments/x"),
    ] {
        let answer = scene.curl(path, arguments).await;
        assert_eq!(answer.status, 401, "{path}");
        assert_eq!(
            answer.header("www-authenticate"),
            Some("Basic realm=\"BOSH Director\"")
        );
        assert_eq!(answer.text(), format!("Not authorized: '{path}'\n"));
    }
    assert_eq!(
        scene.curl("/info", &["-u", "admin:wrong"]).await.json()["user"],
        serde_json::Value::Null
    );
    assert_eq!(scene.get("/info").await.json()["user"], "admin");
    assert_eq!(scene.get("/info?").await.status, 200);
    assert_eq!(scene.curl("/healthz", &[]).await.status, 200);
    // Metrics have a port without passwords, but this is not it.
    for path in ["/metrics", "/api_metrics"] {
        assert_eq!(scene.curl(path, &[]).await.status, 401);
        let refused = scene.curl(path, &["-u", "dev:dev-password"]).await;
        assert_eq!(refused.status, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_not_found() {
    let scene = Scene::new().await;
    scene.fill().await;
    for (method, path, kind) in [
        ("GET", "/vms", ""),
        ("GET", "/restore", ""),
        ("GET", "/tasks/1/output/x", ""),
        ("PATCH", "/tasks", ""),
        ("POST", "/deployments", "application/json"),
        ("POST", "/deployments", ""),
        ("POST", "/configs", "text/yaml"),
        ("POST", "/releases", "text/plain"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd", ""),
        ("GET", "/a/../../etc", ""),
        ("GET", "/director/certificate_expiry", ""),
    ] {
        let header = format!("Content-Type: {kind}");
        let arguments = ["-u", ADMIN, "-X", method, "-H", &header];
        let answer = scene.curl(path, &arguments).await;
        assert_eq!(answer.status, 404, "{method} {path}");
        assert_eq!(answer.text(), format!("Endpoint '{path}' not found."));
    }
    // What is behind the semicolon does not count.
    let kind = "Application/JSON; charset=utf-8";
    let made = scene
        .send(
            "PUT",
            "/resurrection",
            kind,
            "{\"resurrection_paused\":true}",
        )
        .await;
    assert_eq!(made.status, 200);
    let fix = "/deployments/zookeeper/scan_and_fix";
    let paused = scene
        .send("PUT", fix, "application/json", "{\"jobs\":{}}")
        .await;
    assert_eq!((paused.status, paused.code()), (400, 410_004));
    assert_eq!(
        scene.get("/resurrection").await.text(),
        "{\"resurrection\":false}"
    );
    for (path, status, code) in [
        ("/deployments/nope", 404, 70_000),
        ("/deployments/nope/vms?format=full", 404, 70_000),
        ("/deployments/%27%3B%20DROP%20TABLE%20tasks", 404, 70_000),
        ("/deployments/zookeeper/jobs/x/0/logs", 404, 70_001),
        ("/deployments/zookeeper/jobs/zookeeper/9/logs", 404, 70_001),
        ("/tasks/x", 404, 10_000),
        ("/tasks/99999999999999999999", 404, 10_000),
        ("/configs/7", 404, 440_012),
        ("/configs?limit=x", 400, 440_010),
        ("/configs?latest=yes", 400, 440_010),
        ("/configs?limit=0", 400, 440_010),
        ("/releases/nope", 404, 30_005),
        ("/releases/zookeeper?version=9", 404, 30_006),
        ("/resources/abc", 404, 100_002),
        ("/resources/..%2F..%2Fetc%2Fpasswd", 404, 100_002),
        ("/links", 400, 190_024),
    ] {
        let answer = scene.get(path).await;
        assert_eq!((answer.status, answer.code()), (status, code), "{path}");
    }
    assert_eq!(
        scene.get("/deployments/nope").await.text(),
        "{\"code\":70000,\"description\":\"Deployment 'nope' doesn't exist\"}"
    );
    for (path, status, text) in [
        ("/events/1", 404, "Event not found"),
        ("/events?before_time=whenever", 400, ""),
        ("/cloud_configs", 400, "limit is required"),
    ] {
        let answer = scene.get(path).await;
        assert_eq!(answer.status, status, "{path}");
        assert!(answer.text().starts_with(text), "{path}: {}", answer.text());
    }
    for (method, path, kind, sent, status, code) in [
        ("POST", "/deployments", "text/yaml", "", 400, 440_001),
        ("POST", "/deployments", "text/yaml", "- a", 400, 440_001),
        ("POST", "/deployments", "text/yaml", "a: [", 400, 440_001),
        ("POST", "/deployments", "text/yaml", "a: b", 400, 40_001),
        (
            "POST",
            "/deployments",
            "text/yaml",
            "name: Zoo_keeper",
            302,
            0,
        ),
        (
            "POST",
            "/deployments",
            "text/yaml",
            "name: ZooKeeper",
            400,
            190_009,
        ),
        (
            "POST",
            "/deployments?context=%7B%22cloud_config_ids%22:[99]%7D",
            "text/yaml",
            "name: zookeeper",
            400,
            190_025,
        ),
        (
            "PUT",
            "/deployments/zookeeper/jobs/zookeeper/%3Bx?state=started",
            "text/yaml",
            "",
            400,
            70_002,
        ),
        (
            "PUT",
            "/deployments/zookeeper/jobs/zookeeper/7?state=started",
            "text/yaml",
            "",
            404,
            70_001,
        ),
        (
            "PUT",
            "/deployments/zookeeper/jobs/zookeeper?state=gone",
            "text/yaml",
            "",
            400,
            140_007,
        ),
        (
            "POST",
            "/releases",
            "application/json",
            "{\"location\":\"/etc/passwd\"}",
            400,
            40_005,
        ),
        ("POST", "/releases", "application/json", "{}", 400, 40_001),
        ("POST", "/releases", "application/json", "{", 400, 710_001),
        (
            "POST",
            "/stemcell_uploads",
            "application/json",
            "{}",
            400,
            40_001,
        ),
        (
            "POST",
            "/events",
            "application/json",
            "{\"action\":\"x\"}",
            400,
            40_000,
        ),
        (
            "POST",
            "/packages/matches",
            "text/yaml",
            "name: x",
            400,
            440_001,
        ),
        (
            "DELETE",
            "/deployments/zookeeper/snapshots/x",
            "",
            "",
            400,
            70_008,
        ),
    ] {
        let answer = scene.send(method, path, kind, sent).await;
        assert_eq!(
            answer.status,
            status,
            "{method} {path} {sent}: {}",
            answer.text()
        );
        if code != 0 {
            assert_eq!(answer.code(), code, "{method} {path} {sent}");
        }
    }
    let long = format!("X-Bosh-Context-Id: {}", "x".repeat(65));
    let refused = scene
        .curl(
            "/deployments/zookeeper/scans",
            &["-u", ADMIN, "-X", "POST", "-H", &long],
        )
        .await;
    assert_eq!((refused.status, refused.code()), (400, 70_010));
    let gone = scene
        .send(
            "PUT",
            "/deployments/zookeeper/jobs/zookeeper/0/resurrection",
            "",
            "",
        )
        .await;
    assert_eq!(gone.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn scopes_and_teams_are_kept() {
    let scene = Scene::new().await;
    scene.fill().await;
    // A deployment of the team's.
    let made = scene
        .send_as("dev", "POST", "/deployments", "text/yaml", "name: ours")
        .await;
    let ours = made.task();
    let row = deployments::find(scene.store.pool(), "ours")
        .await
        .unwrap()
        .unwrap();
    assert_eq!(row.teams, "[\"dev\"]");
    let foreign = tasks::create_done(
        scene.store.pool(),
        "update_release",
        "x",
        "admin",
        None,
        "[]",
        "",
    )
    .await
    .unwrap();
    let (ours_path, foreign_path) = (format!("/tasks/{ours}"), format!("/tasks/{foreign}"));
    let debug = format!("/tasks/{ours}/output?type=debug");
    let event = format!("/tasks/{ours}/output?type=event");
    for (user, path, status) in [
        ("dev", "/deployments/ours", 200),
        ("dev", "/deployments/zookeeper", 401),
        ("guest", "/deployments/ours", 200),
        ("guest", "/deployments/ours/variables", 401),
        ("guest", "/deployments", 401),
        ("reader", "/deployments/zookeeper", 200),
        ("reader", "/resources/x", 401),
        ("reader", "/locks", 200),
        ("dev", "/locks", 401),
        ("dev", "/releases", 200),
        ("releaser", "/releases", 401),
        ("dev", &ours_path, 200),
        ("dev", &foreign_path, 401),
        ("guest", &debug, 401),
        ("guest", &event, 200),
        ("dev", &debug, 200),
    ] {
        let answer = scene.get_as(user, path).await;
        assert_eq!(answer.status, status, "{user} {path}: {}", answer.text());
        if status == 401 {
            assert_eq!(answer.code(), 600_000, "{user} {path}");
            assert!(
                answer
                    .text()
                    .contains("Require one of the scopes: bosh.admin, "),
                "{}",
                answer.text()
            );
        }
    }
    let listed = scene.get_as("dev", "/deployments").await.json();
    assert_eq!(listed.as_array().unwrap().len(), 1, "{listed}");
    // However many of others' are newer.
    let mut tx = scene.store.begin().await.unwrap();
    for _ in 0..1001 {
        tasks::create_done(&mut *tx, "update_release", "x", "admin", None, "[]", "")
            .await
            .unwrap();
    }
    tx.commit().await.unwrap();
    for (user, limit, count) in [
        ("dev", "", 1),
        ("dev", "&limit=1", 1),
        ("reader", "", 1003),
        ("reader", "&limit=501", 501),
    ] {
        let listed = scene
            .get_as(user, &format!("/tasks?verbose=2{limit}"))
            .await
            .json();
        let listed = listed.as_array().unwrap();
        assert_eq!(listed.len(), count, "{user} {limit}");
        if user == "dev" {
            assert_eq!(listed[0]["id"], ours);
        }
        let ids: Vec<_> = listed
            .iter()
            .map(|task| task["id"].as_i64().unwrap())
            .collect();
        assert!(ids.is_sorted_by(|one, next| one > next), "{ids:?}");
    }
    let taken = scene
        .send_as(
            "dev",
            "POST",
            "/deployments",
            "text/yaml",
            "name: zookeeper",
        )
        .await;
    assert_eq!(taken.code(), 600_000);
    let place = "{\"location\":\"https://x/y.tgz\"}";
    let upload = scene
        .send_as("releaser", "POST", "/releases", "application/json", place)
        .await
        .task();
    let own = scene.get_as("releaser", &format!("/tasks/{upload}")).await;
    assert_eq!(
        (own.status, own.json()["user"].as_str()),
        (200, Some("releaser"))
    );
    let log = format!("/tasks/{upload}/output?type=debug");
    assert_eq!(scene.get_as("releaser", &log).await.code(), 600_000);
    assert_eq!(scene.get_as("releaser", &ours_path).await.code(), 600_000);
    let cancel = format!("/task/{ours}");
    assert_eq!(
        scene.send_as("dev", "DELETE", &cancel, "", "").await.code(),
        600_000
    );
    let config = "{\"type\":\"runtime\",\"name\":\"default\",\"content\":\"releases: []\"}";
    let made = scene
        .send_as("dev", "POST", "/configs", "application/json", config)
        .await;
    assert_eq!(
        (made.status, made.json()["team"].as_str()),
        (201, Some("dev"))
    );
    let seen = scene.get_as("releaser", "/configs?latest=true").await;
    assert_eq!(seen.status, 401);
}
