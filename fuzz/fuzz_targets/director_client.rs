//! What directors say to a client: event logs, lists of instances, times.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_director_client::clock;
use warren_director_client::instances::{Instance, parse_lines};
use warren_director_client::reporter::Reporter;

fuzz_target!(|data: &[u8]| {
    let (mut reporter, _) = Reporter::new(1);
    for piece in data.chunks(17) {
        let _ = reporter.push(piece);
    }
    let _ = reporter.finish("done");
    let _ = parse_lines::<Instance>(data, "fuzz");
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = clock::shown(text);
    }
});
