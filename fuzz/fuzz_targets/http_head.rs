//! Heads of requests to the Garden server: no part of a head is a head.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_garden_server::http::head::{Head, MAX_HEAD};

fuzz_target!(|input: &[u8]| {
    let Ok(Some((head, length))) = Head::parse(input) else {
        return;
    };
    assert!(length <= input.len().min(MAX_HEAD));
    let _ = (head.framing(), head.keeps_alive(), head.expects_continue());
    let _ = warren_wire_garden::route::split_target(&head.target);
    // What follows does not change it, and it is not complete before.
    assert_eq!(Head::parse(&input[..length]), Ok(Some((head, length))));
    for shorter in [length - 1, length / 2, length / 3] {
        assert!(!matches!(Head::parse(&input[..shorter]), Ok(Some(_))));
    }
});
