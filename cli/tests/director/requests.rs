//! What the director is sent.

use serde_json::Value;

use crate::server::{Server, json, started, status};

/// The document that was sent with a request.
#[track_caller]
pub fn body(server: &Server, line: &str) -> Value {
    let asked = server.asked();
    let one = asked.iter().find(|one| one.line == line);
    let one = one.unwrap_or_else(|| panic!("{line}: {:#?}", server.lines()));
    serde_json::from_slice(&one.body).unwrap()
}

#[test]
fn all_requests_of_a_run_have_one_id() {
    let server = Server::new();
    server
        .says("DELETE /vms/v1", started(7))
        .has_task(7, "done", "", "");
    assert_eq!(server.run(&["delete-vm", "v1"]).code, 0);
    server.says("GET /locks", json("[]"));
    assert_eq!(server.run(&["locks"]).code, 0);
    let asked = server.asked();
    let ids: Vec<&String> = asked
        .iter()
        .map(|one| &one.headers["x-bosh-request-id"])
        .collect();
    assert_eq!(ids.len(), 2);
    assert_ne!(ids[0], ids[1]);
    assert_eq!(ids[0].len(), 32);
}

#[test]
fn instances_disks_and_snapshots() {
    let server = Server::new();
    let prefix = "/deployments/zk/instance_groups/web/u-1";
    server
        .says(&format!("PUT {prefix}/ignore"), status(200, ""))
        .says(
            "PUT /disks/d-1/attachments?deployment=zk&disk_properties=copy&instance_id=u-1&job=web",
            started(7),
        )
        .says("DELETE /disks/d-1?orphan=true", started(7))
        .says("POST /deployments/zk/snapshots", started(7))
        .says("POST /deployments/zk/jobs/web/u-1/snapshots", started(7))
        .says("DELETE /deployments/zk/snapshots/s-1", started(7))
        .says("DELETE /deployments/zk/snapshots", started(7))
        .says("PUT /resurrection", status(200, ""))
        .says("POST /tasks/cancel", status(204, ""))
        .says("DELETE /configs/12", status(204, ""))
        .says("DELETE /networks/n", started(7))
        .has_task(7, "done", "", "");
    for words in [
        &["ignore", "-d", "zk", "web/u-1"][..],
        &[
            "attach-disk",
            "-d",
            "zk",
            "web/u-1",
            "d-1",
            "--disk-properties=copy",
        ],
        &["orphan-disk", "d-1"],
        &["take-snapshot", "-d", "zk"],
        &["take-snapshot", "-d", "zk", "web/u-1"],
        &["delete-snapshot", "-d", "zk", "s-1"],
        &["delete-snapshots", "-d", "zk"],
        &["update-resurrection", "off"],
        &[
            "cancel-tasks",
            "-d",
            "zk",
            "--type=ssh",
            "--type=vms",
            "-s",
            "processing",
        ],
        &["delete-config", "12"],
        &["delete-network", "n"],
    ] {
        let ran = server.run(words);
        assert_eq!(ran.code, 0, "{words:?}: {ran:#?}");
    }
    assert_eq!(
        body(&server, &format!("PUT {prefix}/ignore")),
        serde_json::json!({"ignore": true})
    );
    let paused = serde_json::json!({"resurrection_paused": true});
    assert_eq!(body(&server, "PUT /resurrection"), paused);
    assert_eq!(
        body(&server, "POST /tasks/cancel"),
        serde_json::json!({"deployment": "zk", "states": ["processing"], "types": ["ssh", "vms"]})
    );
    for wrong in ["web", "web/", "a/b/c"] {
        let ran = server.run(&["unignore", "-d", "zk", wrong]);
        assert_eq!(ran.code, 1, "{wrong}");
        assert!(
            ran.err
                .contains(&format!("Expected instance '{wrong}' to be in format")),
            "{ran:?}"
        );
    }
    let ran = server.run(&["--tty", "delete-config", "--type=x", "--name=y"]);
    let text = "No configs to delete: no matches for type 'x' and name 'y' found.";
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.out.contains(text), "{ran:?}");
}

