//! Many small machines at once.

use super::memory;
use super::scene::Scene;
use super::sheet::Sheet;

/// Deploys as many machines without any job as are wanted, all at once, and removes them.
pub fn small(scene: &Scene, sheet: &mut Sheet) {
    let count = scene.options.small;
    let manifest = scene.manifest("small.yml", |text| {
        let head = text.split("instance_groups:").next().unwrap_or_default();
        let head = head.replace(
            "releases:\n- name: zookeeper\n  version: latest\n",
            "releases: []\n",
        );
        let head = head.replace("max_in_flight: 3", &format!("max_in_flight: {count}"));
        format!(
            "{head}instance_groups:\n- name: small\n  instances: {count}\n  azs: [z1, z2, z3]\n  \
             vm_type: default\n  stemcell: default\n  networks:\n  - name: default\n  jobs: []\n"
        )
    });
    let deployed = scene.times(1, &["deploy", &manifest]);
    sheet.seconds(
        &format!("{count} machines without jobs, at once"),
        &deployed,
        "",
    );
    let listed = scene.times(5, &["instances"]);
    sheet.seconds(&format!("`instances` with {count} machines"), &listed, "");
    memory::with_machines(scene, count, ["", ""], sheet);
    let deleted = scene.times(1, &["delete-deployment"]);
    sheet.seconds(&format!("delete them, {count} at once"), &deleted, "");
}
