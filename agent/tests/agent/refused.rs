//! What each action says to arguments that it cannot use, over the wire: too few, of another type, and
//! what only the action itself can tell is wrong. Afterwards the agent answers as before.

use serde_json::{Value, json};

use crate::support::vm::Vm;

/// The text of a request's failure, whether the action has a task or not.
#[track_caller]
fn failure(vm: &Vm, method: &str, arguments: Value) -> String {
    use warren_wire_agent::envelope::Response;
    match vm.director.ask(method, arguments.clone()) {
        Response::Exception(message) => message,
        Response::Value(value) => {
            let task = value["agent_task_id"].as_str();
            let task = task.unwrap_or_else(|| panic!("{method} {arguments}: {value}"));
            match vm.director.finish(task) {
                Response::Exception(message) => message,
                Response::Value(value) => panic!("{method} {arguments}: {value}"),
            }
        }
    }
}

#[test]
fn too_few_arguments() {
    let (vm, running) = Vm::started();
    for (method, expected) in [
        ("prepare", 1),
        ("apply", 1),
        ("drain", 1),
        ("run_script", 2),
        ("compile_package", 5),
        ("compile_package_with_signed_url", 1),
        ("fetch_logs", 2),
        ("fetch_logs_with_signed_url", 1),
        ("bundle_logs", 1),
        ("remove_file", 1),
        ("upload_blob", 1),
        ("ssh", 2),
        ("mount_disk", 1),
        ("unmount_disk", 1),
        ("add_persistent_disk", 2),
        ("remove_persistent_disk", 1),
        ("add_dynamic_disk", 2),
        ("remove_dynamic_disk", 1),
        ("update_settings", 1),
        ("sync_dns", 3),
        ("sync_dns_with_signed_url", 1),
        ("delete_arp_entries", 1),
        ("get_task", 1),
        ("cancel_task", 1),
    ] {
        assert_eq!(
            vm.director.exception(method, json!([])),
            format!("Action Failed {method}: Not enough arguments, expected {expected}, got 0")
        );
    }
    vm.director.ping();
    running.stop();
}

#[test]
fn arguments_of_another_type() {
    let (vm, running) = Vm::started();
    for (method, arguments) in [
        ("prepare", json!(["spec"])),
        ("apply", json!([["spec"]])),
        ("apply", json!([{"networks": 7}])),
        ("drain", json!([7, {}])),
        ("run_script", json!([{}, {}])),
        ("run_errand", json!([{}])),
        ("compile_package", json!([{}, "", "", "", {}])),
        ("compile_package_with_signed_url", json!(["url"])),
        ("fetch_logs", json!(["job", "filter"])),
        ("fetch_logs_with_signed_url", json!([7])),
        ("bundle_logs", json!(["me"])),
        ("remove_file", json!([{}])),
        ("upload_blob", json!(["blob"])),
        ("ssh", json!(["setup", "user"])),
        ("mount_disk", json!([{}])),
        ("unmount_disk", json!([["cid"]])),
        ("add_persistent_disk", json!([{}, {}])),
        ("remove_persistent_disk", json!([7])),
        ("add_dynamic_disk", json!([{}, "/dev/x"])),
        ("remove_dynamic_disk", json!([true])),
        ("update_settings", json!(["settings"])),
        ("sync_dns", json!(["id", "00", "seven"])),
        ("sync_dns_with_signed_url", json!([[]])),
        ("delete_arp_entries", json!([{"ips": "10.0.0.1"}])),
        ("get_task", json!([{}])),
        ("cancel_task", json!([["id"]])),
    ] {
        let said = vm.director.exception(method, arguments.clone());
        assert!(
            said.starts_with(&format!("Action Failed {method}: ")),
            "{method} {arguments}: {said}"
        );
        assert!(said.contains("cannot be read"), "{method}: {said}");
    }
    vm.director.ping();
    running.stop();
}

