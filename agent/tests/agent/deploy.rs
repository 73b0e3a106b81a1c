//! What a deploy does to an instance: prepare, apply, start, drain, stop, and DNS.

use std::time::Duration;

use serde_json::{Value, json};
use warren_agent::digest::of_bytes;
use warren_wire_agent::base64;
use warren_wire_agent::digest::Algorithm;
use warren_wire_agent::envelope::Response;

use crate::support::certificates::AGENT;
use crate::support::http::Store;
use crate::support::tar::tgz;
use crate::support::vm::Vm;
use crate::support::{PATIENCE, until};

const NETWORK: &str = r#"{"type":"manual","ip":"10.244.0.2","prefix":"32","cloud_properties":{"a":[1]},
    "default":["dns","gateway"],"dns":[],"gateway":"10.244.0.1","netmask":"255.255.255.0"}"#;

fn network() -> Value {
    serde_json::from_str(NETWORK).unwrap()
}

/// A spec with a job `web` and a package `ruby`; `version` is that of both.
pub fn spec(vm: &Vm, version: &str) -> Value {
    let monit = "check process web\n  with pidfile /var/vcap/sys/run/web/web.pid\n  group vcap\n";
    let jobs = tgz(&[
        ("./web/monit", monit),
        ("./web/bin/ctl", &format!("#!/bin/bash\necho {version}\n")),
        ("./web/config/web.yml", &format!("version: {version}\n")),
    ]);
    let package = tgz(&[("./", ""), ("./bin/", ""), ("./bin/ruby", version)]);
    let jobs_digest = vm.blob(&format!("jobs-{version}"), &jobs);
    let digest = vm.blob(&format!("ruby-{version}"), &package);
    json!({
        "deployment": "dep", "name": "web", "index": 0, "id": "i-1", "az": "z1",
        "job": {"name": "web", "template": "web", "version": version,
            "templates": [{"name": "web", "version": version, "sha1": "x", "blobstore_id": "x", "logs": []}]},
        "packages": {"ruby": {"name": "ruby", "version": format!("{version}.1"), "sha1": digest,
            "blobstore_id": format!("ruby-{version}")}},
        "networks": {"default": network()}, "persistent_disk": 0, "template_hashes": {"web": "h"},
        "rendered_templates_archive": {"sha1": jobs_digest, "blobstore_id": format!("jobs-{version}")},
        "configuration_hash": format!("hash-{version}"),
    })
}

#[test]
fn an_instance_from_nothing_to_running_and_back() {
    let (vm, running) = Vm::started();
    let director = &vm.director;
    let networks = json!({"default": network()});
    let bare = json!({"deployment": "dep", "job": {"name": "web"}, "index": 0, "id": "i-1", "networks": networks});
    assert_eq!(director.run("apply", json!([bare])), "applied");
    let state = director.value("get_state", json!([]));
    assert_eq!(state["networks"], networks);
    assert_eq!(state["job_state"], "running");
    assert_eq!(state["vm"], json!({"name": "vm-1"}));
    assert_eq!(state["resource_pool"], json!({}));
    assert!(state.get("processes").is_none() && state.get("vitals").is_none());
    assert!(director.value("get_state", json!(["full"]))["vitals"]["load"][2].is_string());
    // A fresh VM is stopped as well, with nothing on it.
    director.run(
        "run_script",
        json!(["pre-stop", {"env": {"BOSH_VM_NEXT_STATE": "keep"}}]),
    );
    assert_eq!(director.run("drain", json!(["shutdown", {}])), 0);
    until("the notice", || {
        director.heard(&format!("hm.agent.shutdown.{AGENT}")) == [json!(null)]
    });
    assert_eq!(director.run("stop", json!([])), "stopped");
    assert_eq!(
        director.value("get_state", json!([]))["job_state"],
        "stopped"
    );

    let spec = spec(&vm, "1");
    assert_eq!(director.run("prepare", json!([spec])), "prepared");
    assert!(!vm.path("var/vcap/jobs/web").exists());
    assert_eq!(director.run("apply", json!([spec])), "applied");
    let monit_file = vm.path("var/vcap/monit/job/0000_web.monitrc");
    assert!(!monit_file.exists());
    assert_eq!(vm.read("var/vcap/jobs/web/config/web.yml"), "version: 1\n");
    assert_eq!(vm.mode("var/vcap/jobs/web/config/web.yml"), 0o640);
    assert_eq!(vm.mode("var/vcap/jobs/web/bin/ctl"), 0o750);
    assert_eq!(vm.mode("var/vcap/jobs/web"), 0o750);
    assert_eq!(vm.mode("var/vcap/data/sys/log/web"), 0o770);
    assert_eq!(vm.read("var/vcap/packages/ruby/bin/ruby"), "1");
    assert_eq!(vm.read("var/vcap/jobs/web/packages/ruby/bin/ruby"), "1");
    assert_eq!(vm.read("var/vcap/instance/deployment"), "dep");
    assert!(vm.read("etc/logrotate.d/vcap").contains("size=50M"));

    assert_eq!(director.value("start", json!([])), "started");
    assert!(monit_file.exists());
    assert!(!vm.path("var/vcap/monit/stopped").exists());
    assert_eq!(vm.supervisor.service("web").unwrap().actions, ["start"]);
    let state = director.value("get_state", json!([]));
    assert_eq!(
        (&state["job_state"], &state["processes"][0]["name"]),
        (&json!("running"), &json!("web"))
    );
    assert_eq!(
        vm.read("var/vcap/instance/health.json"),
        r#"{"state":"running"}"#
    );

    vm.supervisor
        .set(|state| state.stop_takes = Duration::from_millis(200));
    assert_eq!(director.run("drain", json!(["update", spec])), 0);
    assert_eq!(
        director.value("get_state", json!([]))["job_state"],
        "failing"
    );
    assert_eq!(director.run("stop", json!([])), "stopped");
    assert_eq!(
        director.value("get_state", json!([]))["job_state"],
        "stopped"
    );

    let next = self::spec(&vm, "2");
    assert_eq!(director.run("apply", json!([next])), "applied");
    assert_eq!(vm.read("var/vcap/jobs/web/config/web.yml"), "version: 2\n");
    let versions = std::fs::read_dir(vm.path("var/vcap/data/packages/ruby"))
        .unwrap()
        .count();
    assert_eq!(versions, 1);
    let empty = json!({"configuration_hash": "none", "networks": networks});
    assert_eq!(director.run("apply", json!([empty])), "applied");
    assert!(!vm.path("var/vcap/jobs/web").exists() && !vm.path("var/vcap/data/jobs/web").exists());
    assert!(!vm.path("var/vcap/packages/ruby").exists());
    running.stop();
}

