//! Requests that are none, and arguments that cannot be: each is answered by type and in words, and leaves
//! nothing.

use std::fs;

use serde_json::{Value, json};

use crate::scene::{Scene, create_vm, request};

/// What the process answers to these bytes: type without the prefix that each has, and message.
fn said(scene: &Scene, input: &[u8]) -> (String, String) {
    let place = scene.server.directory().join("input");
    fs::write(&place, input).unwrap();
    let command = format!(
        "exec '{}' cpi -configPath={} <{} >{}",
        warren_tests_harness::programs::warren().display(),
        scene.server.directory().join("cpi.json").display(),
        place.display(),
        place.with_extension("answer").display()
    );
    scene.server.actor().run(&["sh", "-c", &command]).success();
    let answer = fs::read(place.with_extension("answer")).unwrap();
    let answer: Value = serde_json::from_slice(&answer).unwrap();
    assert_eq!(
        (&answer["result"], answer["log"].is_string()),
        (&Value::Null, true),
        "{answer}"
    );
    let error = &answer["error"];
    assert_eq!(error["ok_to_retry"], false, "{answer}");
    let text = |key: &str| error[key].as_str().unwrap().to_owned();
    let kind = text("type");
    let kind = kind.strip_prefix("Bosh::Clouds::").unwrap();
    (kind.to_owned(), text("message"))
}

