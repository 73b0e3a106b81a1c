//! What a request to the director says before anybody has asked who sends it: path, query, range,
//! times and multipart bodies.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_director_api::multipart::{Multipart, boundary};
use warren_director_api::query::{Query, segments};
use warren_director_api::range::{Part, part};
use warren_director_api::clock;

fuzz_target!(|data: &[u8]| {
    let Some((&choice, rest)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(rest);
    let query = Query::parse(&text);
    let _ = (query.list("a"), query.all("b").count());
    assert!(segments(&text).iter().all(|segment| !segment.is_empty()));
    if let Part::Slice(start, end) = part(Some(&text), u64::from(choice)) {
        assert!(start < end && end <= u64::from(choice));
    }
    if let Some(time) = clock::parse(&text) {
        let _ = (clock::text(time), clock::rfc3339(time));
    }
    let _ = boundary(&text);
    // The same body in pieces of another size holds the same file.
    let read = |piece: usize| {
        let (mut parts, mut out) = (Multipart::new("b"), Vec::new());
        for piece in rest.chunks(piece) {
            if parts.feed(piece, &mut out).is_err() {
                return None;
            }
        }
        parts.is_over().then_some(out)
    };
    // A head may be too long for the one and not for the other only if it is near its bound.
    if rest.len() < 8 << 10 {
        assert_eq!(read(rest.len().max(1)), read(usize::from(choice).max(1)));
    }
});