#[test]
fn what_only_the_action_can_tell() {
    let (vm, running) = Vm::started();
    let compile = json!(["gone", "00", "p", "1", {}]);
    let logs = json!(["nonsense", []]);
    let bundle = json!([{"owning_user": "vcap", "log_type": "nonsense", "filters": []}]);
    let blob = json!([{"blob_id": "../up", "checksum": "00", "payload": "QQ=="}]);
    let digest = json!([{"blob_id": "b", "checksum": "00", "payload": "QQ=="}]);
    let signed =
        json!([{"signed_url": "http://127.0.0.1:1/x", "multi_digest": "00", "version": 3}]);
    // What is wrong with a hint is told when it is used, as by stock agents.
    let hint = json!(["cid", {}]);
    assert_eq!(vm.director.run("add_persistent_disk", hint), json!({}));
    for (method, arguments, text) in [
        (
            "drain",
            json!(["status", {}]),
            "Unexpected call with drain type 'status'",
        ),
        ("drain", json!(["dance", {}]), "Unknown drain type dance"),
        (
            "run_errand",
            json!([]),
            "the instance has no job to run as an errand",
        ),
        ("run_errand", json!(["gone"]), "the job gone has no bin/run"),
        ("run_errand", json!(["../up"]), "is no name of a file"),
        ("compile_package", compile, "gone"),
        ("fetch_logs", logs, "Invalid log type"),
        ("bundle_logs", bundle, "Invalid log type"),
        ("upload_blob", blob, "is no name of a file"),
        ("upload_blob", digest, "00"),
        (
            "mount_disk",
            json!(["gone"]),
            "Persistent disk with volume id 'gone' could not be found",
        ),
        (
            "mount_disk",
            json!(["cid"]),
            "the hint of disk cid names no path",
        ),
        (
            "add_dynamic_disk",
            json!(["../up", "/dev/x"]),
            "is no name of a file",
        ),
        ("sync_dns", json!(["gone", "00", 1]), "gone"),
        ("sync_dns_with_signed_url", signed, "127.0.0.1:1"),
        (
            "cancel_task",
            json!(["nope"]),
            "Task with id nope could not be found",
        ),
        (
            "update_settings",
            json!([{"mbus": {"urls": ["nonsense://"], "cert": {}}}]),
            "",
        ),
    ] {
        let said = failure(&vm, method, arguments.clone());
        let begin = format!("Action Failed {method}: ");
        assert!(
            said.contains(&begin) && said.contains(text),
            "{method} {arguments}: {said}"
        );
    }
    vm.director.ping();
    running.stop();
}

/// Whoever asks for the result of a task that has failed gets its text in the stock agent's frame.
#[test]
fn a_task_that_failed_says_so_as_often_as_it_is_asked() {
    let (vm, running) = Vm::started();
    let task = vm.director.start("drain", json!(["dance", {}]));
    let said = loop {
        match vm.director.ask("get_task", json!([task])) {
            warren_wire_agent::envelope::Response::Exception(said) => break said,
            warren_wire_agent::envelope::Response::Value(_) => {}
        }
    };
    assert_eq!(
        said,
        format!(
            "Action Failed get_task: Task {task} result: Action Failed drain: Unknown drain type dance"
        )
    );
    assert_eq!(vm.director.exception("get_task", json!([task])), said);
    // Only programs of jobs can be cancelled.
    let task = vm.director.start("list_disk", json!([]));
    assert_eq!(
        vm.director.exception("cancel_task", json!([task])),
        "Action Failed cancel_task: not supported"
    );
    running.stop();
}

