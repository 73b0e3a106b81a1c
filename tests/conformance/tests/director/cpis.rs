//! Several CPIs by name: each makes the machines of its zones.

use std::os::unix::fs::PermissionsExt;

use serde_json::Value;

use crate::release::{CLOUD, manifest};
use crate::scene::Scene;

/// A CPI that writes down which methods it was asked for, and with whose properties.
fn cpi(scene: &Scene, name: &str) -> String {
    let path = scene.file(
        &format!("cpi-{name}.sh"),
        &format!(
            "#!/bin/sh\nrequest=$(cat)\nprintf '%s\\n' \"$request\" >>{}\n\
             printf '%s' \"$request\" | {}\n",
            scene.at(&format!("calls-{name}")).display(),
            scene.at("cpi.sh").display()
        ),
    );
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.display().to_string()
}

/// How often a CPI was asked for a method; all calls carry its properties.
fn calls(scene: &Scene, name: &str, method: &str) -> usize {
    let text = std::fs::read_to_string(scene.at(&format!("calls-{name}"))).unwrap_or_default();
    text.lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .inspect(|call| assert_eq!(call["context"]["place"], name))
        .filter(|call| call["method"] == method)
        .count()
}

#[test]
fn every_zone_is_made_by_its_cpi() {
    let scene = Scene::new();
    let (one, two) = (cpi(&scene, "one"), cpi(&scene, "two"));
    let config = scene.file(
        "cpis.yml",
        &format!(
            "cpis:\n- {{name: one, type: warden, exec_path: {one}, properties: {{place: one}}}}\n\
             - {{name: two, type: warden, exec_path: {two}, properties: {{place: two}}}}\n"
        ),
    );
    scene.bosh(&["update-cpi-config", config.to_str().unwrap()]);
    // Zones do not say yet which of them they are of.
    let file = scene.file("manifest.yml", &manifest(2, "hello", false));
    let said = scene.refused(&["deploy", file.to_str().unwrap()]);
    assert!(said.contains("must specify a CPI"), "{said}");
    let cloud = CLOUD.replace(
        "azs: [{name: z1}, {name: z2}]",
        "azs: [{name: z1, cpi: one}, {name: z2, cpi: two}]",
    );
    let cloud = scene.file("cloud.yml", &cloud);
    scene.bosh(&["update-cloud-config", cloud.to_str().unwrap()]);
    // Neither of them has the stemcell that the director's own CPI has.
    let said = scene.refused(&["deploy", file.to_str().unwrap()]);
    assert!(said.contains("is not on CPI"), "{said}");
    let stemcell = scene.at("stemcell.tgz");
    let said = scene.bosh(&["upload-stemcell", stemcell.to_str().unwrap()]);
    assert!(
        said.contains("(cpi: one)") && said.contains("(cpi: two)"),
        "{said}"
    );
    scene.deploy(&manifest(2, "hello", false));
    assert_eq!(scene.machines().len(), 2);
    let running = scene.bosh(&["instances", "--ps"]);
    assert_eq!(running.matches("running").count(), 4, "{running}");
    // Packages are compiled in the first zone.
    assert_eq!(calls(&scene, "one", "create_vm"), 2);
    assert_eq!(calls(&scene, "two", "create_vm"), 1);
    for name in ["one", "two"] {
        assert_eq!(calls(&scene, name, "attach_disk"), 1);
        assert_eq!(calls(&scene, name, "create_stemcell"), 1);
    }
    scene.bosh(&["delete-deployment"]);
    scene.bosh(&["clean-up", "--all"]);
    for (name, machines) in [("one", 2), ("two", 1)] {
        assert_eq!(calls(&scene, name, "delete_vm"), machines);
        assert_eq!(calls(&scene, name, "delete_disk"), 1);
        assert_eq!(calls(&scene, name, "delete_stemcell"), 1);
    }
}