#[test]
fn what_is_no_request_is_told_so() {
    let scene = Scene::new("directory");
    for (input, kind, text) in [
        ("", "CpiError", "Must provide valid JSON payload"),
        ("{", "CpiError", "Must provide valid JSON payload"),
        ("[]", "CpiError", "Must provide valid JSON payload"),
        ("[1]", "CpiError", "Must provide valid JSON payload"),
        (
            "\u{0}\u{fffd}",
            "CpiError",
            "Must provide valid JSON payload",
        ),
        ("{}", "CpiError", "Must provide 'method' key"),
        (r#"{"method":""}"#, "CpiError", "Must provide 'method' key"),
        (
            r#"{"method":7,"arguments":[]}"#,
            "CpiError",
            "Must provide 'method' key",
        ),
        (
            r#"{"method":"info"}"#,
            "CpiError",
            "Must provide 'arguments' key",
        ),
        (
            r#"{"method":"info","arguments":{}}"#,
            "CpiError",
            "Must provide 'arguments' key",
        ),
        (
            r#"{"method":"fly","arguments":[]}"#,
            "NotImplemented",
            "Must call implemented method: fly",
        ),
        (
            r#"{"method":"delete_vm","arguments":[]}"#,
            "CloudError",
            "delete_vm: expected at least 1 arguments, got 0",
        ),
        (
            r#"{"method":"info","arguments":[],"api_version":4}"#,
            "NotImplemented",
            "Must call implemented method: info of API version 4 is not known",
        ),
    ] {
        let found = said(&scene, input.as_bytes());
        assert_eq!(found, (kind.to_owned(), text.to_owned()), "{input}");
    }
    let mut broken = request("has_vm", json!(["x"])).to_string().into_bytes();
    broken[3] = 0xff;
    assert_eq!(said(&scene, &broken).0, "CpiError");
}

#[test]
fn arguments_that_cannot_be_are_refused() {
    let scene = Scene::new("directory");
    let stemcell = scene.stemcell(true);
    let vm = scene.vm(&stemcell, "10.244.0.5");
    let missing = "9e53905a-4b45-4b55-9d58-3e6e9bb92794";
    let made = |change: &dyn Fn(&mut Value)| {
        let mut arguments = create_vm(&stemcell, "10.244.0.6", json!({}));
        change(&mut arguments);
        arguments
    };
    let light = |reference: &str| json!(["/dev/null", {"image_reference": reference}]);
    for (method, arguments, kind, text) in [
        (
            "has_vm",
            json!([]),
            "CloudError",
            "has_vm: expected at least 1 arguments, got 0",
        ),
        ("has_vm", json!([""]), "CloudError", "has_vm: "),
        ("has_vm", json!([7]), "CloudError", "has_vm: "),
        ("delete_disk", json!([null]), "CloudError", "delete_disk: "),
        (
            "set_vm_metadata",
            json!([vm, "x"]),
            "CloudError",
            "set_vm_metadata: ",
        ),
        (
            "set_vm_metadata",
            json!([vm, ["x"]]),
            "CloudError",
            "set_vm_metadata: ",
        ),
        (
            "set_disk_metadata",
            json!(["x", 1]),
            "CloudError",
            "set_disk_metadata: ",
        ),
        (
            "calculate_vm_cloud_properties",
            json!([{"cpu": 1}]),
            "CloudError",
            "'ram' must be a number above 0",
        ),
        (
            "calculate_vm_cloud_properties",
            json!([{"cpu": "2", "ram": 1, "ephemeral_disk_size": 1}]),
            "CloudError",
            "'cpu' must be a number",
        ),
        (
            "calculate_vm_cloud_properties",
            json!([7]),
            "CloudError",
            "calculate_vm_cloud_properties: ",
        ),
        ("attach_disk", json!([vm, missing]), "DiskNotFound", missing),
        (
            "attach_disk",
            json!([vm, "../.info"]),
            "DiskNotFound",
            "../.info",
        ),
        ("detach_disk", json!([vm, missing]), "DiskNotFound", missing),
        (
            "create_stemcell",
            light("../etc"),
            "CloudError",
            "image_reference \"../etc\"",
        ),
        (
            "create_stemcell",
            light("a/../../etc"),
            "CloudError",
            "is no name of an image",
        ),
        (
            "create_stemcell",
            light("/x"),
            "CloudError",
            "image_reference \"/x\"",
        ),
        (
            "create_stemcell",
            light(":x"),
            "CloudError",
            "is no name of an image",
        ),
        (
            "create_vm",
            made(&|all| all[1] = json!(missing)),
            "VMCreationFailed",
            missing,
        ),
        (
            "create_vm",
            made(&|all| all[2] = json!({"cpu": "2"})),
            "VMCreationFailed",
            "cloud property 'cpu' must be a number, got \"2\"",
        ),
        (
            "create_vm",
            made(&|all| all[2] = json!({"ram": -1})),
            "VMCreationFailed",
            "cloud property 'ram' must be a number, got -1",
        ),
        (
            "create_vm",
            made(&|all| all[2] = json!({"ephemeral_disk": u64::MAX})),
            "VMCreationFailed",
            "cloud property 'ephemeral_disk' is too large",
        ),
        (
            "create_vm",
            made(&|all| all[2] = json!({"ports": [{"host": 53, "protocol": "icmp"}]})),
            "VMCreationFailed",
            "protocol \"icmp\" is neither tcp nor udp",
        ),
        (
            "create_vm",
            made(&|all| all[2] = json!([])),
            "CloudError",
            "create_vm: ",
        ),
        (
            "create_vm",
            made(&|all| all[3] = json!({})),
            "VMCreationFailed",
            "network",
        ),
        (
            "create_vm",
            made(&|all| all[3] = json!([])),
            "CloudError",
            "create_vm: ",
        ),
        (
            "create_vm",
            made(&|all| all[3]["default"]["ip"] = json!("10.244.0.999")),
            "VMCreationFailed",
            "10.244.0.999",
        ),
        (
            "create_vm",
            made(&|all| all[4] = json!([missing])),
            "VMCreationFailed",
            missing,
        ),
        (
            "create_vm",
            made(&|all| all[4] = json!("x")),
            "CloudError",
            "create_vm: ",
        ),
        (
            "create_vm",
            made(&|all| all[5] = json!("x")),
            "CloudError",
            "create_vm: ",
        ),
    ] {
        let (error, said, again) = scene.refused(method, arguments.clone());
        assert_eq!(error, kind, "{method} {arguments}: {said}");
        assert!(said.contains(text), "{method} {arguments}: {said}");
        assert!(!again, "{method} {arguments}");
    }
    let size = scene.call(
        "calculate_vm_cloud_properties",
        json!([{"cpu": 2, "ram": 512, "ephemeral_disk_size": 1024}]),
    );
    assert_eq!(size, json!({"cpu": 2, "ram": 512, "ephemeral_disk": 1024}));
    // The one machine is as it was, and there is no other.
    assert_eq!(scene.says(&vm, "echo well").unwrap().trim(), "well");
    scene.call("delete_vm", json!([vm]));
    scene.call("delete_stemcell", json!([stemcell]));
    scene.assert_no_machines();
}

/// Directors go on without a snapshot only if there is nothing like it.
#[test]
fn a_disk_in_use_that_cannot_be_copied_has_no_snapshots() {
    let scene = Scene::new("directory");
    let stemcell = scene.stemcell(true);
    let vm = scene.vm(&stemcell, "10.244.0.5");
    let disk = scene.call("create_disk", json!([1, {}, vm]));
    scene.call("attach_disk", json!([vm, disk]));
    let (error, said, again) = scene.refused("snapshot_disk", json!([disk, {}]));
    assert_eq!((error.as_str(), again), ("NotImplemented", false), "{said}");
    assert!(said.contains("detach it first"), "{said}");
    scene.call("detach_disk", json!([vm, disk]));
    let snapshot = scene.call("snapshot_disk", json!([disk, {}]));
    scene.call("delete_snapshot", json!([snapshot]));
    scene.call("delete_vm", json!([vm]));
    scene.call("delete_disk", json!([disk]));
}

/// Whatever stands in the place of any argument of any method, from callers of each version: there is an answer
/// of a known type, and nothing is made or lost.
#[test]
fn odd_arguments_of_every_method_are_answered() {
    let scene = Scene::new("directory");
    let missing = "9e53905a-4b45-4b55-9d58-3e6e9bb92794";
    let good = json!({
        "info": [], "create_stemcell": ["/gone", {}], "delete_stemcell": [missing],
        "create_vm": ["agent", missing, {}, {"a": {"type": "dynamic"}}, [], {}],
        "delete_vm": [missing], "has_vm": [missing], "reboot_vm": [missing], "set_vm_metadata": [missing, {}],
        "calculate_vm_cloud_properties": [{"cpu": 1, "ram": 1, "ephemeral_disk_size": 1}],
        "create_disk": [0, {}, missing], "delete_disk": [missing], "has_disk": [missing],
        "attach_disk": [missing, missing], "detach_disk": [missing, missing], "get_disks": [missing],
        "resize_disk": [missing, 1], "update_disk": [missing, 1, {}], "set_disk_metadata": [missing, {}],
        "snapshot_disk": [missing, {}], "delete_snapshot": [missing], "create_network": [{}],
        "delete_network": ["n"], "get_vm_log": [missing],
    });
    let good = good.as_object().unwrap();
    let known: Vec<&str> = good.keys().map(String::as_str).collect();
    let mut methods = warren_wire_cpi::METHODS.to_vec();
    methods.sort_unstable();
    assert_eq!(known, methods);
    let deep = (0..100).fold(json!("x"), |inner, _| json!([inner]));
    let odd = [
        json!(null),
        json!(true),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("../x"),
        json!([]),
        json!({"x": null}),
        json!("x".repeat(100_000)),
        deep,
    ];
    let mut requests = Vec::new();
    for (method, arguments) in good {
        let arguments = arguments.as_array().unwrap();
        for place in 0..arguments.len() {
            // Two of them for each place, others for the next: a call takes a process.
            for (version, value) in (1..=2).zip(odd.iter().cycle().skip(requests.len())) {
                let mut all = arguments.clone();
                all[place] = value.clone();
                let mut one = request(method, Value::Array(all));
                one["api_version"] = json!(version);
                requests.push(one);
            }
            let mut too_few = request(method, Value::Array(arguments[..place].to_vec()));
            too_few["api_version"] = json!(3);
            requests.push(too_few);
        }
    }
    let calls: Vec<_> = requests.iter().map(|one| scene.command(one)).collect();
    for some in calls.chunks(16) {
        let all: String = some
            .iter()
            .map(|(command, _)| format!("({command}) &\n"))
            .collect();
        let script = format!("{all}wait");
        scene.server.actor().run(&["sh", "-c", &script]).success();
    }
    let kinds = [
        "CloudError",
        "CpiError",
        "DiskNotFound",
        "NotImplemented",
        "NotSupported",
        "VMCreationFailed",
        "VMNotFound",
    ];
    for ((_, output), request) in calls.iter().zip(&requests) {
        let answer = fs::read(output).unwrap();
        let answer: Value = serde_json::from_slice(&answer)
            .unwrap_or_else(|error| panic!("{error}: {request:.200}"));
        let kind = answer["error"]["type"]
            .as_str()
            .unwrap_or("Bosh::Clouds::CloudError");
        let kind = kind.strip_prefix("Bosh::Clouds::").unwrap();
        assert!(kinds.contains(&kind), "{request:.200}: {answer:.200}");
        assert_ne!(
            answer["error"]["ok_to_retry"], true,
            "{request:.200}: {answer:.200}"
        );
    }
    for place in ["disks", "disks/.info", "disks/.snapshots", "stemcells"] {
        assert_eq!(
            crate::scene::names(&scene.at(place)),
            Vec::<String>::new(),
            "in {place}"
        );
    }
    scene.assert_no_machines();
}
