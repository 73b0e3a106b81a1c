//! Bundles: JSON of any, and those that we make of any wish.
#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use warren_container_runtime::ContainerSpec;
use warren_container_runtime::bundle;
use warren_container_runtime::host::Host;
use warren_container_runtime::oci::{Spec, outside};
use warren_fuzz::json_again;

fn host() -> &'static Host {
    static HOST: OnceLock<Host> = OnceLock::new();
    HOST.get_or_init(|| Host {
        max_id: u32::MAX - 1,
        bounding: rustix::thread::CapabilitySet::all(),
        devices: Vec::new(),
        sysctls: std::collections::BTreeMap::new(),
    })
}

fuzz_target!(|bytes: &[u8]| {
    if let Some(spec) = json_again::<Spec>(bytes) {
        let _ = outside(&spec.linux.uid_mappings, 0);
        let _ = outside(&spec.linux.gid_mappings, u32::MAX);
        let _ = spec.linux.has_namespace("user");
    }
    if let Some(wish) = json_again::<ContainerSpec>(bytes) {
        let bundle = bundle::build(&wish, host());
        let text = serde_json::to_vec(&bundle).expect("a bundle can be written");
        assert_eq!(json_again::<Spec>(&text), Some(bundle));
    }
});
