//! The recorded diff of a first deploy, and the recorded manifest through all checks.
#![expect(
    clippy::unwrap_used,
    reason = "a fixture that cannot be read fails the test"
)]

use serde_json::{Value as Json, json};
use warren_wire_manifest::cloud_config::{self, CloudConfig, CloudOptions};
use warren_wire_manifest::deployment::{Deployment, Disks, UpdateOptions};
use warren_wire_manifest::diff::{sections, whole};
use warren_wire_manifest::yaml::{Dialect, Mapping, Value, parse};

fn fixture() -> (Mapping, Value, Json) {
    let fixture: Json = serde_json::from_str(include_str!("fixtures/first-deploy.json")).unwrap();
    // The director resolves `latest` before it compares.
    let text = fixture["manifest"].as_str().unwrap();
    let text = text.replacen("version: latest", "version: 0.0.10+lab.1", 1);
    let text = text.replacen("version: latest", "version: \"1.1\"", 1);
    let manifest = parse(&text, Dialect::Ruby)
        .unwrap()
        .as_map()
        .unwrap()
        .clone();
    let cloud = parse(fixture["cloud_config"].as_str().unwrap(), Dialect::Ruby).unwrap();
    (manifest, cloud, fixture["diff"].clone())
}

#[test]
fn the_diff_is_as_recorded() {
    let (manifest, cloud, recorded) = fixture();
    let cloud = cloud_config::merged([&cloud]).unwrap();
    let after = whole(&manifest, &cloud, &Mapping::new());
    let lines = sections(&Mapping::new(), &after, true);
    let lines: Vec<Json> = lines
        .iter()
        .map(|line| json!([line.text(), line.status.word()]))
        .collect();
    assert_eq!(Json::Array(lines), recorded);
}

#[test]
fn the_manifest_passes_all_checks() {
    let (manifest, cloud, _) = fixture();
    let cloud = cloud_config::merged([&cloud]).unwrap();
    let cloud = CloudConfig::parse(&cloud, &CloudOptions::default()).unwrap();
    let deployment = Deployment::parse(&manifest, &cloud, &UpdateOptions::default()).unwrap();
    assert_eq!(deployment.name, "zookeeper");
    assert_eq!(deployment.features.use_dns_addresses, Some(false));
    let group = &deployment.instance_groups[0];
    assert_eq!((group.instances, &group.disks), (3, &Disks::Size(1024)));
    assert_eq!(group.networks[0].default, ["dns", "gateway"]);
    assert_eq!(group.update.canary_watch_time.max, 60_000);
}