#[test]
fn configs_of_cpis() {
    let server = Server::new();
    server
        .says(
            "POST /cpi_configs/diff?name=&redact=false",
            json(r#"{"diff":[["cpis:","added"]]}"#),
        )
        .says("POST /cpi_configs?name=", status(201, ""))
        .says(
            "GET /cpi_configs?limit=1&name=",
            json(r#"[{"properties":"cpis: []\n","created_at":"x"}]"#),
        )
        .says("DELETE /configs?name=default&type=cpi", status(204, ""));
    let path = server.file("cpi.yml", "cpis: ((cpis))\n");
    let ran = server.run(&[
        "--tty",
        "update-cpi-config",
        "--no-redact",
        &path,
        "-v",
        "cpis=[]",
    ]);
    assert_eq!(ran.shown(), "\n+ cpis:\n");
    let sent = server.asked().pop().unwrap();
    assert_eq!(sent.body, b"cpis: []\n");
    assert_eq!(sent.headers["content-type"], "text/yaml");
    assert_eq!(server.run(&["cpi-config"]).out, "cpis: []\n");
    assert_eq!(server.run(&["delete-cpi-config"]).code, 0);
}

/// What is fetched needs a place: without one nothing is made ready to be fetched.
#[test]
fn a_directory_that_is_not_there_is_named_before_the_director_is_asked() {
    let server = Server::new();
    let file = server.file("file", "");
    for words in [
        &["logs", "web/0", "--dir"][..],
        &["export-release", "zk/1", "os/1", "--dir"],
        &["run-errand", "status", "--download-logs", "--logs-dir"],
    ] {
        for (directory, why) in [
            ("none", "No such file or directory"),
            (&file, "Not a directory"),
        ] {
            let ran = server.run(&[&["-d", "zk"], words, &[directory]].concat());
            assert_eq!(ran.code, 1, "{ran:?}");
            let step = "Looking for directory '";
            assert!(
                ran.err.contains(step) && ran.err.contains(why),
                "{words:?}: {ran:?}"
            );
        }
    }
    assert_eq!(server.everything(), Vec::<String>::new());
}

#[test]
fn configs_are_compared_by_number_and_by_content() {
    let server = Server::new();
    server.says("POST /configs/diff", json(r#"{"diff":[]}"#));
    let path = server.file("cloud.yml", "azs: []\n");
    let ran = server.run(&["diff-config", "--from-id=1", "--to-content", &path]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(
        body(&server, "POST /configs/diff"),
        serde_json::json!({"from": {"id": "1", "content": ""}, "to": {"id": "", "content": "azs: []\n"}})
    );
    for (words, said) in [
        (
            &["diff-config", "--from-id=1"][..],
            "one of --to-id or --to-content must be specified",
        ),
        (
            &[
                "diff-config",
                "--from-id=1",
                "--from-content",
                &path,
                "--to-id=2",
            ],
            "only one of --from-id and --from-content can be specified",
        ),
        (
            &["diff-config", "--from-id=one", "--to-id=2"],
            "--from-id needs to be an integer.",
        ),
        (
            &["delete-config"],
            "Either <ID> or parameters --type and --name must be provided",
        ),
        (
            &["delete-config", "--type=x"],
            "Need to specify both parameters '--type' and '--name'",
        ),
        (
            &["delete-config", "1", "--type=x", "--name=y"],
            "Can only specify one of ID or parameters '--type' and '--name'",
        ),
    ] {
        let ran = server.run(words);
        assert_eq!(
            (ran.code, ran.err),
            (1, format!("{said}\n\nExit code 1\n")),
            "{words:?}"
        );
    }
}

#[test]
fn variables_are_made_once_and_kept() {
    let server = Server::new();
    server
        .says(
            "POST /deployments/d/diff?redact=true",
            json(r#"{"context":{},"diff":[]}"#),
        )
        .says("POST /deployments?context=%7B%7D", started(65))
        .has_task(65, "done", "", "");
    let path = server.file(
        "d.yml",
        "name: d\nx: ((pw))\nca: ((ca.certificate))\nvariables:\n- {name: pw, type: password}\n\
        - {name: ca, type: certificate, options: {common_name: x, is_ca: true}}\n",
    );
    let mut sent = Vec::new();
    for _ in 0..2 {
        let ran = server.run(&["deploy", "-d", "d", &path, "--vars-store", "store.yml"]);
        assert_eq!(ran.code, 0, "{ran:#?}");
        sent.push(String::from_utf8(server.asked().pop().unwrap().body).unwrap());
    }
    assert_eq!(sent[0], sent[1]);
    assert!(
        sent[0].contains("BEGIN CERTIFICATE") && sent[0].contains("variables: []"),
        "{}",
        sent[0]
    );
    let mode = |name: &str| {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(server.at(name))
            .unwrap()
            .permissions()
            .mode()
            & 0o777
    };
    assert_eq!(mode("store.yml"), 0o600);
    // What there is stays, and what nobody made is not written.
    let before = std::fs::read(server.at("store.yml")).unwrap();
    let ran = server.run(&[
        "interpolate",
        &path,
        "--vars-store",
        "store.yml",
        "--path",
        "/x",
    ]);
    assert!(
        sent[0].contains(&format!("x: {}", ran.out.trim())),
        "{ran:?}"
    );
    assert_eq!(std::fs::read(server.at("store.yml")).unwrap(), before);
    // Other sources go first.
    let ran = server.run(&[
        "int",
        &path,
        "--vars-store",
        "store.yml",
        "--path",
        "/x",
        "-v",
        "pw=mine",
    ]);
    assert_eq!(ran.out, "mine\n");
    let ran = server.run(&["int", &path, "--vars-store", "/proc/none/store.yml"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.contains("variables store '/proc/none/store.yml'"),
        "{ran:?}"
    );
}

#[test]
fn deploys_pass_on_every_flag() {
    let server = Server::new();
    let line = "POST /deployments?recreate=true&recreate_persistent_disks=true&fix=true&skip_drain=web%2Cdb\
        &canaries=2&max_in_flight=50%25&dry_run=true&force_latest_variables=true\
        &recreate_vms_created_before=2026-11-22T00%3A00%3A00Z&context=%7B%7D";
    server
        .says(
            "POST /deployments/d/diff?redact=false",
            json(r#"{"context":{},"diff":[]}"#),
        )
        .says(line, started(65))
        .has_task(65, "done", "", "");
    let path = server.file("d.yml", "name: d # as it is\n");
    let ran = server.run(&[
        "deploy",
        "-d",
        "d",
        &path,
        "--recreate",
        "--recreate-persistent-disks",
        "--fix",
        "--skip-drain=web",
        "--skip-drain=db",
        "--canaries=2",
        "--max-in-flight=50%",
        "--dry-run",
        "--force-latest-variables",
        "--recreate-vms-created-before=2026-11-22T00:00:00Z",
        "--no-redact",
    ]);
    assert_eq!(ran.code, 0, "{ran:#?} {:#?}", server.lines());
    assert_eq!(server.asked().pop().unwrap().body, b"name: d # as it is\n");
    // What the director has all deploys of `d` do.
    server.says(
        "GET /configs?latest=true&limit=1&type=deploy",
        json(r#"[{"id":"3","type":"deploy","name":"default","content":"flags: [fix]\ninclude: [d]\n"}]"#),
    );
    server
        .says(
            "POST /deployments/d/diff?redact=true",
            json(r#"{"context":{},"diff":[]}"#),
        )
        .says("POST /deployments?fix=true&context=%7B%7D", started(65));
    let ran = server.run(&["deploy", "-d", "d", &path]);
    assert_eq!(ran.code, 0, "{ran:#?} {:#?}", server.lines());
    let recreate = "PUT /deployments/d/jobs/*?state=recreate&recreate_vms_created_before=2026-11-22T00%3A00%3A00Z";
    server.says(recreate, started(65));
    let ran = server.run(&[
        "recreate",
        "-d",
        "d",
        "--vms-created-before=2026-11-22T00:00:00Z",
    ]);
    assert_eq!(ran.code, 0, "{ran:#?} {:#?}", server.lines());
}

/// Where in all that was asked, reading tasks included, a line comes first.
fn place(server: &Server, line: &str) -> usize {
    let all = server.everything();
    let found = all.iter().position(|one| one == line);
    found.unwrap_or_else(|| panic!("{line}: {all:#?}"))
}

#[test]
fn several_tasks_go_on_at_once_where_a_verb_needs_them() {
    let described = |words: &[&str]| {
        let server = Server::new();
        server.says(
            "GET /deployments?exclude_configs=true",
            json(r#"[{"name":"a"},{"name":"b"},{"name":"c"}]"#),
        );
        for (id, name) in [(1, "a"), (2, "b"), (3, "c")] {
            server
                .says(
                    &format!("GET /deployments/{name}/vms?format=full"),
                    started(id),
                )
                .has_task(id, "done", "", "");
        }
        let ran = server.run(words);
        assert_eq!(ran.code, 0, "{ran:#?} {:#?}", server.lines());
        server
    };
    let line = |name: &str| format!("GET /deployments/{name}/vms?format=full");
    let server = described(&["vms"]);
    assert!(place(&server, &line("c")) < place(&server, "GET /tasks/1"));
    let server = described(&["vms", "--parallel", "2"]);
    assert!(place(&server, &line("b")) < place(&server, "GET /tasks/1"));
    assert!(place(&server, &line("c")) > place(&server, "GET /tasks/1"));
    assert!(place(&server, &line("c")) < place(&server, "GET /tasks/2"));
    let server = described(&["--parallel=1", "vms"]);
    assert!(place(&server, &line("b")) > place(&server, "GET /tasks/1"));
    assert_ne!(Server::new().run(&["vms", "--parallel=0"]).code, 0);
}

#[test]
fn releases_are_fetched_at_once() {
    let server = Server::new();
    let text = "name: d\nreleases:\n\
                - {name: r, version: '1', url: 'https://example.com/1.tgz'}\n\
                - {name: s, version: '2', url: 'https://example.com/2.tgz'}\n";
    let path = server.file("d.yml", text);
    server
        .says("GET /releases", json("[]"))
        .says("POST /releases", started(1))
        .says("POST /releases", started(2))
        .says(
            "POST /deployments/d/diff?redact=true",
            json(r#"{"context":{},"diff":[]}"#),
        )
        .says("POST /deployments?context=%7B%7D", started(3));
    for id in 1..=3 {
        server.has_task(id, "done", "", "");
    }
    let ran = server.run(&["deploy", "-d", "d", &path]);
    assert_eq!(ran.code, 0, "{ran:#?} {:#?}", server.everything());
    let all = server.everything();
    let sent: Vec<usize> = (0..all.len())
        .filter(|at| all[*at] == "POST /releases")
        .collect();
    assert_eq!(sent.len(), 2);
    assert!(sent[1] < place(&server, "GET /tasks/1"));
    assert!(place(&server, "GET /tasks/2") < place(&server, "POST /deployments?context=%7B%7D"));
}
