//! The client against a small server that answers from a script: what was recorded from a stock
//! director, and what no honest one would say.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use warren_director_client::deployments::DeployOptions;
use warren_director_client::instances::{Instance, Kind, parse_lines};
use warren_director_client::jobs::{ChangeOptions, Slug};
use warren_director_client::releases::UploadOptions;
use warren_director_client::tasks::Output;
use warren_director_client::{Credentials, Director, Error, Settings, Target};

/// Answers each request with the next of `answers` (whole, as on the wire), then hangs up; what was
/// asked is kept: the head's first line, interesting headers, and the body.
struct Server {
    port: u16,
    asked: Arc<Mutex<Vec<String>>>,
}

fn serve(answers: Vec<String>) -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&asked);
    thread::spawn(move || {
        for answer in answers {
            let Ok((stream, _)) = listener.accept() else {
                return;
            };
            let mut reader = BufReader::new(stream);
            let (mut seen, mut length) = (String::new(), 0);
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
                    break;
                }
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                let is_kept = ["range:", "authorization:", "content-type:"];
                if seen.is_empty() {
                    seen.push_str(line.trim().trim_end_matches(" HTTP/1.1"));
                } else if is_kept.iter().any(|name| lower.starts_with(name)) {
                    seen.push_str(&format!(" [{}]", line.trim()));
                }
            }
            let mut body = vec![0; length];
            let _ = reader.read_exact(&mut body);
            if !body.is_empty() {
                seen.push_str(&format!(" {}", String::from_utf8_lossy(&body)));
            }
            kept.lock().unwrap().push(seen);
            let _ = reader.get_mut().write_all(answer.as_bytes());
        }
    });
    Server { port, asked }
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "HTTP/1.1 {status}\r\nConnection: close\r\nContent-Length: {length}\r\n{headers}\r\n{body}"
    )
}

fn ok(body: &str) -> String {
    answer("200 OK", "Content-Type: text/html;charset=utf-8\r\n", body)
}

fn to_task(id: u64) -> String {
    answer(
        "302 Found",
        &format!("Location: https://elsewhere.example:25555/tasks/{id}\r\n"),
        "",
    )
}