#[test]
fn templates_in_messages_are_used_and_removed() {
    let (vm, running) = Vm::started();
    let mut spec = spec(&vm, "1");
    let archive = tgz(&[("web/monit", ""), ("web/config/secret", "s")]);
    let digest =
        warren_agent::digest::of_bytes(warren_wire_agent::digest::Algorithm::Sha1, &archive);
    // With newlines, as Ruby writes it.
    let payload: Vec<String> = base64::encode(&archive)
        .as_bytes()
        .chunks(60)
        .map(|line| format!("{}\n", String::from_utf8_lossy(line)))
        .collect();
    let blob =
        json!({"blob_id": "rendered", "checksum": digest.to_string(), "payload": payload.concat()});
    assert_eq!(vm.director.run("upload_blob", json!([blob])), "rendered");
    assert_eq!(vm.mode("var/vcap/data/sensitive_blobs/rendered"), 0o600);
    // As the one that was sent before, for a `prepare`.
    let mut before = blob.clone();
    before["blob_id"] = json!("prepared");
    assert_eq!(vm.director.run("upload_blob", json!([before])), "prepared");
    spec["rendered_templates_archive"] =
        json!({"blobstore_id": "prepared", "sha1": digest.to_string()});
    vm.director.run("prepare", json!([spec]));
    spec["rendered_templates_archive"] =
        json!({"blobstore_id": "rendered", "sha1": digest.to_string()});
    vm.director.run("apply", json!([spec]));
    assert_eq!(vm.read("var/vcap/jobs/web/config/secret"), "s");
    for blob in ["rendered", "prepared"] {
        let path = vm.path("var/vcap/data/sensitive_blobs").join(blob);
        assert!(!path.exists(), "{blob}");
    }

    let bad = json!({"blob_id": "x", "checksum": digest.to_string(), "payload": "Zm9v"});
    let error = vm.director.fail("upload_blob", json!([bad]));
    assert!(error.contains("Checksum mismatch"), "{error}");
    let bad = json!({"blob_id": "../x", "checksum": digest.to_string(), "payload": "Zm9v"});
    assert!(
        vm.director
            .fail("upload_blob", json!([bad]))
            .contains("no name of a file")
    );
    let bad = json!({"blob_id": "x", "checksum": digest.to_string(), "payload": "%"});
    assert!(
        vm.director
            .fail("upload_blob", json!([bad]))
            .contains("not base64")
    );
    running.stop();
}

