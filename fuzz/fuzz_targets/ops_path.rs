//! Paths of operations: what is written from a path reads as the same text, and any path may be asked of
//! and put into any document.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_fuzz::cut;
use warren_wire_manifest::ops::{Kind, Op, Path, apply, find};
use warren_wire_manifest::yaml::{Dialect, Value, parse};

fuzz_target!(|input: &[u8]| {
    let Some((_, path, document)) = cut(input) else {
        return;
    };
    let (Ok(path), Ok(document)) = (std::str::from_utf8(path), std::str::from_utf8(document)) else {
        return;
    };
    let Ok(path) = path.parse::<Path>() else {
        return;
    };
    let text = path.to_string();
    assert_eq!(text.parse::<Path>().expect("what was written can be read").to_string(), text);
    let Ok(document) = parse(document, Dialect::Go) else {
        return;
    };
    let _ = find(&document, &path);
    for kind in [Kind::Remove, Kind::TestAbsent, Kind::Replace(Value::from("x"))] {
        let _ = apply(document.clone(), &[Op { kind, path: path.clone(), described: None }]);
    }
});
