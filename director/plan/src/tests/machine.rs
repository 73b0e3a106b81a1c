//! What machines are made with.

use serde_json::{Map, Value, json};

use super::scene::{Scene, group};
use crate::json::sorted;
use crate::machine::{Sizes, size};

fn properties(scene: &Scene, more: &str, kind: &str) -> Value {
    let text = group("web", 1, more).replace("vm_type: default", kind);
    let draft = scene.plan(&format!("instance_groups:\n{text}")).unwrap();
    Value::Object(draft.groups[0].instances[0].cloud_properties.clone())
}

#[test]
fn extensions_come_over_sizes_and_types_and_those_over_zones() {
    let mut scene = Scene::new();
    let extended = ", azs: [z1], vm_extensions: [ext]";
    assert_eq!(
        properties(&scene, extended, "vm_type: default"),
        json!({"zone": "one", "size": "big", "more": 1})
    );
    let kind = "vm_resources: {cpu: 2, ram: 1024, ephemeral_disk_size: 10}";
    let deployment = scene.deployment(&format!(
        "instance_groups:\n{}",
        group("web", 1, extended).replace("vm_type: default", kind)
    ));
    let wanted = Sizes::wanted(&deployment, &scene.cloud);
    let asked = json!({"cpu": 2, "ram": 1024, "ephemeral_disk_size": 10});
    assert_eq!(
        wanted,
        [(String::new(), asked.as_object().unwrap().clone())]
    );
    let made = json!({"size": "two", "zone": "of-the-cpi", "disk": 10});
    let made: Map<String, Value> = made.as_object().unwrap().clone();
    scene.sizes.add("", &wanted[0].1, made);
    assert_eq!(
        sorted(&properties(&scene, extended, kind)),
        json!({"disk": 10, "more": 1, "size": "big", "zone": "of-the-cpi"})
    );
    // Nothing that a CPI was asked for is another size.
    let unknown = size(&warren_wire_manifest::cloud_config::VmResources {
        cpu: 1,
        ram: 1,
        ephemeral_disk_size: 1,
    });
    assert!(scene.sizes.find("", &unknown).is_empty());
}

#[test]
fn settings_in_memory_are_a_default() {
    let scene = Scene::new();
    let env = |more: &str, features: &str| {
        let text = group("web", 1, &format!(", azs: [z1]{more}"));
        let text = format!("features: {{{features}}}\ninstance_groups:\n{text}");
        let draft = scene.plan(&text).unwrap();
        Value::Object(draft.groups[0].env.clone())
    };
    let on = "use_tmpfs_config: true";
    assert_eq!(
        env("", on),
        json!({"bosh": {"job_dir": {"tmpfs": true}, "agent": {"settings": {"tmpfs": true}}}})
    );
    assert_eq!(
        env(
            ", env: {bosh: {job_dir: {tmpfs: false, tmpfs_size: 1m}}}",
            on
        ),
        json!({"bosh": {"job_dir": {"tmpfs": false, "tmpfs_size": "1m"},
            "agent": {"settings": {"tmpfs": true}}}})
    );
    assert_eq!(env("", ""), json!({}));
}
