//! Objects cut anywhere, their meanings, and heads.

use proptest::prelude::*;

use super::{
    ClientMessage, DecodeError, Decoder, HeadError, MAX_HEAD, Payload, ServerMessage, Source,
    parse_response_head, request_head, response_head,
};
use crate::process::{Signal, TtySpec, WindowSize};

fn text(payload: &Payload) -> String {
    let mut out = Vec::new();
    payload.encode_to(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn all(decoder: &mut Decoder, mut input: &[u8]) -> Vec<Payload> {
    let mut found = Vec::new();
    while !input.is_empty() {
        found.extend(decoder.next(&mut input).unwrap());
    }
    found
}

fn one(json: &str) -> Payload {
    let found = all(&mut Decoder::default(), json.as_bytes());
    assert_eq!(found.len(), 1, "{json}");
    found.into_iter().next().unwrap()
}

#[test]
fn client_messages_byte_for_byte() {
    let size = WindowSize {
        columns: 80,
        rows: 24,
    };
    let cases = [
        (
            ClientMessage::Stdin(b"hi <there>\n".to_vec()),
            r#"{"process_id":"p","source":0,"data":"hi \u003cthere\u003e\n"}"#,
        ),
        (
            ClientMessage::Stdin(Vec::new()),
            r#"{"process_id":"p","source":0,"data":""}"#,
        ),
        (ClientMessage::StdinEnd, r#"{"process_id":"p","source":0}"#),
        (
            ClientMessage::Tty(TtySpec {
                window_size: Some(size),
            }),
            r#"{"process_id":"p","tty":{"window_size":{"columns":80,"rows":24}}}"#,
        ),
        (
            ClientMessage::Tty(TtySpec::default()),
            r#"{"process_id":"p","tty":{}}"#,
        ),
        (
            ClientMessage::Signal(Signal::TERMINATE),
            r#"{"process_id":"p","signal":0}"#,
        ),
        (
            ClientMessage::Signal(Signal::KILL),
            r#"{"process_id":"p","signal":1}"#,
        ),
        (
            ClientMessage::Stdin(vec![b'a', 0xff, 0]),
            "{\"process_id\":\"p\",\"source\":0,\"data\":\"a\u{fffd}\\u0000\",\"data_base64\":\"Yf8A\"}",
        ),
    ];
    for (message, json) in cases {
        let payload = message.clone().into_payload("p");
        assert_eq!(text(&payload), format!("{json}\n"));
        assert_eq!(ClientMessage::from_payload(one(json)).unwrap(), message);
    }
}

#[test]
fn server_messages_byte_for_byte() {
    let process_id = || "p".to_owned();
    let cases = [
        (
            ServerMessage::Started {
                process_id: process_id(),
                stream_id: "7".to_owned(),
            },
            r#"{"process_id":"p","stream_id":"7"}"#,
        ),
        (
            ServerMessage::Exited {
                process_id: process_id(),
                status: 0,
            },
            r#"{"process_id":"p","exit_status":0}"#,
        ),
        (
            ServerMessage::Exited {
                process_id: process_id(),
                status: 137,
            },
            r#"{"process_id":"p","exit_status":137}"#,
        ),
        (
            ServerMessage::Failed {
                process_id: process_id(),
                error: "gone".to_owned(),
            },
            r#"{"process_id":"p","error":"gone"}"#,
        ),
    ];
    for (message, json) in cases {
        assert_eq!(text(&message.clone().into_payload()), format!("{json}\n"));
        assert_eq!(ServerMessage::from_payload(one(json)), message);
    }
    assert_eq!(
        ServerMessage::from_payload(one("{}")),
        ServerMessage::Unknown
    );
}

#[test]
fn presence_tells_and_in_which_order() {
    let meaning = |json| ClientMessage::from_payload(one(json)).unwrap();
    assert_eq!(meaning("{}"), ClientMessage::Unknown);
    assert_eq!(
        meaning(r#"{"source":null,"signal":0}"#),
        ClientMessage::Signal(Signal::TERMINATE)
    );
    assert_eq!(
        meaning(r#"{"signal":1,"source":0,"tty":{}}"#),
        ClientMessage::Tty(TtySpec::default())
    );
    assert_eq!(
        meaning(r#"{"signal":1,"source":0}"#),
        ClientMessage::StdinEnd
    );
    assert_eq!(
        meaning(r#"{"source":2,"data":"x"}"#),
        ClientMessage::Stdin(b"x".to_vec())
    );
    assert_eq!(meaning(r#"{"signal":9}"#), ClientMessage::Signal(Signal(9)));
    assert!(!Signal(9).is_known());
    assert_eq!(one(r#"{"source":0}"#).source, Some(Source::STDIN));
}

#[test]
fn broken_exact_bytes_are_an_error() {
    let payload = one(r#"{"source":0,"data":"x","data_base64":"?"}"#);
    assert!(ClientMessage::from_payload(payload).is_err());
}

#[test]
fn objects_need_nothing_between_them() {
    let stream = br#"{"signal":0}{"data":"}{\"\\"} {"tty":{"window_size":{}}}"#;
    let found = all(&mut Decoder::default(), stream);
    assert_eq!(found.len(), 3);
    assert_eq!(found[1].data.as_deref(), Some("}{\"\\"));
}

#[test]
fn a_malformed_object_is_passed_over() {
    let mut input: &[u8] = br#"{"signal":"TERM"}{"signal":1}"#;
    let mut decoder = Decoder::default();
    let error = decoder.next(&mut input).unwrap_err();
    assert!(matches!(error, DecodeError::Malformed(_)), "{error}");
    assert!(!error.is_fatal());
    let next = decoder.next(&mut input).unwrap().unwrap();
    assert_eq!(next.signal, Some(Signal::KILL));
}

#[test]
fn anything_but_an_object_ends_the_stream() {
    for junk in ["x", "[]", "null", "1", "\"a\"", "\u{feff}{}", "}"] {
        let mut decoder = Decoder::default();
        let mut input = junk.as_bytes();
        let error = decoder.next(&mut input).unwrap_err();
        assert!(
            error.is_fatal() && matches!(error, DecodeError::NotAnObject(_)),
            "{junk}"
        );
        let mut input: &[u8] = b"{}";
        assert!(decoder.next(&mut input).unwrap_err().is_fatal());
        assert!(input.is_empty());
    }
}

#[test]
fn a_long_object_ends_the_stream() {
    let mut decoder = Decoder::with_limit(16);
    assert_eq!(all(&mut decoder, br#"{"data":"123456"}"#[..0].as_ref()), []);
    assert_eq!(all(&mut decoder, br#"{"data":"12345"}"#).len(), 1);
    for piece in 1..=17 {
        let mut decoder = Decoder::with_limit(16);
        let mut last = None;
        for mut part in br#"{"data":"123456"}"#.chunks(piece) {
            while !part.is_empty() {
                last = Some(decoder.next(&mut part));
            }
        }
        assert!(
            matches!(last, Some(Err(DecodeError::TooLong(16)))),
            "{piece}"
        );
    }
}

#[test]
fn knows_whether_an_object_is_half_read() {
    let mut decoder = Decoder::default();
    assert!(decoder.is_between_objects());
    all(&mut decoder, b" {\"a\":");
    assert!(!decoder.is_between_objects());
    all(&mut decoder, b"1}\n");
    assert!(decoder.is_between_objects());
}

#[test]
fn input_is_not_shown() {
    let payload = ClientMessage::Stdin(b"hunter2".to_vec()).into_payload("p");
    assert!(!format!("{payload:?}").contains("hunter2"));
    let message = ClientMessage::Stdin(b"hunter2".to_vec());
    assert!(!format!("{message:?}").contains("hunter2"));
}

#[test]
fn heads_byte_for_byte() {
    assert_eq!(
        response_head(201),
        "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n"
    );
    assert_eq!(
        request_head("POST", "/containers/h/processes", Some(2)),
        "POST /containers/h/processes HTTP/1.1\r\nHost: api\r\nContent-Length: 2\r\n\
         Content-Type: application/json\r\n\r\n"
    );
    assert_eq!(
        request_head("GET", "/containers/h/processes/p", None),
        "GET /containers/h/processes/p HTTP/1.1\r\nHost: api\r\n\r\n"
    );
}

#[test]
fn our_heads_are_taken_over() {
    for status in [200, 201] {
        let mut bytes = response_head(status).into_bytes();
        let length = bytes.len();
        bytes.extend_from_slice(b"{\"process_id\"");
        let head = parse_response_head(&bytes).unwrap().unwrap();
        assert_eq!((head.status, head.length), (status, length));
        assert!(head.takes_over());
        for cut in 0..length {
            assert_eq!(parse_response_head(&bytes[..cut]), Ok(None), "{cut}");
        }
    }
}

#[test]
fn heads_that_are_not_taken_over() {
    for head in [
        "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 500 X\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
    ] {
        assert!(
            !parse_response_head(head.as_bytes())
                .unwrap()
                .unwrap()
                .takes_over(),
            "{head}"
        );
    }
    let stock = "HTTP/1.1 201 Created\r\nDate: x\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert!(
        parse_response_head(stock.as_bytes())
            .unwrap()
            .unwrap()
            .takes_over()
    );
}

#[test]
fn what_is_no_head() {
    for (bytes, error) in [
        ("SSH-2.0-x", HeadError::NotHttp),
        ("HTTP/2 200", HeadError::NotHttp),
        ("HTTP/1.1 abc\r\n\r\n", HeadError::NotHttp),
        ("HTTP/1.1 200 OK\r\nnope\r\n\r\n", HeadError::Header),
    ] {
        assert_eq!(parse_response_head(bytes.as_bytes()), Err(error), "{bytes}");
    }
    let long = format!("HTTP/1.1 200 OK\r\nx: {}", "y".repeat(MAX_HEAD));
    assert_eq!(
        parse_response_head(long.as_bytes()),
        Err(HeadError::TooLong)
    );
}

fn payloads() -> impl Strategy<Value = Payload> {
    let source = proptest::option::of(any::<i64>().prop_map(Source));
    let size =
        (any::<i64>(), any::<i64>()).prop_map(|(columns, rows)| WindowSize { columns, rows });
    let tty = proptest::option::of(
        proptest::option::of(size).prop_map(|window_size| TtySpec { window_size }),
    );
    (
        ".*",
        ".*",
        source,
        proptest::option::of(".*"),
        any::<Option<i64>>(),
        proptest::option::of(".*"),
        tty,
        proptest::option::of(any::<i64>().prop_map(Signal)),
    )
        .prop_map(
            |(process_id, stream_id, source, data, exit_status, error, tty, signal)| Payload {
                process_id,
                stream_id,
                source,
                data,
                exit_status,
                error,
                tty,
                signal,
                data_base64: None,
            },
        )
}

proptest! {
    #[test]
    fn payloads_survive_any_cutting(
        sent in proptest::collection::vec(payloads(), 0..6),
        cuts in proptest::collection::vec(1usize..40, 1..20),
    ) {
        let mut stream = Vec::new();
        for payload in &sent {
            payload.encode_to(&mut stream).unwrap();
        }
        let mut decoder = Decoder::default();
        let (mut got, mut left) = (Vec::new(), stream.as_slice());
        for cut in cuts.iter().cycle() {
            if left.is_empty() {
                break;
            }
            let (part, rest) = left.split_at((*cut).min(left.len()));
            got.extend(all(&mut decoder, part));
            left = rest;
        }
        prop_assert_eq!(got, sent);
        prop_assert!(decoder.is_between_objects());
    }

    #[test]
    fn stdin_is_binary_safe(bytes: Vec<u8>) {
        let json = text(&ClientMessage::Stdin(bytes.clone()).into_payload("p"));
        let read = ClientMessage::from_payload(one(&json)).unwrap();
        prop_assert_eq!(read, ClientMessage::Stdin(bytes));
    }

    #[test]
    fn junk_gives_an_answer_and_always_moves_on(
        junk in proptest::collection::vec("[{}\\[\\]\":a-z0-9\\\\ ]{0,20}", 0..10),
        limit in 0usize..64,
    ) {
        let mut decoder = Decoder::with_limit(limit);
        for part in &junk {
            let mut input = part.as_bytes();
            while !input.is_empty() {
                let before = input.len();
                let _ = decoder.next(&mut input);
                prop_assert!(input.len() < before);
            }
        }
    }

    #[test]
    fn any_bytes_give_an_answer(bytes: Vec<u8>) {
        let mut input = bytes.as_slice();
        let mut decoder = Decoder::with_limit(32);
        while !input.is_empty() {
            let _ = decoder.next(&mut input);
        }
        let _ = parse_response_head(&bytes);
    }

    #[test]
    fn anything_like_a_head_gives_an_answer(rest in "[ -~\\r\\n]{0,80}") {
        let _ = parse_response_head(format!("HTTP/1.{rest}\r\n\r\n").as_bytes());
    }
}
