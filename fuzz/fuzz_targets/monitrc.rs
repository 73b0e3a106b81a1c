//! Monit's control files, one by one and put together.
#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use warren_supervisor::monitrc::assemble::{Source, assemble, name_matches};
use warren_supervisor::monitrc::parse;

fuzz_target!(|text: &str| {
    let (first, second) = text.split_once('\0').unwrap_or((text, ""));
    let source = |path: &str, text: &str| Source {
        path: path.into(),
        read: parse(Path::new(path), text),
    };
    if let Err(error) = parse(Path::new("/a"), first) {
        assert!(error.line >= 1 && error.line <= first.matches('\n').count() + 1);
    }
    let all = assemble(vec![source("/a", first), source("/b", second)], "here");
    // Names are unique, and what is depended on is there.
    for (at, service) in all.services.iter().enumerate() {
        let same = |name: &str, other: &str| name.to_lowercase() == other.to_lowercase();
        assert!(all.services[..at].iter().all(|other| !same(&other.name, &service.name)));
        for name in &service.depends {
            assert!(all.services.iter().any(|other| same(&other.name, name)));
        }
    }
    let _ = name_matches(first, second);
});
