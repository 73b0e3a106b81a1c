//! Request lines of the Garden wire: what is found has the path that finds it, and queries are
//! written and read again as the same.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_wire_garden::route::{Query, find, split_target};

fuzz_target!(|line: &str| {
    let (method, target) = line.split_once(' ').unwrap_or(("GET", line));
    let (path, query) = split_target(target);
    match find(method, path) {
        Ok(found) => match found.route.path(&found.params) {
            Ok(written) => {
                let again = find(found.route.entry().method.name(), &written);
                assert_eq!(again, Ok(found));
            }
            // An empty parameter is found and has no path of its own.
            Err(missing) => assert_eq!(found.params.get(missing.name), Some("")),
        },
        Err(none) => assert!(matches!(none.status(), 404 | 405)),
    }
    let query = Query::parse(query);
    assert_eq!(Query::parse(&query.encode()), query);
    assert!(query.handles().all(|handle| !handle.is_empty()));
});