#[test]
fn specs_that_cannot_be_installed() {
    let (vm, running) = Vm::started();
    let good = spec(&vm, "1");
    let with = |path: &str, value: Value| {
        let mut spec = good.clone();
        *spec.pointer_mut(path).unwrap() = value;
        json!([spec])
    };
    let fail = |arguments: Value, text: &str| {
        let error = vm.director.fail("apply", arguments);
        assert!(error.contains(text), "{error}");
    };
    fail(
        with("/packages/ruby/blobstore_id", json!("gone")),
        "cannot fetch the package ruby",
    );
    fail(
        with("/packages/ruby/sha1", json!("sha256:00")),
        "should have sha256:00",
    );
    fail(
        with("/packages/ruby/sha1", json!("md5:00")),
        "no known algorithm",
    );
    fail(
        with("/packages/ruby/name", json!("../../x")),
        "no name of a file",
    );
    fail(
        with("/job/templates/0/name", json!("other")),
        "hold no job other",
    );
    fail(
        with("/networks", json!({"nope": {}})),
        "Network 'nope' is not found in settings",
    );
    let bomb = tgz(&[("../../escaped", "x")]);
    let digest = vm.blob("bomb", &bomb);
    let package = json!({"name": "ruby", "version": "9", "sha1": digest, "blobstore_id": "bomb"});
    fail(
        with("/packages/ruby", package),
        "cannot install the package ruby",
    );
    let junk = vm.blob("junk", b"\x1f\x8bjunk");
    let package = json!({"name": "ruby", "version": "8", "sha1": junk, "blobstore_id": "junk"});
    fail(
        with("/packages/ruby", package),
        "cannot install the package ruby",
    );
    assert!(!vm.path("var/vcap/data/escaped").exists());
    // Nothing half-made stays, and the good one goes in.
    for name in std::fs::read_dir(vm.path("var/vcap/data/packages/ruby")).unwrap() {
        assert!(!name.unwrap().file_name().to_string_lossy().starts_with('.'));
    }
    assert_eq!(vm.director.run("apply", json!([good])), "applied");
    running.stop();
}

#[test]
fn a_supervisor_that_is_busy_slow_or_away() {
    let (vm, running) = Vm::started();
    vm.director.run("apply", json!([spec(&vm, "1")]));
    vm.director.value("start", json!([]));
    // Protocol 2 does not wait.
    vm.supervisor
        .set(|state| state.stop_takes = Duration::from_millis(300));
    let to = vm.director.send(2, "stop", json!([]));
    vm.director.answer(&to, Duration::from_secs(30)).unwrap();
    until("a stop", || {
        vm.supervisor
            .service("web")
            .unwrap()
            .actions
            .contains(&"stop".to_owned())
    });
    // Asked while it is busy: 503 until it is not.
    assert_eq!(vm.director.value("start", json!([])), "started");
    assert_eq!(vm.supervisor.service("web").unwrap().monitor, 1);
    // One that cannot be asked to reload, and that nobody restarts, is an error that says so.
    vm.supervisor.set(|state| state.is_stock = true);
    let error = vm.director.fail("apply", json!([spec(&vm, "2")]));
    assert!(error.contains("Failed to reload monit: before="), "{error}");
    running.stop();
}

#[test]
fn stops_that_take_too_long_say_so_in_the_words_directors_know() {
    let vm = Vm::new();
    let vcap = vm.path("var/vcap");
    std::fs::create_dir_all(vcap.join("monit/job")).unwrap();
    std::fs::write(
        vcap.join("monit/job/0000_web.monitrc"),
        "check process web\n",
    )
    .unwrap();
    std::fs::write(vcap.join("monit/monit.user"), "vcap:x").unwrap();
    vm.supervisor.set(|state| {
        crate::support::supervisor::reload(state, &vcap);
        state.stop_takes = Duration::from_secs(60);
    });
    let paths = warren_agent::paths::Paths::new(vm.directory.path());
    let monit = warren_agent::monit::Monit::new(paths, &vm.supervisor.place, Default::default());
    let monit = monit.stop_limit(Duration::from_millis(300));
    let error = monit.stop_and_wait().unwrap_err().to_string();
    assert_eq!(
        error,
        "Timed out waiting for services 'web' to stop after 5 minutes"
    );
    let error = monit.stop_and_wait().unwrap_err().to_string();
    assert_eq!(
        error,
        "Timed out waiting for services 'web' to no longer be pending after 5 minutes"
    );
}

