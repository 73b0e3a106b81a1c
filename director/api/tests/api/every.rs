//! Every endpoint that there is, each asked by nobody, with a wrong type, for what is not there, with bodies
//! that are none, and with odd names: one that is added is asked as well.

use std::fmt::Write as _;
use std::process::Command;

use serde_json::Value;
use warren_director_api::{Endpoint, endpoints};
use warren_director_store::tasks;

use crate::scene::{ADMIN, Scene};

/// One request.
#[derive(Debug, Clone)]
struct Request {
    method: String,
    path: String,
    is_admin: bool,
    kind: Option<&'static str>,
    body: Option<Vec<u8>>,
}

/// A request of an endpoint with these in the place of what stands for anything.
fn request(endpoint: &Endpoint, name: &str) -> Request {
    let parts = endpoint.pattern.split('/').map(|part| match part {
        ":deployment" => "zookeeper",
        ":job" => "zookeeper",
        ":id" if endpoint.pattern.contains("/:job/") => "0",
        _ if part.starts_with(':') => name,
        _ => part,
    });
    Request {
        method: endpoint.method.to_string(),
        path: parts.collect::<Vec<_>>().join("/"),
        is_admin: true,
        kind: endpoint.content_type,
        body: None,
    }
}

/// Makes all of them one after the other over few connections; statuses and bodies.
async fn ask(scene: &Scene, requests: &[Request]) -> Vec<(u16, String)> {
    let at = |name: String| scene.path(&name).to_str().unwrap().to_owned();
    let mut script = String::new();
    for (number, request) in requests.iter().enumerate() {
        if number > 0 {
            script += "next\n";
        }
        let answer = at(format!("answer-{number}"));
        write!(
            script,
            "silent\nshow-error\ngloboff\npath-as-is\nhttp1.1\nmax-time = 60\ncacert = \"{}\"\n\
             url = \"https://127.0.0.1:{}{}\"\nrequest = {}\noutput = \"{answer}\"\n\
             write-out = \"%{{http_code}}\\n\"\n",
            at("ca.pem".to_owned()),
            scene.port,
            request.path,
            request.method
        )
        .unwrap();
        if request.is_admin {
            writeln!(script, "user = \"{ADMIN}\"").unwrap();
        }
        if let Some(kind) = request.kind {
            writeln!(script, "header = \"Content-Type: {kind}\"").unwrap();
        }
        if let Some(body) = &request.body {
            let file = at(format!("body-{number}"));
            std::fs::write(&file, body).unwrap();
            writeln!(script, "data-binary = \"@{file}\"").unwrap();
        }
    }
    std::fs::write(scene.path("requests"), script).unwrap();
    let mut curl = Command::new("curl");
    curl.arg("--config").arg(scene.path("requests"));
    let output = tokio::task::spawn_blocking(move || curl.output().unwrap());
    let output = output.await.unwrap();
    assert!(output.status.success(), "{output:?}");
    let statuses = String::from_utf8(output.stdout).unwrap();
    let statuses: Vec<u16> = statuses.lines().map(|line| line.parse().unwrap()).collect();
    assert_eq!(statuses.len(), requests.len());
    let answers = statuses.into_iter().enumerate().map(|(number, status)| {
        let path = at(format!("answer-{number}"));
        // An empty answer makes no file.
        let body = std::fs::read(&path).unwrap_or_default();
        let _gone = std::fs::remove_file(path);
        (status, String::from_utf8(body).unwrap())
    });
    answers.collect()
}

/// The code of a refusal; 0 for what is none.
fn code(body: &str) -> u64 {
    let parsed: Value = serde_json::from_str(body).unwrap_or_default();
    parsed["code"].as_u64().unwrap_or_default()
}

async fn scene(database: Option<String>) -> (Scene, Vec<Endpoint>) {
    let scene = Scene::on(database).await;
    scene.fill().await;
    let all = endpoints();
    // One list that has been lost must not pass.
    assert!(all.len() > 85, "{}", all.len());
    (scene, all)
}

