//! `job.MF`: no path of what is accepted leaves its directory.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_release::JobSpec;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(spec) = JobSpec::parse(bytes) {
        for path in spec.templates.iter().flat_map(|(from, to)| [from, to]) {
            assert!(!path.starts_with('/') && path.split('/').all(|part| part != ".." && !part.is_empty()));
        }
    }
});
