//! The bus over a real nats-server with mutual TLS and users from a file.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests fail by panicking")]

mod server;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use server::{Pretend, Server};
use warren_director_bus::{Cancelled, Error, Known, Waiting};

fn agents(list: &[(&str, Known)]) -> BTreeMap<String, Known> {
    list.iter()
        .map(|(name, known)| ((*name).to_owned(), *known))
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_is_asked_and_answers() {
    let server = Server::start();
    let bus = server.bus();
    bus.connected(Duration::from_secs(30)).await.unwrap();
    server
        .users
        .write(&agents(&[("a", Known::Starting)]))
        .unwrap();
    let _agent = Pretend::start(&server, "a", true, |method, arguments| match method {
        "ping" => json!({"value": "pong"}),
        "get_state" => json!({"value": {"full": arguments.first()}}),
        "apply" => json!({"value": {"agent_task_id": "t", "state": "running"}}),
        "get_task" => json!({"value": "applied"}),
        method => json!({"exception": {"message": format!("unknown message {method}")}}),
    });
    let agent = bus.agent("a");
    agent
        .wait_until_ready(Duration::from_secs(30), &Waiting)
        .await
        .unwrap();
    assert_eq!(
        agent.get_state(true, None).await.unwrap(),
        json!({"full": "full"})
    );
    assert_eq!(
        agent.run("apply", vec![json!({})], &Waiting).await.unwrap(),
        "applied"
    );
    agent
        .run_script("pre-start", serde_json::Map::new(), &Waiting)
        .await
        .unwrap();
    assert!(!agent.upload_blob("b", "d", b"x", &Waiting).await.unwrap());
    let error = agent.start().await.unwrap_err();
    assert!(error.is_unknown_method(), "{error}");
}

async fn until(is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), wait)
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blob_goes_by_the_bus_if_its_server_takes_it() {
    const BLOB: usize = 3 << 20;
    let mut server = Server::start();
    let bus = server.bus();
    bus.connected(Duration::from_secs(30)).await.unwrap();
    server
        .users
        .write(&agents(&[("a", Known::Permanent)]))
        .unwrap();
    let _agent = Pretend::start(&server, "a", false, |method, arguments| match method {
        "upload_blob" => json!({"value": arguments[0]["payload"].as_str().unwrap().len()}),
        _ => json!({"value": "pong"}),
    });
    let agent = bus.agent("a");
    let ready = || agent.wait_until_ready(Duration::from_secs(30), &Waiting);
    ready().await.unwrap();
    // Sent all the same, it would end each connection from here on.
    let blob = vec![7; BLOB];
    assert_eq!(bus.max_payload(), 1 << 20);
    assert!(!agent.upload_blob("b", "d", &blob, &Waiting).await.unwrap());
    // What is just too long, and what just is not, with all that is around it.
    let ask = |size: usize| agent.ask("ping", vec![json!("x".repeat(size))], Duration::MAX);
    let error = ask(1 << 20).await.unwrap_err();
    assert!(error.is_too_long(), "{error}");
    assert_eq!(ask((1 << 20) - 300).await.unwrap(), "pong");

    server.kill();
    server.set("max_payload: 8MB");
    server.run();
    until(|| bus.max_payload() == 8 << 20).await;
    ready().await.unwrap();
    assert!(agent.upload_blob("b", "d", &blob, &Waiting).await.unwrap());

    // Queued for a server that takes it, lost at one that does not: and the connection stays.
    server.kill();
    until(|| !bus.is_connected()).await;
    bus.publish("agent.a", &blob).unwrap();
    server.set("max_payload: 1MB");
    server.run();
    until(|| bus.max_payload() == 1 << 20).await;
    ready().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_no_user_is_not_heard_until_it_is_one() {
    let server = Server::start();
    let bus = server.bus();
    bus.connected(Duration::from_secs(30)).await.unwrap();
    server.users.write(&agents(&[])).unwrap();
    // It begins too early and has to try again.
    let _agent = Pretend::start(&server, "late", true, |_, _| json!({"value": "pong"}));
    let agent = bus.agent("late");
    let error = agent
        .wait_until_ready(Duration::from_millis(300), &Waiting)
        .await
        .unwrap_err();
    assert!(error.is_timeout(), "{error}");
    assert!(
        server
            .users
            .write(&agents(&[("late", Known::Starting)]))
            .unwrap()
    );
    assert!(
        !server
            .users
            .write(&agents(&[("late", Known::Starting)]))
            .unwrap()
    );
    agent
        .wait_until_ready(Duration::from_secs(30), &Waiting)
        .await
        .unwrap();
    // With its lasting name only, its first certificate is worth nothing any more.
    let bus = server.bus();
    bus.connected(Duration::from_secs(30)).await.unwrap();
    server
        .users
        .write(&agents(&[("late", Known::Permanent)]))
        .unwrap();
    let mut heard = true;
    for _ in 0..300 {
        heard = agent
            .ask("ping", vec![], Duration::from_millis(100))
            .await
            .is_ok();
        if !heard {
            break;
        }
    }
    assert!(!heard, "the first certificate still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_cannot_speak_for_another() {
    let server = Server::start();
    let bus = server.bus();
    bus.connected(Duration::from_secs(30)).await.unwrap();
    server
        .users
        .write(&agents(&[
            ("good", Known::Permanent),
            ("bad", Known::Permanent),
        ]))
        .unwrap();
    // It subscribes to another's requests with its own certificate.
    let _bad = Pretend::start_as(
        &server,
        "bad",
        "good",
        false,
        |_, _| json!({"value": "evil"}),
    );
    let error = bus
        .agent("good")
        .ask("ping", vec![], Duration::from_millis(500))
        .await
        .unwrap_err();
    assert!(error.is_timeout(), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_ends_when_it_is_cancelled() {
    struct Now;
    impl Cancelled for Now {
        async fn is_cancelled(&self) -> bool {
            true
        }
    }
    let server = Server::start();
    let bus = server.bus();
    bus.connected(Duration::from_secs(30)).await.unwrap();
    server
        .users
        .write(&agents(&[("a", Known::Permanent)]))
        .unwrap();
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&asked);
    let _agent = Pretend::start(&server, "a", false, move |method, _| {
        seen.lock().unwrap().push(method.to_owned());
        json!({"value": {"agent_task_id": "t", "state": "running"}})
    });
    let agent = bus.agent("a");
    agent
        .wait_until_ready(Duration::from_secs(30), &Waiting)
        .await
        .unwrap();
    let error = agent.run("run_errand", vec![], &Now).await.unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
    assert!(asked.lock().unwrap().contains(&"cancel_task".to_owned()));
    let error = bus
        .agent("nobody")
        .wait_until_ready(Duration::from_secs(30), &Now)
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Cancelled { .. }), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_comes_back_is_used_again() {
    let mut server = Server::start();
    let bus = server.bus();
    bus.connected(Duration::from_secs(30)).await.unwrap();
    server
        .users
        .write(&agents(&[("a", Known::Permanent)]))
        .unwrap();
    let _agent = Pretend::start(&server, "a", false, |_, _| json!({"value": "pong"}));
    let agent = bus.agent("a");
    agent
        .wait_until_ready(Duration::from_secs(30), &Waiting)
        .await
        .unwrap();
    server.kill();
    until(|| !bus.is_connected()).await;
    let error = bus.connected(Duration::from_millis(200)).await.unwrap_err();
    assert!(error.to_string().contains(&server.address()), "{error}");
    server.run();
    agent
        .wait_until_ready(Duration::from_secs(60), &Waiting)
        .await
        .unwrap();
}

#[test]
fn the_document_is_stocks() {
    let users = warren_director_bus::Users::new("auth.json".as_ref(), "pid".as_ref());
    let document = users.document(&agents(&[("a", Known::Starting), ("b", Known::Permanent)]));
    let names: Vec<&str> = document["authorization"]["users"]
        .as_array()
        .unwrap()
        .iter()
        .map(|user| user["user"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "C=USA, O=Cloud Foundry, CN=default.director.bosh-internal",
            "C=USA, O=Cloud Foundry, CN=default.hm.bosh-internal",
            "C=USA, O=Cloud Foundry, CN=a.bootstrap.agent.bosh-internal",
            "C=USA, O=Cloud Foundry, CN=a.agent.bosh-internal",
            "C=USA, O=Cloud Foundry, CN=b.agent.bosh-internal",
        ]
    );
    let agent: &Value = &document["authorization"]["users"][3]["permissions"];
    assert_eq!(
        agent,
        &json!({
            "publish": ["hm.agent.heartbeat.a", "hm.agent.alert.a", "hm.agent.shutdown.a", "director.*.a.*"],
            "subscribe": ["agent.a"],
        })
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pid_file_that_names_another_is_not_believed() {
    let server = Server::start();
    let bus = server.bus();
    bus.connected(Duration::from_secs(30)).await.unwrap();
    let pid_file = &server.users.pid_file;
    let right = std::fs::read_to_string(pid_file).unwrap();
    // One that a signal to read again would end.
    let mut bystander = std::process::Command::new("sleep")
        .arg("600")
        .spawn()
        .unwrap();
    let mut dead = std::process::Command::new("true").spawn().unwrap();
    dead.wait().unwrap();
    let stale = [
        Some(bystander.id().to_string()),
        Some(dead.id().to_string()),
        Some("no number".to_owned()),
        None,
    ];
    for (number, text) in stale.into_iter().enumerate() {
        match &text {
            Some(text) => std::fs::write(pid_file, text).unwrap(),
            None => std::fs::remove_file(pid_file).unwrap(),
        }
        let name = format!("a{number}");
        let told = server.users.write(&agents(&[(&name, Known::Starting)]));
        assert!(told.unwrap(), "{text:?}");
        // The server knows the new user, so it has read the file again.
        let agent = Pretend::start(&server, &name, true, |_, _| json!({"value": "pong"}));
        let patience = Duration::from_secs(30);
        let ready = bus.agent(&name).wait_until_ready(patience, &Waiting).await;
        assert!(ready.is_ok(), "{text:?}: {ready:?}");
        drop(agent);
    }
    assert!(bystander.try_wait().unwrap().is_none());
    bystander.kill().unwrap();
    bystander.wait().unwrap();
    std::fs::write(pid_file, right).unwrap();
}

#[test]
fn a_server_that_does_not_listen_yet_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    // To all appearances a server that has just been executed; the signal would end it.
    let program = directory.path().join("nats-server");
    std::fs::copy("/usr/bin/tail", &program).unwrap();
    let at = |name: &str| directory.path().join(name);
    let users = warren_director_bus::Users::new(&at("auth.json"), &at("nats.pid"));
    let config = directory.path().join("nats.cfg");
    std::fs::write(&config, "").unwrap();
    // By the shell: a file that was just written cannot be executed while another thread forks.
    let mut early = std::process::Command::new("/bin/sh")
        .args([
            "-c",
            "until \"$0\" --version >/dev/null; do :; done; exec \"$0\" -f \"$1\"",
        ])
        .args([&program, &config])
        .spawn()
        .unwrap();
    let comm = format!("/proc/{}/comm", early.id());
    let is_there = || std::fs::read_to_string(&comm).unwrap() == "nats-server\n";
    let end = std::time::Instant::now() + Duration::from_secs(30);
    while !is_there() {
        assert!(std::time::Instant::now() < end);
        std::thread::sleep(Duration::from_millis(5));
    }
    for text in [early.id().to_string(), String::new()] {
        std::fs::write(&users.pid_file, text).unwrap();
        let name = format!("a{}", users.pid_file.metadata().unwrap().len());
        users.write(&agents(&[(&name, Known::Starting)])).unwrap();
    }
    std::thread::sleep(Duration::from_millis(50));
    assert!(early.try_wait().unwrap().is_none());
    early.kill().unwrap();
    early.wait().unwrap();
}
