//! Operations files on documents.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_fuzz::cut;
use warren_wire_manifest::ops::{apply, parse_file};
use warren_wire_manifest::yaml::{Dialect, parse};

fuzz_target!(|input: &[u8]| {
    let Some((_, ops, document)) = cut(input) else {
        return;
    };
    let (Ok(ops), Ok(document)) = (std::str::from_utf8(ops), std::str::from_utf8(document)) else {
        return;
    };
    if let (Ok(ops), Ok(document)) = (parse_file(ops, "ops.yml"), parse(document, Dialect::Go)) {
        let _ = apply(document, &ops);
    }
});
