//! What follows run and attach: JSON objects cut anywhere, and heads of answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_fuzz::cut;
use warren_wire_garden::hijack::{
    ClientMessage, Decoder, Payload, ServerMessage, parse_response_head,
};

/// Payloads, how many objects were none, and whether the stream broke.
fn all(pieces: &[&[u8]]) -> (Vec<Payload>, usize, bool) {
    let mut decoder = Decoder::with_limit(1 << 16);
    let (mut payloads, mut malformed) = (Vec::new(), 0);
    for piece in pieces {
        let mut input = *piece;
        while !input.is_empty() {
            match decoder.next(&mut input) {
                Ok(Some(payload)) => payloads.push(payload),
                Ok(None) => assert!(input.is_empty()),
                Err(error) if error.is_fatal() => return (payloads, malformed, true),
                Err(_) => malformed += 1,
            }
        }
    }
    (payloads, malformed, false)
}

fuzz_target!(|input: &[u8]| {
    let Some((whole, first, second)) = cut(input) else {
        return;
    };
    let (payloads, malformed, broken) = all(&[whole]);
    let pieces = all(&[first, second]);
    assert!(pieces == (payloads.clone(), malformed, broken));
    for payload in payloads {
        let mut text = Vec::new();
        payload
            .encode_to(&mut text)
            .expect("every payload has a form");
        assert!(all(&[&text]) == (vec![payload.clone()], 0, false));
        let server = ServerMessage::from_payload(payload.clone());
        assert_eq!(
            ServerMessage::from_payload(server.clone().into_payload()),
            server
        );
        if let Ok(client) = ClientMessage::from_payload(payload) {
            let again = ClientMessage::from_payload(client.clone().into_payload("p"));
            assert!(again == Ok(client));
        }
    }
    if let Ok(Some(head)) = parse_response_head(whole) {
        assert!(head.length <= whole.len());
        let _ = (head.takes_over(), head.content_length());
    }
});
