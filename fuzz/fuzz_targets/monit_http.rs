//! What clients of the supervisor's HTTP interface send, and what servers answer its client.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_supervisor::http::{auth, client, head, xml};

fuzz_target!(|bytes: &[u8]| {
    let text = String::from_utf8_lossy(bytes);
    if let Some((end, body)) = head::end_of_head(bytes)
        && let Ok(mut request) = head::Request::parse(&bytes[..end])
    {
        assert!(request.length <= head::LONGEST_BODY);
        request.take_body(&bytes[body..]);
        let _ = (request.is_foreign(), request.field("action"));
        let me = std::net::IpAddr::from([127, 0, 0, 1]);
        let _ = auth::access(&[], me, request.authorization.as_deref());
    }
    if let Some(answer) = client::parse(bytes) {
        let _ = answer.message();
    }
    if let Some(decoded) = auth::decode(&text) {
        let _ = auth::encode(&decoded);
    }
    assert!(xml::text(&text).bytes().all(|byte| (b' '..=b'~').contains(&byte)));
});
