//! What directors and token servers say to a client: event logs, lists of instances, times, tokens;
//! and what instances capture of packets.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_director_client::{capture, clock};
use warren_director_client::instances::{Instance, parse_lines};
use warren_director_client::reporter::Reporter;
use warren_director_client::uaa::Claims;

fuzz_target!(|data: &[u8]| {
    let (mut reporter, _) = Reporter::new(1);
    for piece in data.chunks(17) {
        let _ = reporter.push(piece);
    }
    let _ = reporter.finish("done");
    let mut captured = capture::Reader::default();
    for piece in data.chunks(23) {
        let seen = captured.push(piece, &mut |packet| assert!(packet.record().len() >= 16));
        if seen.is_err() {
            break;
        }
    }
    let _ = parse_lines::<Instance>(data, "fuzz");
    if let Ok(text) = std::str::from_utf8(data) {
        let _ = clock::shown(text);
        let _ = Claims::of(text);
    }
});