/// Every method with arguments that it can use, and that do nothing; but `shutdown`, which takes none.
fn harmless(url: &str) -> Vec<(String, Vec<Value>)> {
    let all = json!({
        "ping": [], "info": [], "start": [], "stop": [], "list_disk": [], "migrate_disk": [],
        "get_state": ["full"], "run_errand": ["gone"], "get_task": ["gone"], "cancel_task": ["gone"],
        "prepare": [{"deployment": "d"}], "apply": [{"deployment": "d"}],
        "drain": ["update", {"deployment": "d"}], "run_script": ["none", {"env": {}}],
        "compile_package": ["gone", "00", "p", "1", {}],
        "compile_package_with_signed_url": [{"package_get_signed_url": url, "upload_signed_url": url,
            "digest": "00", "name": "p", "version": "1", "deps": {}}],
        "fetch_logs": ["job", []], "fetch_logs_with_signed_url": [{"signed_url": url, "log_type": "none"}],
        "bundle_logs": [{"owning_user": "", "log_type": "none", "filters": []}],
        "remove_file": ["/gone/and/away"],
        "upload_blob": [{"blob_id": "b", "checksum": "00", "payload": "QQ=="}],
        "ssh": ["cleanup", {"user_regex": "^bosh_none$"}],
        "mount_disk": ["gone"], "unmount_disk": ["gone"],
        "add_persistent_disk": ["gone", "/gone"], "remove_persistent_disk": ["gone"],
        "add_dynamic_disk": ["gone", "/gone"], "remove_dynamic_disk": ["gone"],
        "update_settings": [{"trusted_certs": ""}],
        "sync_dns": ["gone", "00", 1], "sync_dns_with_signed_url": [{"signed_url": url, "multi_digest": "00"}],
        "delete_arp_entries": [{"ips": []}],
    });
    let all = all.as_object().unwrap();
    all.iter()
        .map(|(name, arguments)| (name.clone(), arguments.as_array().unwrap().clone()))
        .collect()
}

/// Whatever stands in the place of any argument of any method: there is an answer, in the stock agent's
/// frame if it is a failure, and nothing is lost.
#[test]
fn odd_arguments_of_every_method_are_answered() {
    use warren_wire_agent::envelope::Response;
    let (vm, running) = Vm::started();
    let store = crate::support::http::Store::start();
    vm.write("keep", "x");
    let before = vm.read("etc/passwd");
    let deep = (0..100).fold(json!("x"), |inner, _| json!([inner]));
    let long = json!("x".repeat(200_000));
    let huge = json!({"x": u64::MAX, "version": -1, "env": {"A": 1e300}, "ips": ["::", "x"]});
    let odd = [
        json!(null),
        json!(-1),
        json!("../../x"),
        json!([null]),
        huge,
        deep,
        long,
    ];
    for (method, good) in harmless(&format!("{}/none", store.url)) {
        let mut tasks = Vec::new();
        for place in 0..=good.len() {
            for value in &odd {
                // Behind the last one is one too many.
                let mut arguments = good.clone();
                arguments.splice(place..arguments.len().min(place + 1), [value.clone()]);
                let what = format!("{method}, argument {}: {value:.60}", place + 1);
                match vm.director.ask(&method, Value::Array(arguments)) {
                    Response::Exception(said) => {
                        let frame = format!("Action Failed {method}: ");
                        assert!(said.starts_with(&frame), "{what}: {said:.200}");
                    }
                    Response::Value(value) => {
                        let task = value["agent_task_id"].as_str().map(str::to_owned);
                        tasks.extend(task.map(|task| (what, task)));
                    }
                }
            }
        }
        for (what, task) in tasks {
            if let Response::Exception(said) = vm.director.finish(&task) {
                let frame =
                    format!("Action Failed get_task: Task {task} result: Action Failed {method}: ");
                assert!(said.starts_with(&frame), "{what}: {said:.200}");
            }
        }
    }
    vm.director.ping();
    assert_eq!(
        (vm.read("keep"), vm.read("etc/passwd")),
        ("x".to_owned(), before)
    );
    assert_eq!(vm.director.run("list_disk", json!([])), json!([]));
    running.stop();
}