async fn assert_no_task(scene: &Scene) {
    let all = tasks::list(scene.store.pool(), &tasks::Filter::default()).await;
    assert_eq!(all.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn strangers_wrong_types_and_deployments_that_are_not_there() {
    let (scene, all) = scene(None).await;
    let mut asked = Vec::new();
    let mut expected = Vec::new();
    for endpoint in &all {
        let good = request(endpoint, "x");
        if endpoint.pattern != "/info" {
            asked.push(Request {
                is_admin: false,
                ..good.clone()
            });
            expected.push((401, format!("Not authorized: '{}'\n", good.path)));
        }
        if endpoint.content_type.is_some() {
            asked.push(Request {
                kind: Some("text/csv"),
                ..good.clone()
            });
            expected.push((404, format!("Endpoint '{}' not found.", good.path)));
        }
        if endpoint.pattern.contains("/:deployment") {
            asked.push(Request {
                path: good.path.replacen("/zookeeper", "/nope", 1),
                body: endpoint.content_type.map(|_| b"{}".to_vec()),
                ..good.clone()
            });
            let text = r#"{"code":70000,"description":"Deployment 'nope' doesn't exist"}"#;
            expected.push((404, text.to_owned()));
        }
    }
    let answers = ask(&scene, &asked).await;
    for ((request, answer), expected) in asked.iter().zip(answers).zip(expected) {
        assert_eq!(answer, expected, "{request:?}");
    }
    assert_no_task(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_that_are_none() {
    let (scene, all) = scene(None).await;
    let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
    let bodies: [&[u8]; 8] = [b"", b"{", b"7", b"null", b"[]", b"\xff\xfe", b"\0", &deep];
    let mut asked = Vec::new();
    for endpoint in &all {
        let is_text = ["application/json", "text/yaml"]
            .map(Some)
            .contains(&endpoint.content_type);
        // Bodies may be empty where a state is changed: the query is looked at first.
        if !is_text || endpoint.pattern.contains("/jobs/") {
            continue;
        }
        for body in bodies {
            asked.push(Request {
                body: Some(body.to_vec()),
                ..request(endpoint, "x")
            });
        }
    }
    assert!(asked.len() > 200, "{}", asked.len());
    for (request, (status, body)) in asked.iter().zip(ask(&scene, &asked).await) {
        let sent = request.body.as_deref().unwrap();
        let sent = &sent[..sent.len().min(8)];
        let about = format!(
            "{} {} {sent:?}: {status} {body}",
            request.method, request.path
        );
        // An object is named as such, and never as what reads it.
        assert!(!body.contains("struct "), "{about}");
        // Stock tells what is wrong with a manifest in the answer to the question what it would change.
        if request.path.ends_with("/x/diff") && status == 200 {
            assert!(
                body.starts_with(r#"{"diff":[],"error":"Unable to diff manifest: "#),
                "{about}"
            );
            continue;
        }
        assert_eq!(status, 400, "{about}");
        let is_json = request.kind == Some("application/json");
        let expected: &[u64] = match sent {
            [0xff, ..] => &[40_000],
            b"" | b"{" | b"\0" if is_json => &[710_001],
            _ if sent.len() == 8 && is_json => &[710_001],
            // Of another type; links have a code of their own.
            _ if is_json && request.path == "/links" => &[810_001],
            _ if is_json => &[40_000],
            _ => &[440_001],
        };
        assert!(expected.contains(&code(&body)), "{about}");
    }
    assert_no_task(&scene).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_on_sqlite() {
    odd_names_harm_nothing(None).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn odd_names_on_postgres() {
    let server = warren_tests_harness::Postgres::start();
    odd_names_harm_nothing(Some(server.database("odd"))).await;
}

async fn odd_names_harm_nothing(database: Option<String>) {
    let (scene, all) = scene(database).await;
    let long = "x".repeat(5000);
    let names = [
        "%00",
        "..%2f..%2f..",
        "%ff",
        "'%3b--",
        "-1",
        "99999999999999999999",
        &long,
    ];
    let mut asked = Vec::new();
    for endpoint in all.iter().filter(|endpoint| endpoint.pattern.contains(':')) {
        for name in names {
            // All of them, those that are of a deployment as well.
            let odd = |part: &'static str| if part.starts_with(':') { name } else { part };
            let path = endpoint.pattern.split('/').map(odd);
            asked.push(Request {
                path: path.collect::<Vec<_>>().join("/"),
                body: endpoint.content_type.map(|_| b"{}".to_vec()),
                ..request(endpoint, name)
            });
        }
    }
    // In other places.
    let nul = Request {
        method: "GET".to_owned(),
        path: "/events?deployment=a%00b".to_owned(),
        is_admin: true,
        kind: None,
        body: None,
    };
    let body = |kind, path: &str, body: &str| Request {
        method: "POST".to_owned(),
        path: path.to_owned(),
        kind: Some(kind),
        body: Some(body.as_bytes().to_vec()),
        ..nul.clone()
    };
    let (json, yaml) = ("application/json", "text/yaml");
    let config = r#"{"type":"a\u0000","name":"b","content":"a: 1"}"#;
    let event = r#"{"action":"a","object_type":"b","object_name":"c","context":{"d\u0000":1}}"#;
    let asked = [
        asked,
        vec![
            body(json, "/configs", config),
            body(json, "/events", event),
            body(yaml, "/deployments", r#"name: "a\0b""#),
            nul,
        ],
    ]
    .concat();
    let mut wrong = Vec::new();
    for (request, (status, body)) in asked.iter().zip(ask(&scene, &asked).await) {
        // What is not there may be deleted: the task says so, or that it is good.
        let is_good = match status {
            200 | 302 => true,
            400 | 404 => code(&body) > 0 || body.starts_with("Event not found"),
            _ => false,
        };
        if !is_good {
            let path = &request.path[..request.path.len().min(100)];
            wrong.push(format!("{} {path}: {status} {body}", request.method));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert_eq!(scene.get("/info").await.status, 200);
}
