//! Verbs that ask the user, on a terminal of their own or through a pipe; and `curl`, which asks nobody.

use serde_json::{Value, json as value};

use crate::server::{self, Ran, Server, json, started, status};
use crate::verbs::{log, tty};

/// A run whose standard input says this.
pub fn told(server: &Server, words: &[&str], input: &str) -> Ran {
    let mut command = server.command(words);
    command
        .env_remove("WARREN_NON_INTERACTIVE")
        .env_remove("BOSH_NON_INTERACTIVE");
    server.ran(server::told(&mut command, input))
}

const PROBLEMS: &str = r#"[{"id":4,"type":"missing_vm","data":{},"description":"VM for 'web/0' missing.","resolutions":[{"name":"ignore","plan":"Skip for now"},{"name":"recreate_vm","plan":"Recreate VM"}],"instance_group":"web"},
    {"id":5,"type":"missing_disk","data":{},"description":"Disk 'd' missing.","resolutions":[{"name":"ignore","plan":"Skip for now"},{"name":"delete_disk_reference","plan":"Delete disk reference (DANGEROUS!)"}],"instance_group":"db"}]"#;

#[test]
fn a_cloud_check_asks_what_to_do() {
    let server = Server::new();
    let (vms, disks) = ("Scanning 3 VMs", "Scanning 3 persistent disks");
    let steps = [
        (38, 39, vms, "Checking VM states"),
        (39, 39, vms, "3 OK, 0 unresponsive, 0 missing, 0 unbound"),
        (39, 39, disks, "Looking for inactive disks"),
        (
            39,
            39,
            disks,
            "3 OK, 0 missing, 0 inactive, 0 mount-info mismatch",
        ),
    ];
    let lines: Vec<_> = steps
        .iter()
        .flat_map(|(begun, ended, stage, task)| {
            [
                (*begun, *stage, "", *task, "started", ""),
                (*ended, *stage, "", *task, "finished", ""),
            ]
        })
        .collect();
    let (scan, list) = (
        "POST /deployments/zookeeper/scans",
        "GET /deployments/zookeeper/problems",
    );
    server
        .says(scan, started(97))
        .has_task(97, "done", &log(&lines), "")
        .says(list, json("[]"))
        .says(list, json(PROBLEMS))
        .says("PUT /deployments/zookeeper/problems", started(98))
        .has_task(98, "done", "", "");
    let words = ["cloud-check", "-d", "zookeeper"];
    assert_eq!(
        tty(&server, &words).shown(),
        include_str!("fixtures/recorded-cck.txt")
    );
    let ran = told(&server, &words, "2\n1\ny\n");
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(
        ran.err.contains(
            "\nVM for 'web/0' missing.\n1: Skip for now\n2: Recreate VM\nResolution: \
             \nDisk 'd' missing.\n1: Skip for now\n2: Delete disk reference (DANGEROUS!)\nResolution: \
             \nContinue? [yN]: "
        ),
        "{ran:#?}"
    );
    let chosen = || -> Value {
        let all = server.asked();
        let last = all
            .iter()
            .rfind(|one| one.line.starts_with("PUT "))
            .unwrap();
        serde_json::from_slice::<Value>(&last.body).unwrap()["resolutions"].clone()
    };
    assert_eq!(chosen(), value!({"4": "recreate_vm", "5": "ignore"}));
    let asked = server.lines().len();
    for (input, error) in [
        ("3\n", "There is no resolution 3"),
        ("0\n", "There is no resolution 0"),
        ("x\n", "Expected a number"),
        ("", "Expected a number"),
        ("1\n1\nn\n", "Stopped"),
    ] {
        let ran = told(&server, &words, input);
        assert!(
            ran.code == 1 && ran.err.contains(error),
            "{input:?}: {ran:#?}"
        );
    }
    assert!(
        server.lines()[asked..]
            .iter()
            .all(|line| !line.starts_with("PUT "))
    );
    // A program that reads a document has nobody to ask, and has agreed to nothing.
    let ran = told(&server, &[&words[..], &["--json"]].concat(), "2\n1\ny\n");
    let lines = ran.json()["Lines"].to_string();
    assert_eq!(ran.code, 1, "{ran:#?}");
    assert!(
        lines.contains("Cannot ask for confirmation or input with --json"),
        "{lines}"
    );
    assert_eq!(chosen(), value!({"4": "recreate_vm", "5": "ignore"}));
    let flags = [
        &["-n"],
        &words[..],
        &["--resolution=delete_disk_reference", "--auto"],
    ]
    .concat();
    assert_eq!(tty(&server, &flags).code, 0);
    assert_eq!(chosen(), value!({"4": null, "5": "delete_disk_reference"}));
    let ran = tty(&server, &[&words[..], &["--report"]].concat());
    assert!(
        ran.code == 1 && ran.err.contains("2 problem(s) found"),
        "{ran:?}"
    );
}

