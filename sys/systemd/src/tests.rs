//! The codec, without systemd. With it: `tests/vm`.

use proptest::prelude::*;

use crate::message::{Call, Kind, Malformed, Writer, decode, encode, length};

fn call(signature: &str) -> Call<'_> {
    Call {
        serial: 7,
        path: "/o",
        interface: "a.b",
        member: "M",
        signature,
    }
}

/// An answer as systemd gives it, in either byte order: `reply_to` 7, the signature and the body.
fn answer(is_little: bool, kind: u8, signature: &str, body: &[u8]) -> Vec<u8> {
    let number = |value: u32| match is_little {
        true => value.to_le_bytes(),
        false => value.to_be_bytes(),
    };
    let mut fields = vec![5, 1, b'u', 0];
    fields.extend(number(7));
    fields.extend([4, 1, b's', 0]);
    fields.extend(number(3));
    fields.extend(b"e.r\0");
    fields.resize(fields.len().next_multiple_of(8), 0);
    fields.extend([8, 1, b'g', 0, u8::try_from(signature.len()).unwrap()]);
    fields.extend(signature.as_bytes());
    fields.push(0);
    let order = if is_little { b'l' } else { b'B' };
    let mut bytes = vec![order, kind, 0, 1];
    bytes.extend(number(u32::try_from(body.len()).unwrap()));
    bytes.extend(number(1));
    bytes.extend(number(u32::try_from(fields.len()).unwrap()));
    bytes.extend(fields);
    bytes.resize(bytes.len().next_multiple_of(8), 0);
    bytes.extend(body);
    bytes
}

#[test]
fn a_call_is_laid_out_as_the_specification_says() {
    let mut body = Writer::default();
    body.text("u");
    body.array(8, |all| {
        all.structure();
        all.text("n");
        all.signature("t");
        all.long(u64::MAX);
    });
    let bytes = encode(&call("sa(sv)"), &body);
    let mut expected = Vec::new();
    expected.extend(b"l\x01\0\x01\x28\0\0\0\x07\0\0\0\x67\0\0\0");
    expected.extend(b"\x01\x01o\0\x02\0\0\0/o\0\0\0\0\0\0");
    expected.extend(b"\x02\x01s\0\x03\0\0\0a.b\0\0\0\0\0");
    expected.extend(b"\x03\x01s\0\x01\0\0\0M\0\0\0\0\0\0\0");
    expected.extend(b"\x06\x01s\0\x18\0\0\0org.freedesktop.systemd1\0\0\0\0\0\0\0\0");
    expected.extend(b"\x08\x01g\0\x06sa(sv)\0");
    expected.resize(expected.len().next_multiple_of(8), 0);
    expected.extend(b"\x01\0\0\0u\0\0\0\x18\0\0\0\0\0\0\0");
    expected.extend(b"\x01\0\0\0n\0\x01t\0\0\0\0\0\0\0\0");
    expected.extend([0xff; 8]);
    // The two lengths that are easier to compute than to write.
    let fields = 16 * 3 + 40 + 12;
    let length_of_body = u32::try_from(expected.len() - 16 - usize::next_multiple_of(fields, 8));
    expected.splice(4..8, length_of_body.unwrap().to_le_bytes());
    expected.splice(12..16, u32::try_from(fields).unwrap().to_le_bytes());
    assert_eq!(bytes, expected);
    assert_eq!(length(bytes.first_chunk().unwrap()), Ok(bytes.len()));
    let read = decode(&bytes).unwrap();
    assert_eq!((read.kind, read.signature.as_str()), (Kind::Call, "sa(sv)"));
    assert_eq!(read.text(), Ok("u"));
}

#[test]
fn answers_are_read_in_both_byte_orders() {
    let text = answer(true, 2, "s", b"\x02\0\0\0hi\0");
    let read = decode(&text).unwrap();
    assert_eq!((read.kind, read.reply_to), (Kind::Return, Some(7)));
    assert_eq!(read.text(), Ok("hi"));
    let variant = answer(false, 2, "v", b"\x01s\0\0\0\0\0\x02hi\0");
    assert_eq!(decode(&variant).unwrap().text(), Ok("hi"));
    let truth = answer(false, 2, "v", b"\x01b\0\0\0\0\0\x01");
    assert_eq!(decode(&truth).unwrap().boolean(), Ok(true));
    let refusal = decode(&answer(true, 3, "s", b"\x02\0\0\0no\0")).unwrap();
    assert_eq!(refusal.error.as_deref(), Some("e.r"));
    assert_eq!((refusal.kind, refusal.text()), (Kind::Error, Ok("no")));
}

#[test]
fn what_is_no_message_is_refused() {
    let good = answer(true, 2, "s", b"\x02\0\0\0hi\0");
    for cut in 0..good.len() {
        assert!(decode(&good[..cut]).is_err(), "{cut}");
    }
    let mut long = good.clone();
    long[4..8].copy_from_slice(&u32::MAX.to_le_bytes());
    assert_eq!(decode(&long), Err(Malformed("it is too long")));
    let number = answer(true, 2, "u", b"\x02\0\0\0");
    assert!(decode(&number).unwrap().text().is_err());
    assert!(decode(&number).unwrap().boolean().is_err());
    let unclosed = answer(true, 2, "s", b"\x02\0\0\0hix");
    assert_eq!(
        decode(&unclosed).unwrap().text(),
        Err(Malformed("a text has no end"))
    );
}

proptest! {
    #[test]
    fn junk_is_read_or_refused(junk in proptest::collection::vec(any::<u8>(), 0..200), at in 0_usize..90, byte: u8) {
        let _ = decode(&junk);
        let mut bytes = answer(true, 2, "v", b"\x01s\0\0\x02\0\0\0hi\0");
        let at = at % bytes.len();
        bytes[at] = byte;
        if let Ok(message) = decode(&bytes) {
            let _ = message.text();
            let _ = message.boolean();
        }
    }

    #[test]
    fn any_text_comes_back(text in "[^\0]{0,40}") {
        let mut body = Writer::default();
        body.text(&text);
        let message = decode(&encode(&call("s"), &body)).unwrap();
        prop_assert_eq!(message.text(), Ok(text.as_str()));
    }
}
