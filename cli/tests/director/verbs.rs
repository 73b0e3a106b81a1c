//! Verbs one by one: what they ask a director for, and what people see. Files `recorded-*` are whole texts
//! of the stock command line; the rest follows its rules.

use serde_json::{Value, json as value};

use crate::server::{INFO, Ran, Server, json, started, status};

/// A run on a terminal, as people see it.
pub fn tty(server: &Server, words: &[&str]) -> Ran {
    server.run(&[&["--tty"], words].concat())
}

/// What it is asked for by one run, but for the questions that begin every run.
pub fn asked(server: &Server, words: &[&str]) -> Vec<String> {
    let before = server.lines().len();
    let ran = tty(server, words);
    assert_eq!(ran.code, 0, "{words:?}: {ran:#?}");
    server.lines().split_off(before)
}

/// An event log: seconds since 01:48:00, stage, tag, task, state, and the status of one in progress.
pub fn log(lines: &[(i64, &str, &str, &str, &str, &str)]) -> String {
    let line = |(second, stage, tag, task, state, said): &(i64, &str, &str, &str, &str, &str)| {
        let tags: Vec<&str> = Some(*tag)
            .into_iter()
            .filter(|tag| !tag.is_empty())
            .collect();
        let mut event = value!({"time": 1_795_312_080 + second, "stage": stage, "tags": tags,
            "total": 1, "task": task, "index": 1, "state": state, "progress": 0});
        if !said.is_empty() {
            event["data"] = value!({ "status": said });
        }
        format!("{event}\n")
    };
    lines.iter().map(line).collect()
}

#[test]
fn env_has_the_recorded_bytes() {
    let server = Server::new();
    server.forgets("GET /info");
    let mut info: Value = serde_json::from_str(INFO).unwrap();
    info["user"] = value!("admin");
    server.says("GET /info", json(&info.to_string()));
    assert_eq!(
        tty(&server, &["env"]).shown(),
        include_str!("fixtures/recorded-env.txt")
    );
}