#[test]
fn a_spec_whose_blobs_are_behind_urls() {
    let (vm, running) = Vm::started();
    let store = Store::start();
    let mut spec = spec(&vm, "1");
    let mut behind = |id: &str, place: &str| {
        let path = vm.path(&format!("var/vcap/blobstore/{id}"));
        let bytes = std::fs::read(&path).unwrap();
        // It is nowhere else.
        std::fs::remove_file(path).unwrap();
        let mut shelf = store.shelf.lock().unwrap();
        shelf.blobs.insert(format!("/signed/{id}"), bytes);
        spec.pointer_mut(place).unwrap()["signed_url"] =
            json!(format!("{}/signed/{id}?st=SECRET", store.url));
    };
    behind("ruby-1", "/packages/ruby");
    behind("jobs-1", "/rendered_templates_archive");
    assert_eq!(vm.director.run("prepare", json!([spec])), "prepared");
    assert_eq!(vm.director.run("apply", json!([spec])), "applied");
    assert_eq!(vm.read("var/vcap/jobs/web/config/web.yml"), "version: 1\n");
    assert_eq!(vm.read("var/vcap/packages/ruby/bin/ruby"), "1");
    let requests = store.shelf.lock().unwrap().requests.len();
    assert_eq!(requests, 2);
    // Nobody who reads what was applied could fetch them.
    let state = vm.director.value("get_state", json!([])).to_string();
    for kept in [state, vm.read("var/vcap/bosh/spec.json")] {
        assert!(kept.contains("ruby-1"), "{kept}");
        assert!(!kept.contains("SECRET"), "{kept}");
    }
    running.stop();
}

fn records(version: u64) -> String {
    json!({"version": version, "records": [["10.0.0.4", "a.web.default.dep.bosh"]],
        "record_keys": ["id"], "record_infos": [["a"]], "aliases": {}})
    .to_string()
}

#[test]
fn records_of_dns_that_come_late_are_not_put_over_newer_ones() {
    let (vm, running) = Vm::started();
    let store = Store::start();
    let mut digests = Vec::new();
    for version in [7, 8] {
        let (path, bytes) = (format!("/{version}"), records(version).into_bytes());
        digests.push(of_bytes(Algorithm::Sha256, &bytes).to_string());
        store.shelf.lock().unwrap().blobs.insert(path, bytes);
    }
    let argument = |version: usize| {
        json!([{"signed_url": format!("{}/{version}", store.url), "version": version,
            "multi_digest": digests[version - 7], "blobstore_headers": {}}])
    };
    store.shelf.lock().unwrap().held.push("/7".to_owned());
    let late = vm.director.send(3, "sync_dns_with_signed_url", argument(7));
    until("the old ones are asked for", || {
        !store.shelf.lock().unwrap().requests.is_empty()
    });
    let value = vm.director.value("sync_dns_with_signed_url", argument(8));
    assert_eq!(value, "synced");
    store.shelf.lock().unwrap().held.clear();
    let answer = vm.director.answer(&late, PATIENCE);
    assert_eq!(answer, Some(Response::Value(json!("synced"))));
    assert_eq!(vm.read("var/vcap/instance/dns/records.json"), records(8));
    running.stop();
}

#[test]
fn records_of_dns_are_taken_once_and_in_order() {
    let (vm, running) = Vm::started();
    let digest = vm.blob("dns-7", records(7).as_bytes());
    assert_eq!(
        vm.director.value("sync_dns", json!(["dns-7", digest, 7])),
        "synced"
    );
    assert!(
        vm.read("etc/hosts")
            .ends_with("10.0.0.4 a.web.default.dep.bosh\n")
    );
    assert_eq!(vm.read("var/vcap/instance/dns/records.json"), records(7));
    assert_eq!(vm.mode("var/vcap/instance/dns/records.json"), 0o640);
    // An older one is not even fetched.
    assert_eq!(
        vm.director.value("sync_dns", json!(["gone", "00", 6])),
        "synced"
    );
    let error = vm
        .director
        .exception("sync_dns", json!(["dns-7", digest, 8]));
    assert!(
        error.contains("does not match version supplied by director"),
        "{error}"
    );
    let error = vm.director.exception("sync_dns", json!(["dns-7", "00", 8]));
    assert!(error.contains("not what it should be"), "{error}");
    let evil = json!({"version": 9, "records": [["10.0.0.4", "a\n6.6.6.6 bank"]]}).to_string();
    let digest = vm.blob("evil", evil.as_bytes());
    assert!(
        vm.director
            .exception("sync_dns", json!(["evil", digest, 9]))
            .contains("characters")
    );
    running.stop();
    // Records stay over a boot.
    let running = vm.start();
    assert!(vm.read("etc/hosts").contains("10.0.0.4"));
    running.stop();
}