#[test]
fn curl_shows_what_is_said() {
    let server = Server::new();
    server
        .says("GET /x?y=1", json("{\"a\":1}"))
        .says("POST /x", status(201, "made"))
        .says("DELETE /x", status(404, "gone"));
    let ran = server.run(&["curl", "/x?y=1"]);
    assert_eq!((ran.code, ran.out.as_str()), (0, "{\"a\":1}"));
    let file = server.file("body", "text");
    let ran = server.run(&[
        "curl",
        "-X",
        "post",
        "/x",
        "-H",
        "Content-Type: text/yaml",
        "--body",
        &file,
        "-i",
    ]);
    assert!(
        ran.out.starts_with("HTTP/1.1 201\n") && ran.out.ends_with("\n\nmade"),
        "{ran:?}"
    );
    let sent = server.asked().pop().unwrap();
    assert_eq!(
        (sent.headers["content-type"].as_str(), &*sent.body),
        ("text/yaml", &b"text"[..])
    );
    let ran = server.run(&["curl", "-X", "DELETE", "/x"]);
    assert!(
        ran.code == 1 && ran.err.contains("status code '404'"),
        "{ran:?}"
    );
    for (words, error) in [
        (&["curl", "x"][..], "to begin with '/'"),
        (&["curl", "-X", "PATCH", "/x"], "Unknown method 'PATCH'"),
        (
            &["curl", "-H", "nope", "/x"],
            "to be in format 'name: value'",
        ),
    ] {
        let ran = server.run(words);
        assert!(
            ran.code == 1 && ran.err.contains(error),
            "{words:?}: {ran:?}"
        );
    }
}

/// On a terminal of its own, whose user types this; what the terminal shows, and the exit code.
fn typed(server: &Server, words: &[&str], input: &str) -> (String, i32) {
    let plain = server.command(words);
    let quoted = |text: &std::ffi::OsStr| format!("'{}'", text.to_str().unwrap());
    let line: Vec<String> = [plain.get_program()]
        .into_iter()
        .chain(plain.get_args())
        .map(quoted)
        .collect();
    let mut terminal = std::process::Command::new("script");
    terminal.args(["-qec", &line.join(" "), "/dev/null"]);
    for (name, set) in plain.get_envs() {
        match set {
            Some(set) => terminal.env(name, set),
            None => terminal.env_remove(name),
        };
    }
    terminal
        .env_remove("WARREN_NON_INTERACTIVE")
        .env_remove("BOSH_NON_INTERACTIVE");
    let output = server::told(&mut terminal, input);
    let text = String::from_utf8(output.stdout)
        .unwrap()
        .replace("\r\n", "\n");
    (text, output.status.code().unwrap())
}

#[test]
fn a_deploy_goes_on_if_the_diff_is_agreed_to() {
    let server = Server::new();
    let manifest = server.file("zk.yml", "name: zk\nupdate: {max_in_flight: 2}\n");
    let diff = r#"{"context":{"cloud_config_ids":[1],"runtime_config_ids":[]},"diff":[["update:",null],["  max_in_flight: 5","removed"],["  max_in_flight: 2","added"]]}"#;
    let context = "%7B%22cloud_config_ids%22%3A%5B1%5D%2C%22runtime_config_ids%22%3A%5B%5D%7D";
    let deploy = format!("POST /deployments?context={context}");
    server
        .says("GET /configs?latest=true&limit=1&type=deploy", json("[]"))
        .says("POST /deployments/zk/diff?redact=true", json(diff))
        .says(&deploy, started(88))
        .has_task(88, "done", "", "");
    let words = ["deploy", "-d", "zk", &manifest];
    for refusal in ["n\n", "\n", "yes please\n"] {
        let (text, code) = typed(&server, &words, refusal);
        assert_eq!(code, 1, "{text}");
        // Colours are for eyes.
        let plain = text
            .replace("\u{1b}[31m", "")
            .replace("\u{1b}[32m", "")
            .replace("\u{1b}[0m", "");
        let shown = "Using deployment 'zk'\n\n  update:\n-   max_in_flight: 5\n+   max_in_flight: 2\n\nContinue? [yN]: ";
        assert!(plain.contains(shown), "{text:?}");
        assert!(
            plain.contains("Stopped") && plain.contains("Exit code 1"),
            "{text:?}"
        );
    }
    assert!(!server.lines().contains(&deploy));
    let (text, code) = typed(&server, &words, "y\n");
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("Task 88. Done") && text.contains("Succeeded"),
        "{text}"
    );
    assert!(server.lines().contains(&deploy), "{:?}", server.lines());
}
