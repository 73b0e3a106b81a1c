//! Placeholders in documents, with values out of a vars file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_fuzz::cut;
use warren_wire_manifest::interpolate::{
    Options, StaticVariables, evaluate, parse_flag, parse_vars_file, render,
};
use warren_wire_manifest::yaml::{Dialect, parse};

fuzz_target!(|input: &[u8]| {
    let Some((_, values, document)) = cut(input) else {
        return;
    };
    let (Ok(text), Ok(document)) = (std::str::from_utf8(values), std::str::from_utf8(document)) else {
        return;
    };
    let _ = parse_flag(text);
    let mut values = StaticVariables::new();
    values.extend(parse_vars_file(text, "vars.yml").unwrap_or_default());
    let options = Options { expect_all: true, expect_used: true, path: None };
    if let Ok(document) = parse(document, Dialect::Go) {
        let _ = evaluate(document.clone(), &[], &mut values, &options);
        if let Ok(result) = evaluate(document, &[], &mut values, &Options::default()) {
            let _ = render(&result, &options);
        }
    }
});