impl Server {
    fn director(&self) -> Director {
        let target = Target::parse(&format!("http://127.0.0.1:{}", self.port)).unwrap();
        let settings = Settings {
            target,
            authorities: None,
            is_local: false,
        };
        let credentials = Credentials::User {
            name: "admin".into(),
            password: "secret".into(),
        };
        Director::anonymous(&settings)
            .unwrap()
            .signed_in(credentials, None)
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

const BASIC: &str = "[authorization: Basic YWRtaW46c2VjcmV0]";

#[test]
fn a_deploy_sends_what_the_stock_command_line_sends() {
    let server = serve(vec![
        ok(
            r#"{"context":{"cloud_config_ids":[1],"runtime_config_ids":[]},"diff":[["azs:","added"],["",null]]}"#,
        ),
        to_task(65),
    ]);
    let director = server.director();
    let diff = director
        .diff("zookeeper", "name: zookeeper\n", true)
        .unwrap();
    assert_eq!(diff.diff[1], (String::new(), None));
    let options = DeployOptions {
        recreate: true,
        canaries: Some("50%".into()),
        context: diff.context,
        ..DeployOptions::default()
    };
    assert_eq!(director.deploy("name: zookeeper\n", &options).unwrap(), 65);
    let asked = server.asked();
    assert!(
        asked[0].starts_with("POST /deployments/zookeeper/diff?redact=true"),
        "{asked:?}"
    );
    assert!(asked[0].contains("[content-type: text/yaml]"), "{asked:?}");
    let context =
        "context=%7B%22cloud_config_ids%22%3A%5B1%5D%2C%22runtime_config_ids%22%3A%5B%5D%7D";
    assert!(
        asked[1].starts_with(&format!(
            "POST /deployments?recreate=true&canaries=50%25&{context}"
        )),
        "{asked:?}"
    );
    assert!(asked[1].ends_with(" name: zookeeper\n"), "{asked:?}");
    assert!(asked.iter().all(|one| one.contains(BASIC)), "{asked:?}");
}

#[test]
fn a_task_is_followed_by_ranges_to_its_end() {
    let task = |state: &str| ok(&format!(r#"{{"id":7,"state":"{state}","result":null}}"#));
    let server = serve(vec![
        task("queued"),
        answer("204 No Content", "", ""),
        task("processing"),
        answer("206 Partial Content", "", "one\n"),
        task("processing"),
        answer("416 Range Not Satisfiable", "", "no"),
        task("done"),
        answer("206 Partial Content", "", "two\n"),
        answer("416 Range Not Satisfiable", "", ""),
    ]);
    let mut seen = Vec::new();
    let director = server.director();
    let task = director
        .follow(7, Output::Event, &mut |bytes| seen.extend_from_slice(bytes))
        .unwrap();
    assert!(task.succeeded().is_ok());
    assert_eq!(seen, b"one\ntwo\n");
    let asked = server.asked();
    for (at, range) in [(1, 0), (3, 0), (5, 4), (7, 4), (8, 8)] {
        let expected = format!("GET /tasks/7/output?type=event [range: bytes={range}-]");
        assert!(asked[at].starts_with(&expected), "{asked:?}");
    }
}

#[test]
fn a_server_that_knows_no_ranges_repeats_nothing() {
    let server = serve(vec![ok("one\ntwo\n")]);
    assert_eq!(
        server.director().task_output(7, Output::Event, 4).unwrap(),
        b"two\n"
    );
}

#[test]
fn uploads_are_raw_tarballs() {
    let server = serve(vec![to_task(64)]);
    let options = UploadOptions {
        rebase: true,
        fix: false,
    };
    let id = server
        .director()
        .upload_release(&mut &b"tarball"[..], 7, options)
        .unwrap();
    assert_eq!(id, 64);
    let asked = server.asked();
    assert!(
        asked[0].starts_with("POST /releases?rebase=true"),
        "{asked:?}"
    );
    assert!(
        asked[0].contains("[content-type: application/x-compressed]"),
        "{asked:?}"
    );
    assert!(asked[0].ends_with(" tarball"), "{asked:?}");
}

#[test]
fn states_and_lists_use_the_stock_paths() {
    let server = serve(vec![to_task(1), to_task(2)]);
    let director = server.director();
    let slug = Slug::parse("zookeeper/0").unwrap();
    let options = ChangeOptions {
        canaries: Some("1".into()),
        ..ChangeOptions::default()
    };
    director
        .change_state("zookeeper", &slug, "restart", &options)
        .unwrap();
    director
        .describe_instances("zookeeper", Kind::Instances)
        .unwrap();
    let asked = server.asked();
    // Canaries mean nothing to one instance.
    assert!(
        asked[0].starts_with("PUT /deployments/zookeeper/jobs/zookeeper/0?state=restart ["),
        "{asked:?}"
    );
    assert!(
        asked[1].starts_with("GET /deployments/zookeeper/instances?format=full"),
        "{asked:?}"
    );
}

#[test]
fn refusals_are_told_as_the_stock_command_line_tells_them() {
    let body = r#"{"code":70000,"description":"Deployment 'nope' doesn't exist"}"#;
    let server = serve(vec![answer("404 Not Found", "", body)]);
    let error = server.director().manifest("nope").unwrap_err();
    let mut lines = vec![error.to_string()];
    let mut source = std::error::Error::source(&error);
    while let Some(error) = source {
        lines.push(error.to_string());
        source = error.source();
    }
    assert_eq!(
        lines,
        [
            "Fetching manifest".to_owned(),
            "Finding deployment 'nope'".to_owned(),
            format!("Director responded with non-successful status code '404' response '{body}'"),
        ]
    );
}

#[test]
fn hostile_answers_are_errors() {
    let redirect = |to: &str| answer("302 Found", &format!("Location: {to}\r\n"), "");
    let hostile = [
        answer("401 Unauthorized", "", "Not authorized: '/releases'\n"),
        answer("500 Internal Server Error", "", ""),
        ok("not json"),
        ok(r#"{"name":1}"#),
        ok(r#"[{"name":"x","release_versions":{}}]"#),
        ok(&"[".repeat(100_000)),
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n[]".to_owned(),
        "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\nConnection: close\r\n\r\n".to_owned(),
        "garbage\r\n\r\n".to_owned(),
        redirect(""),
        redirect("nowhere"),
    ];
    for answer in hostile {
        let server = serve(vec![answer.clone(); 5]);
        assert!(server.director().releases().is_err(), "{answer:.200}");
    }
    let server = serve(vec![redirect("/releases"); 30]);
    assert!(matches!(
        server.director().releases(),
        Err(Error::Step { .. })
    ));
    for to in [
        "",
        "/tasks/",
        "/tasks/x",
        "/tasks/-1",
        "/elsewhere/7",
        "/tasks/99999999999999999999999",
    ] {
        let server = serve(vec![redirect(to)]);
        assert!(
            server.director().delete_deployment("d", false).is_err(),
            "{to}"
        );
    }
}

#[test]
fn what_changes_something_is_sent_once() {
    let server = serve(vec!["".to_owned(), to_task(1)]);
    assert!(
        server
            .director()
            .deploy("name: x\n", &DeployOptions::default())
            .is_err()
    );
    assert_eq!(server.asked().len(), 1);
    let server = serve(vec![
        "".to_owned(),
        answer("503 Service Unavailable", "", ""),
        ok("[]"),
    ]);
    assert!(server.director().releases().unwrap().is_empty());
}

#[test]
fn instances_of_wrong_types_are_errors() {
    for wrong in [
        "1",
        "{\"ips\":\"x\"}",
        "{\"vitals\":{\"load\":{}}}",
        "{\"index\":\"one\"}",
        "{",
    ] {
        assert!(
            parse_lines::<Instance>(wrong.as_bytes(), "vms").is_err(),
            "{wrong}"
        );
    }
    assert_eq!(
        parse_lines::<Instance>(b"\n{\"job_name\":\"a\"}\n\n", "vms").unwrap()[0].name(),
        "a/?"
    );
}
