//! A spec of an instance: whatever its names, nothing is installed elsewhere.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_agent::spec::ApplySpec;

fuzz_target!(|data: &[u8]| {
    let Ok(spec) = warren_wire_agent::decode::<ApplySpec>(data) else {
        return;
    };
    let paths = warren_agent::paths::Paths::new(std::path::Path::new("/"));
    if let Ok(plan) = warren_agent::install::plan::plan(&paths, &spec) {
        for job in plan.jobs {
            assert!(job.directory.starts_with("/var/vcap/data/jobs"));
            assert!(
                job.directory
                    .components()
                    .all(|part| part != std::path::Component::ParentDir)
            );
        }
    }
});
