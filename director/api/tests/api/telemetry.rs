//! What a director tells of itself: metrics, and the id of each request.

use tokio::net::TcpListener;
use warren_director_store::{attributes, tasks};

use crate::scene::{ADMIN, Scene};

impl Scene {
    /// What is served to Prometheus at a path.
    async fn scrape(&self, path: &str) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let router = warren_director_api::metrics_router(self.api.clone());
        let server = tokio::spawn(warren_lib_https::serve(
            listener,
            None,
            router,
            std::future::pending(),
        ));
        let url = format!("http://127.0.0.1:{port}{path}");
        let said = tokio::process::Command::new("curl")
            .args(["-sS", "-f", "-i", &url])
            .output()
            .await
            .unwrap();
        server.abort();
        let text = String::from_utf8(said.stdout).unwrap();
        assert!(
            text.contains("content-type: text/plain; version=0.0.4"),
            "{text}"
        );
        // The API has the same; this is only the first line of it.
        let first = |text: &str| {
            let mut lines = text.lines();
            let found = lines.find(|line| line.starts_with("# HELP"));
            found.unwrap_or_else(|| panic!("{text}")).to_owned()
        };
        let asked = self.curl(path, &["-u", "reader:reader-password"]).await;
        let kind = Some("text/plain; version=0.0.4");
        assert_eq!((asked.status, asked.header("content-type")), (200, kind));
        assert_eq!(first(asked.text()), first(&text));
        text
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_those_of_stock_and_ours() {
    let scene = Scene::new().await;
    scene.fill().await;
    let pool = scene.store.pool();
    scene
        .get("/deployments/zookeeper/vms?format=full")
        .await
        .task();
    for _ in 0..2 {
        tasks::create_done(pool, "ssh", "x", "admin", None, "[]", "")
            .await
            .unwrap();
    }
    let text = scene.scrape("/metrics").await;
    for line in [
        "# TYPE bosh_tasks_total gauge",
        "bosh_tasks_total{state=\"queued\",type=\"vms\"} 1",
        "bosh_director_tasks{state=\"done\",type=\"ssh\"} 2",
        "bosh_resurrection_enabled 1",
        "bosh_deploy_config_enabled 0",
        "# TYPE bosh_networks_dynamic_ips_total gauge",
    ] {
        assert!(text.lines().any(|one| one == line), "{line}\n{text}");
    }
    assert!(!text.contains("http_server_"), "{text}");
    let of = |name: &str| -> Vec<f64> {
        let lines = text.lines().filter(|line| line.starts_with(name));
        lines
            .map(|line| line.rsplit(' ').next().unwrap().parse().unwrap())
            .collect()
    };
    let (all, free) = (
        of("bosh_networks_dynamic_ips_total{name="),
        of("bosh_networks_dynamic_free_ips_total{name="),
    );
    // A /24 without its first, its last, its gateway's and its static address; nothing is taken.
    assert_eq!((all, free), (vec![252.0], vec![252.0]), "{text}");
    attributes::set(pool, attributes::RESURRECTION_PAUSED, "true")
        .await
        .unwrap();
    assert!(
        scene
            .scrape("/metrics")
            .await
            .contains("bosh_resurrection_enabled 0\n")
    );

    let text = scene.scrape("/api_metrics").await;
    let line = "http_server_requests_total{code=\"302\",method=\"GET\",\
                path=\"/deployments/:deployment/vms\",process=\"api\"} ";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("http_server_request_duration_seconds_bucket{method=\"GET\""));
    assert!(!text.contains("bosh_tasks_total"), "{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_has_an_id_that_goes_with_its_task() {
    let scene = Scene::new().await;
    scene.fill().await;
    let path = "/deployments/zookeeper/vms?format=full";
    let asked = |id: &str| format!("X-Bosh-Request-Id: {id}");
    let header = asked("abc_123-X");
    let answer = scene.curl(path, &["-u", ADMIN, "-H", &header]).await;
    assert_eq!(answer.header("x-bosh-request-id"), Some("abc_123-X"));
    let task = tasks::find(scene.store.pool(), answer.task())
        .await
        .unwrap();
    assert_eq!(task.unwrap().request_id, "abc_123-X");
    // One that could be mistaken for something else, or none, gets a new one, whoever asks.
    let long = "x".repeat(65);
    for bad in ["", "a.b", "a b", ">", "a;b", &long] {
        let header = asked(bad);
        let answer = scene.curl("/nothing", &["-H", &header]).await;
        assert_eq!(answer.status, 401);
        let given = answer.header("x-bosh-request-id").unwrap();
        assert_eq!(given.len(), 36, "{bad}: {given}");
    }
}