#[test]
fn a_stemcell_that_is_there_is_told_in_the_recorded_words() {
    let server = Server::new();
    server.says("POST /stemcell_uploads", json(r#"{"needed":false}"#));
    let named = [
        "upload-stemcell",
        "https://x/s.tgz",
        "--version=1.1",
        "--name=bosh-warden-boshlite-debian-bookworm",
    ];
    assert_eq!(
        tty(&server, &named).shown(),
        "\nStemcell 'bosh-warden-boshlite-debian-bookworm/1.1' already exists.\n"
    );
    // With --fix nobody asks.
    server
        .says("POST /stemcells?fix=true", started(3))
        .has_task(3, "done", "", "");
    let lines = asked(&server, &[&named[..], &["--fix", "--sha1=abc"]].concat());
    assert!(
        lines.contains(&"POST /stemcells?fix=true".to_owned()),
        "{lines:?}"
    );
    let sent = server.asked();
    let sent = sent
        .iter()
        .find(|one| one.line.starts_with("POST /stemcells?"))
        .unwrap();
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(body, value!({"location": "https://x/s.tgz", "sha1": "abc"}));
    server
        .says("DELETE /stemcells/s/1.1?force=true", started(4))
        .has_task(4, "done", "", "");
    let lines = asked(&server, &["-n", "delete-stemcell", "s/1.1", "--force"]);
    assert!(
        lines.contains(&"DELETE /stemcells/s/1.1?force=true".to_owned()),
        "{lines:?}"
    );
    let ran = tty(&server, &["-n", "delete-stemcell", "s"]);
    assert!(
        ran.err.contains("to be in format 'name/version'"),
        "{ran:?}"
    );
}

#[test]
fn tasks_are_followed_and_cancelled() {
    let server = Server::new();
    let (ready, templates) = ("Preparing deployment", "Rendering templates");
    let events = log(&[
        (27, ready, "", ready, "started", ""),
        (27, ready, "", ready, "finished", ""),
        (27, ready, "", templates, "started", ""),
        (27, ready, "", templates, "finished", ""),
    ]);
    server.has_task(87, "done", &events, "result\n");
    server.says("GET /tasks/87/output?type=debug", json("D, a line\n"));
    let text = "\nTask 87\n\nTask 87 | 01:48:27 | Preparing deployment: Preparing deployment (00:00:00)\n\
        Task 87 | 01:48:27 | Preparing deployment: Rendering templates (00:00:00)\n\n\
        Task 87 Started  Sun Nov 22 01:48:27 UTC 2026\nTask 87 Finished Sun Nov 22 01:48:27 UTC 2026\n\
        Task 87 Duration 00:00:00\nTask 87 done\n";
    assert_eq!(tty(&server, &["task", "87"]).shown(), text);
    // The newest that goes on, unless one is named.
    let current = "GET /tasks?state=processing%2Ccancelling%2Cqueued&verbose=1";
    let row = r#"[{"id":87,"state":"processing","description":"x"}]"#;
    server.says(current, json(row)).says(current, json("[]"));
    assert_eq!(tty(&server, &["task"]).shown(), text);
    assert_eq!(tty(&server, &["task"]).shown(), "\nNo task found\n");
    let debug = tty(&server, &["task", "87", "--debug"]);
    assert!(debug.shown().contains("D, a line\n"), "{debug:?}");
    server.says("DELETE /task/87", status(204, ""));
    assert!(asked(&server, &["cancel-task", "87"]).contains(&"DELETE /task/87".to_owned()));
    server.forgets("DELETE /task/87");
    let refused = "Cannot cancel task 87: invalid state (done)";
    server.says("DELETE /task/87", status(400, refused));
    let ran = tty(&server, &["cancel-task", "87"]);
    assert!(ran.code == 1 && ran.err.contains(refused), "{ran:?}");
}

#[test]
fn configs_are_shown_and_updated() {
    let server = Server::new();
    let config = value!({"content": "a: 1\n", "id": "12", "type": "x", "name": "n", "team": null,
        "created_at": "2026-11-22 00:00:03 UTC", "current": true});
    let facts = "\nID          12  \nType        x  \nName        n  \n\
        Created At  2026-11-22 00:00:03 UTC  \nContent     a: 1  \n\n1 config\n";
    server
        .says("GET /configs/12", json(&config.to_string()))
        .says(
            "GET /configs?latest=true&limit=1&name=n&type=x",
            json(&value!([config]).to_string()),
        )
        .says("GET /configs?latest=false&limit=5&type=x", json("[]"));
    let by_number = tty(&server, &["config", "12"]);
    assert_eq!(by_number.shown(), facts);
    let by_name = tty(&server, &["config", "--type=x", "--name=n"]);
    assert_eq!(by_name.shown(), by_number.shown());
    let lines = asked(&server, &["configs", "--type=x", "--recent=5"]);
    assert!(lines.contains(&"GET /configs?latest=false&limit=5&type=x".to_owned()));
    let file = server.file("config.yml", "a: 2\n");
    let diff = r#"{"diff":[["a: 1","removed"],["a: 2","added"]],"from":{"id":"12"}}"#;
    let cloud = r#"{"diff":[["azs:",null],["- name: z1","added"]]}"#;
    server
        .says("POST /configs/diff", json(diff))
        .says("POST /configs", status(201, &config.to_string()))
        .says("POST /cloud_configs/diff?name=", json(cloud))
        .says("POST /cloud_configs?name=", status(201, ""))
        .says(
            "POST /runtime_configs/diff?name=dns",
            json(r#"{"diff":[]}"#),
        )
        .says("POST /runtime_configs?name=dns", status(201, ""))
        .says("GET /runtime_configs?limit=1&name=", json("[]"));
    assert_eq!(
        tty(
            &server,
            &["-n", "update-config", "--type=x", "--name=n", &file]
        )
        .shown(),
        "\n- a: 1\n+ a: 2\n"
    );
    let sent = server.asked();
    let sent = sent
        .iter()
        .rfind(|one| one.line == "POST /configs")
        .unwrap();
    let body: Value = serde_json::from_slice(&sent.body).unwrap();
    assert_eq!(
        body,
        value!({"type": "x", "name": "n", "content": "a: 2\n", "expected_latest_id": "12"})
    );
    assert_eq!(
        tty(&server, &["-n", "update-cloud-config", &file]).shown(),
        "\n  azs:\n+ - name: z1\n"
    );
    let lines = asked(
        &server,
        &["-n", "update-runtime-config", "--name=dns", &file],
    );
    assert!(
        lines.ends_with(&["POST /runtime_configs?name=dns".to_owned()]),
        "{lines:?}"
    );
    let ran = tty(&server, &["runtime-config"]);
    assert!(
        ran.code == 1 && ran.err.contains("No runtime config"),
        "{ran:?}"
    );
    // Somebody else was faster.
    server.forgets("POST /configs");
    let stale = r#"{"latest_id":"13","expected_latest_id":"12","description":"Latest Id: '13' does not match expected latest id"}"#;
    server.says("POST /configs", status(412, stale));
    let ran = tty(
        &server,
        &["-n", "update-config", "--type=x", "--name=n", &file],
    );
    assert!(
        ran.code == 1 && ran.err.contains("does not match expected latest id"),
        "{ran:?}"
    );
}
