//! Manifests and configs of all types: checked, merged and compared.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_fuzz::cut;
use warren_wire_manifest::cloud_config::{CloudConfig, CloudOptions};
use warren_wire_manifest::deployment::{Deployment, UpdateOptions};
use warren_wire_manifest::runtime_config::RuntimeConfig;
use warren_wire_manifest::yaml::{Dialect, Mapping, parse};
use warren_wire_manifest::{cloud_config, cpi_config, diff, merge, runtime_config};

/// A cloud config for manifests that the input brings none for.
const CLOUD: &str = "
azs: [{name: z1}]
vm_types: [{name: v}]
networks: [{name: n, subnets: [{az: z1, range: 10.0.0.0/24, gateway: 10.0.0.1}]}]
compilation: {workers: 1, network: n, az: z1, vm_type: v}
";

fn read(bytes: &[u8]) -> Option<Mapping> {
    let value = parse(std::str::from_utf8(bytes).ok()?, Dialect::Ruby).ok()?;
    value.as_map().cloned()
}

fuzz_target!(|input: &[u8]| {
    let Some((_, first, second)) = cut(input) else {
        return;
    };
    let (Some(first), Some(second)) = (read(first), read(second)) else {
        return;
    };
    let options = CloudOptions::default();
    let known = parse(CLOUD, Dialect::Ruby).ok().and_then(|value| value.as_map().cloned());
    let known = CloudConfig::parse(&known.expect("a mapping"), &options).expect("a cloud config");
    let cloud = CloudConfig::parse(&second, &options).unwrap_or(known);
    let runtime: Vec<RuntimeConfig> = RuntimeConfig::parse(&second).into_iter().collect();
    if let Ok(deployment) = Deployment::parse(&first, &cloud, &UpdateOptions::default()) {
        let _ = merge::addons(deployment, &runtime, &[], |_| None);
    }
    let _ = cpi_config::parse(&first);
    let both = [first.clone().into(), second.clone().into()];
    let (clouds, runtimes) = (cloud_config::merged(&both), runtime_config::merged(&both));
    if let (Ok(clouds), Ok(runtimes)) = (clouds, runtimes) {
        let whole = diff::whole(&first, &clouds, &runtimes);
        let _ = diff::sections(&second, &whole, true);
    }
    assert!(diff::sections(&first, &first, false).is_empty());
});
