//! Requests to the agent's https listener, after TLS: the head, then the body as it says.
//!
//! What is read of a body is never more than there is, and reading ends.
#![no_main]

use std::io::Read;

use libfuzzer_sys::fuzz_target;
use warren_agent::listener::body::Body;
use warren_agent::listener::head::{Head, Length};

fuzz_target!(|data: &[u8]| {
    let mut rest = data;
    let Ok(Some(head)) = Head::read(&mut rest) else {
        return;
    };
    assert!(!head.is_from("user", "a password that nobody has written"));
    let there = rest.len();
    let mut body = Vec::new();
    let read = Body::new(&mut rest, head.length).read_to_end(&mut body);
    assert!(body.len() <= there);
    if let (Ok(_), Length::Bytes(count)) = (read, head.length) {
        assert_eq!(body.len() as u64, count);
    }
});
