//! Settings: waited for, changed without a gap, kept from others' eyes.

use std::time::Duration;

use serde_json::json;
use warren_wire_agent::envelope::{PROTOCOL, Response};

use crate::support::certificates::{bootstrap_name, certificates, permanent_name};
use crate::support::until;
use crate::support::vm::Vm;

#[test]
fn settings_that_come_late_are_waited_for() {
    let vm = Vm::new();
    let path = vm.path("var/vcap/bosh/warden-cpi-agent-env.json");
    std::fs::remove_file(&path).unwrap();
    let options = vm.options();
    let thread = std::thread::spawn(move || warren_agent::serve::start(&options).unwrap());
    std::thread::sleep(Duration::from_millis(300));
    assert!(!thread.is_finished());
    // A file that is still being written is none yet.
    std::fs::write(&path, r#"{"agent_id": "#).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    vm.write_settings(&vm.settings());
    let running = thread.join().unwrap();
    vm.director.ping();
    assert_eq!(vm.mode("var/vcap/bosh/settings.json"), 0o600);
    running.stop();
    // The next boot goes on with what was kept.
    std::fs::remove_file(&path).unwrap();
    let running = vm.start();
    vm.director.ping();
    running.stop();
}

#[test]
fn the_boot_leaves_files_as_a_stock_agent() {
    let (vm, running) = Vm::started();
    assert_eq!(vm.read("etc/hostname"), "agent-1\n");
    assert!(
        vm.read("etc/hosts")
            .starts_with("127.0.0.1 localhost agent-1\n")
    );
    assert_eq!(
        vm.read("etc/resolv.conf"),
        "# Written by the agent\nnameserver 10.255.255.53\n"
    );
    assert!(vm.read("etc/shadow").contains("vcap:$6$salt$hash:"));
    assert!(vm.read("var/vcap/monit/monit.user").starts_with("vcap:"));
    for (path, mode) in [
        ("var/vcap/data/jobs", 0o750),
        ("var/vcap/data/packages", 0o755),
        ("var/vcap/data/sensitive_blobs", 0o700),
        ("var/vcap/monit/monit.user", 0o600),
    ] {
        assert_eq!(vm.mode(path), mode, "{path}");
    }
    running.stop();
    // Once more: nothing changes.
    let user = vm.read("var/vcap/monit/monit.user");
    vm.start().stop();
    assert_eq!(vm.read("var/vcap/monit/monit.user"), user);
}

#[test]
fn the_permanent_certificate_is_taken_without_a_gap() {
    let (vm, running) = Vm::started();
    let pair = certificates().pair(&permanent_name());
    let update = json!({"trusted_certs": "", "disk_associations": [], "mbus": {"cert": pair}, "blobstores": null});
    // Asked all the time: not one request is lost, not one answered twice.
    let asked = std::thread::scope(|scope| {
        let pings = scope.spawn(|| {
            let mut asked = Vec::new();
            while asked.len() < 300 {
                asked.push(vm.director.send(PROTOCOL, "ping", json!([])));
                std::thread::sleep(Duration::from_millis(2));
            }
            asked
        });
        assert_eq!(vm.director.run("update_settings", json!([update])), "ok");
        pings.join().unwrap()
    });
    for to in &asked {
        let answer = vm.director.answer(to, Duration::from_secs(10));
        assert_eq!(answer, Some(Response::Value("pong".into())));
        assert_eq!(vm.director.answers(to), 1);
    }
    assert_eq!(vm.mode("var/vcap/bosh/update_settings.json"), 0o600);
    assert_eq!(vm.mode("var/vcap/bosh/tasks.json"), 0o600);
    assert_eq!(vm.read("var/vcap/bosh/tasks.json"), "{}");
    // The bootstrap user goes, as it does once the director has its "ok".
    vm.nats.set_users(&[permanent_name()]);
    std::thread::sleep(Duration::from_millis(200));
    vm.director.ping();
    // An update that says nothing of the bus does not bring the first certificate back.
    let names_only = json!({"trusted_certs": "", "disk_associations": []});
    assert_eq!(
        vm.director.run("update_settings", json!([names_only])),
        "ok"
    );
    vm.director.ping();
    running.stop();
    // And the next life has it too.
    let running = vm.start();
    vm.director.ping();
    running.stop();
}

#[test]
fn a_certificate_that_cannot_be_used_changes_nothing() {
    let (vm, running) = Vm::started();
    let mut pair = certificates().pair(&permanent_name());
    pair.private_key = certificates().pair(&bootstrap_name()).private_key;
    let error = vm
        .director
        .fail("update_settings", json!([{"mbus": {"cert": pair}}]));
    assert!(error.contains("cannot be used"), "{error}");
    assert!(!error.contains("PRIVATE"), "{error}");
    assert!(!vm.path("var/vcap/bosh/update_settings.json").exists());
    vm.director.ping();
    running.stop();
    // An agent that has nothing else ends, for its init to say so.
    let mut settings = vm.settings();
    settings["env"]["bosh"]["mbus"]["cert"] = json!(pair);
    let ends = |settings: &serde_json::Value, why: &str| {
        vm.write_settings(settings);
        let Err(error) = warren_agent::serve::start(&vm.options()) else {
            panic!("it lives, and cannot: {why}");
        };
        let error = error.to_string();
        let text = "the settings of the message bus cannot be used: ";
        assert!(error.starts_with(text) && error.contains(why), "{error}");
        assert!(
            !error.contains("PRIVATE") && !error.contains("secret"),
            "{error}"
        );
    };
    ends(&settings, "certificate and key");
    for (url, why) in [
        ("", "they name no server"),
        ("ftp://127.0.0.1", "begins neither"),
        ("nats://me:secret@:4222", "names no host"),
        ("nats://me:secret@127.0.0.1:0", "a port that is none"),
    ] {
        let mut settings = vm.settings();
        settings["mbus"] = json!(url);
        ends(&settings, why);
    }
}

#[test]
fn an_update_that_was_cut_off_is_done_under_the_same_id() {
    let vm = Vm::new();
    let pair = certificates().pair(&permanent_name());
    let kept = |id: &str, place: u64, update: serde_json::Value| {
        let request = json!({"protocol": 3, "method": "update_settings",
            "arguments": [update], "reply_to": "director.d.agent-1.x"});
        let payload = warren_wire_agent::base64::encode(request.to_string().as_bytes());
        json!({"TaskID": id, "Method": "update_settings", "Payload": payload, "Place": place})
    };
    let ca = std::fs::read_to_string(certificates().path("ca.crt")).unwrap();
    let all = json!({
        "task-7": kept("task-7", 5, json!({"mbus": {"cert": pair}})),
        "task-8": kept("task-8", 4, json!({"trusted_certs": ca})),
    });
    vm.write("var/vcap/bosh/tasks.json", all.to_string());
    let running = vm.start();
    vm.director.ping();
    for task in ["task-8", "task-7"] {
        assert_eq!(vm.director.finish(task), Response::Value("ok".into()));
    }
    // The one that came in last is what holds: it trusts nobody else.
    let trusted = vm.path("usr/local/share/ca-certificates/bosh-trusted-cert-1.crt");
    assert!(!trusted.exists());
    assert!(
        vm.read("var/vcap/bosh/update_settings.json")
            .contains("PRIVATE KEY")
    );
    vm.nats.set_users(&[permanent_name()]);
    until("the permanent user", || {
        running
            .bus
            .as_ref()
            .unwrap()
            .wait_connected(Duration::from_millis(10))
    });
    vm.director.ping();
    running.stop();
}

#[test]
fn names_of_disks_and_trusted_certificates() {
    let (vm, running) = Vm::started();
    let disk = vm.path("disk-1");
    std::fs::create_dir(&disk).unwrap();
    vm.director
        .run("add_persistent_disk", json!(["cid-1", "/disk-1"]));
    let ca = std::fs::read_to_string(certificates().path("ca.crt")).unwrap();
    let update = |associations: serde_json::Value, trusted: &str| json!([{"disk_associations": associations, "trusted_certs": trusted}]);
    let associations = json!([{"name": "data", "cid": "cid-1"}]);
    vm.director.run(
        "update_settings",
        update(associations, &format!("{ca}\n{ca}")),
    );
    assert_eq!(
        std::fs::read_link(vm.path("var/vcap/instance/disks/data")).unwrap(),
        disk
    );
    assert!(
        vm.path("usr/local/share/ca-certificates/bosh-trusted-cert-2.crt")
            .exists()
    );
    vm.director.run("update_settings", update(json!([]), &ca));
    assert!(!vm.path("var/vcap/instance/disks/data").exists());
    assert!(
        vm.path("usr/local/share/ca-certificates/bosh-trusted-cert-1.crt")
            .exists()
    );
    assert!(
        !vm.path("usr/local/share/ca-certificates/bosh-trusted-cert-2.crt")
            .exists()
    );
    let bad = json!([{"name": "../x", "cid": "cid-1"}]);
    assert!(
        vm.director
            .fail("update_settings", update(bad, ""))
            .contains("no name of a file")
    );
    let unknown = json!([{"name": "x", "cid": "nope"}]);
    assert!(
        vm.director
            .fail("update_settings", update(unknown, ""))
            .contains("could not be found")
    );
    running.stop();
}
