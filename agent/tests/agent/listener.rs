//! The https listener of create-env, asked by curl as its tools ask.

use std::process::{Command, Stdio};

use serde_json::{Value, json};
use warren_agent::serve::Running;
use warren_tests_harness::Port;

use crate::support::certificates::certificates;
use crate::support::tar::tgz;
use crate::support::until;
use crate::support::vm::Vm;

/// Settings of create-env: no NATS, a blobstore in the VM.
fn started() -> (Vm, Running, String, Port) {
    let vm = Vm::new();
    let port = Port::of_loopback();
    let place = format!("127.0.0.1:{}", port.number());
    let mut settings = vm.settings();
    settings["mbus"] = json!(format!("https://mbus-user:p%40ss@{place}"));
    settings["env"]["bosh"]["mbus"] =
        json!({"cert": certificates().pair("default.nats.bosh-internal")});
    settings["env"]["bosh"]["blobstores"] = json!([{"provider": "local",
        "options": {"blobstore_path": "/var/vcap/micro_bosh/data/cache"}}]);
    vm.write_settings(&settings);
    let running = vm.start();
    (vm, running, format!("https://{place}"), port)
}

/// What curl says: the status and the body.
fn curl(arguments: &[&str]) -> (u16, Vec<u8>) {
    let output = Command::new("curl")
        .args(["-sk", "-w", "\n%{http_code}"])
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("curl: apt-get install curl");
    let text = output.stdout;
    let at = text.iter().rposition(|byte| *byte == b'\n').unwrap();
    let status = String::from_utf8_lossy(&text[at + 1..]).parse().unwrap();
    (status, text[..at].to_vec())
}

const USER: [&str; 2] = ["-u", "mbus-user:p@ss"];

fn ask(url: &str, request: Value) -> Value {
    let (status, body) = curl(
        &[
            &USER[..],
            &["-d", &request.to_string(), &format!("{url}/agent")],
        ]
        .concat(),
    );
    assert_eq!(status, 200);
    serde_json::from_slice(&body).unwrap()
}

#[test]
fn requests_are_answered_for_whoever_knows_the_password() {
    let (_vm, running, url, _port) = started();
    let ping = json!({"method": "ping", "arguments": [], "reply_to": ""});
    assert_eq!(ask(&url, ping.clone()), json!({"value": "pong"}));
    let unknown = ask(&url, json!({"method": "fly", "arguments": []}));
    assert_eq!(unknown["exception"]["message"], "unknown message fly");
    // Below protocol 3 a list of disks is a value.
    let disks = ask(&url, json!({"method": "list_disk", "arguments": []}));
    assert_eq!(disks, json!({"value": []}));
    let (agent, ping) = (format!("{url}/agent"), ping.to_string());
    let status = |arguments: &[&str]| curl(arguments).0;
    assert_eq!(status(&["-d", &ping, &agent]), 401);
    for wrong in ["mbus-user:p", "mbus-user:p@sss", "other:p@ss", ":"] {
        assert_eq!(status(&["-u", wrong, "-d", &ping, &agent]), 401, "{wrong}");
    }
    let known = |arguments: &[&str]| status(&[&USER[..], arguments].concat());
    assert_eq!(known(&["-d", "{", &agent]), 500);
    assert_eq!(known(&[&agent]), 404);
    assert_eq!(known(&["-d", &ping, &format!("{url}/other")]), 404);
    // Those who ask in the clear are not heard, and do not harm.
    let plain = url.replace("https", "http");
    assert_eq!(status(&[&plain]), 0);
    assert_eq!(known(&["-d", &ping, &agent]), 200);
    running.stop();
    assert_eq!(status(&[&agent]), 0, "it listens still");
}

#[test]
fn blobs_are_put_fetched_and_applied() {
    let (vm, running, url, _port) = started();
    let blob = |id: &str| format!("{url}/blobs/{id}");
    let known = |arguments: &[&str]| curl(&[&USER[..], arguments].concat());
    let jobs = tgz(&[("./web/monit", ""), ("./web/bin/run", "#!/bin/sh\n")]);
    vm.write("upload.tgz", &jobs);
    let upload = vm.path("upload.tgz").to_string_lossy().into_owned();
    let big: Vec<u8> = (0..3_000_000_u32).map(|n| (n / 7) as u8).collect();
    vm.write("big", &big);
    let long = vm.path("big").to_string_lossy().into_owned();

    assert_eq!(known(&["-T", &upload, &blob("archive")]).0, 201);
    assert_eq!(
        known(&[
            "-T",
            &long,
            "-H",
            "Transfer-Encoding: chunked",
            &blob("big")
        ])
        .0,
        201
    );
    assert_eq!(known(&[&blob("archive")]), (200, jobs.clone()));
    assert_eq!(known(&[&blob("big")]), (200, big));
    assert_eq!(known(&[&blob("missing")]).0, 404);
    assert_eq!(known(&["--path-as-is", &blob("../tasks.json")]).0, 404);
    assert_eq!(
        known(&["--path-as-is", "-T", &upload, &blob("../x")]).0,
        500
    );
    assert_eq!(curl(&["-T", &upload, &blob("other")]).0, 401);
    assert!(!vm.path("var/vcap/data/blobs/other").exists());
    assert_eq!(vm.mode("var/vcap/data/blobs"), 0o700);

    let digest =
        warren_agent::digest::of_bytes(warren_wire_agent::digest::Algorithm::Sha256, &jobs);
    let spec = json!({"deployment": "env", "name": "bosh", "index": 0, "id": "i-1",
        "job": {"name": "bosh", "template": "web", "templates": [{"name": "web", "version": "1"}]},
        "networks": {"default": {"type": "manual"}}, "configuration_hash": "h",
        "rendered_templates_archive": {"sha1": digest.to_string(), "blobstore_id": "archive"}});
    let task = ask(&url, json!({"method": "apply", "arguments": [spec]}));
    let id = task["value"]["agent_task_id"].clone();
    until("it is applied", || {
        let state = ask(&url, json!({"method": "get_task", "arguments": [id]}));
        assert!(state["exception"].is_null(), "{state}");
        state["value"] == "applied"
    });
    assert!(vm.path("var/vcap/jobs/web/bin/run").exists());
    running.stop();
}
