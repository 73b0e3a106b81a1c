//! A manifest as it is read, what is wrong with others ([`refused`]), and addons in their places ([`addons`]).

mod addons;
mod refused;

use proptest::prelude::*;

use super::{Deployment, UpdateOptions, VmStrategy, is_name};
use crate::check::Invalid;
use crate::cloud_config::{CloudConfig, CloudOptions, merged};
use crate::ops;
use crate::yaml::{Dialect, Mapping, Value, parse};

const CLOUD: &str = "
azs: [{name: z1}, {name: z2}]
vm_types: [{name: small}]
vm_extensions: [{name: ext}]
disk_types: [{name: disk, disk_size: 1024}]
networks:
- {name: net, subnets: [{azs: [z1, z2], range: 10.0.0.0/24, gateway: 10.0.0.1}]}
- {name: other, subnets: [{azs: [z1, z2], range: 10.0.1.0/24, gateway: 10.0.1.1}]}
- {name: dyn, type: dynamic}
- {name: vip, type: vip, subnets: [{static: [1.1.1.1]}]}
compilation: {workers: 2, network: net, az: z1, vm_type: small}
";
const MANIFEST: &str = "
name: dep
releases: [{name: r, version: 1}]
stemcells: [{alias: s, os: debian, version: 1.10}]
update: {canaries: 1, max_in_flight: 50%, canary_watch_time: 1000-60000, update_watch_time: 1000}
instance_groups:
- name: web
  azs: [z1]
  instances: 2
  stemcell: s
  vm_type: small
  networks: [{name: net}]
  jobs: [{name: j, release: r}]
";

fn yaml(text: &str) -> Value {
    parse(text, Dialect::Ruby).unwrap()
}

fn map(text: &str) -> Mapping {
    yaml(text).as_map().unwrap().clone()
}

fn cloud() -> CloudConfig {
    CloudConfig::parse(&merged([&yaml(CLOUD)]).unwrap(), &CloudOptions::default()).unwrap()
}

/// The manifest with one value set, or removed if there is none.
fn with(path: &str, value: &str) -> Result<Deployment, Invalid> {
    let op = match value {
        "" => format!("[{{type: remove, path: '{path}'}}]"),
        value => format!("[{{type: replace, path: '{path}', value: {value}}}]"),
    };
    let changed = ops::apply(yaml(MANIFEST), &ops::parse_file(&op, "f").unwrap()).unwrap();
    Deployment::parse(
        changed.as_map().unwrap(),
        &cloud(),
        &UpdateOptions::default(),
    )
}

#[test]
fn a_manifest() {
    let deployment = with("/tags?", "{a: b}").unwrap();
    assert_eq!(deployment.stemcells[0].version, "1.1");
    let update = &deployment.instance_groups[0].update;
    assert_eq!(
        (update.canaries.of(9), update.max_in_flight.of(5)),
        (Some(1), Some(2))
    );
    assert_eq!(
        (update.update_watch_time.min, update.update_watch_time.max),
        (1000, 1000)
    );
    assert!(update.serial);
    let options = UpdateOptions {
        canaries: Some("3".to_owned()),
        max_in_flight: None,
        default_vm_strategy: Some(VmStrategy::CreateSwapDelete),
    };
    let given = Deployment::parse(&map(MANIFEST), &cloud(), &options).unwrap();
    assert_eq!(given.instance_groups[0].update.canaries.text(), "3");
    assert_eq!(
        given.instance_groups[0].update.vm_strategy,
        VmStrategy::CreateSwapDelete
    );
    assert!(is_name("a-b_c+1.2") && !is_name("") && !is_name("a/b"));
}

proptest! {
    #[test]
    fn any_value_anywhere_is_taken_or_refused(
        value in crate::yaml::tests::any_value(),
        path in prop::sample::select(vec!["/releases", "/stemcells", "/update", "/instance_groups", "/addons", "/variables", "/features", "/tags", "/instance_groups/0/jobs", "/instance_groups/0/networks", "/instance_groups/0/networks/0/static_ips", "/instance_groups/0/instances", "/instance_groups/0/persistent_disks", "/instance_groups/0/update"]),
    ) {
        let path: ops::Path = format!("{path}?").parse().unwrap();
        let op = ops::Op { kind: ops::Kind::Replace(value.clone()), path, described: None };
        if let Ok(changed) = ops::apply(yaml(MANIFEST), &[op]) {
            let _ = Deployment::parse(changed.as_map().unwrap(), &cloud(), &UpdateOptions::default());
        }
        for key in ["azs", "networks", "vm_types", "disk_types", "compilation"] {
            let mut config = map(CLOUD);
            config.insert(key, value.clone());
            let _ = CloudConfig::parse(&config, &CloudOptions::default());
        }
    }
}
