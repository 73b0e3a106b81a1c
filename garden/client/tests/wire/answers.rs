//! Answers in all their framings, refusals, and answers that are none.

use std::io::{Read, Write};
use std::os::unix::net::UnixListener;

use proptest::prelude::*;
use warren_garden_client::{Client, Error, Target};
use warren_wire_garden as wire;

use crate::server::{Server, answer, drip, say};

const HANDLES: &str = "{\"Handles\":[\"one\",\"two\"]}\n";

fn list(client: &Client) -> Result<Vec<String>, Error> {
    client.list(&wire::container::Properties::new())
}

#[test]
fn every_framing_at_once_and_byte_by_byte() {
    let (first, second) = HANDLES.split_at(11);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n{:x};name=value\r\n{first}\r\n{:X}\r\n{second}\r\n0\r\nTrailer: x\r\n\r\n",
        first.len(),
        second.len(),
    );
    let to_the_end = format!("HTTP/1.1 200 OK\r\n\r\n{HANDLES}");
    let announced = [
        b"HTTP/1.1 100 Continue\r\n\r\n".as_slice(),
        &answer(200, HANDLES),
    ]
    .concat();
    for bytes in [
        chunked.into_bytes(),
        to_the_end.into_bytes(),
        announced,
        answer(200, HANDLES),
    ] {
        for script in [say(bytes.clone()), drip(bytes.clone())] {
            let server = Server::new(vec![script]);
            let handles = list(&server.client).unwrap();
            assert_eq!(handles, ["one", "two"]);
            server.finish();
        }
    }
}

#[test]
fn refusals_keep_their_type() {
    let body = r#"{"Type":"ContainerNotFoundError","Message":"unknown handle: x","Handle":"x"}"#;
    let server = Server::saying(&answer(404, body));
    let error = server.client.destroy("x").unwrap_err();
    assert!(error.is_unknown_container());
    assert_eq!(error.to_string(), "Destroy");
    assert_eq!(error.refusal().unwrap().to_string(), "unknown handle: x");

    let server = Server::saying(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 9\r\n\r\n<html>hi\n");
    let error = server.client.ping().unwrap_err();
    let said = error.refusal().unwrap().to_string();
    assert_eq!(said, "bad response: status 502: <html>hi");
    assert!(!error.is_unknown_container());
}

#[test]
fn answers_that_break_off() {
    let whole = answer(200, HANDLES);
    let chunked = format!(
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{HANDLES}\r\n0\r\n\r\n",
        HANDLES.len()
    );
    for bytes in [whole.as_slice(), chunked.as_bytes()] {
        for length in 0..bytes.len() {
            let server = Server::saying(&bytes[..length]);
            let outcome = list(&server.client);
            assert!(
                matches!(&outcome, Err(Error::Receive { source, .. }) if source.kind() == std::io::ErrorKind::UnexpectedEof),
                "{length}: {outcome:?}"
            );
        }
    }
}

#[test]
fn what_is_no_answer() {
    let server = Server::saying(b"SSH-2.0-OpenSSH_9.2\r\n");
    assert!(matches!(
        server.client.ping(),
        Err(Error::Head { call: "Ping", .. })
    ));
    let server = Server::saying(&answer(200, "<html>"));
    assert!(matches!(
        server.client.ping(),
        Err(Error::Answer { call: "Ping", .. })
    ));
    for size in ["-1", "zz", "", "11111111111111111"] {
        let bytes = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\n{{}}\r\n0\r\n\r\n"
        );
        let server = Server::saying(bytes.as_bytes());
        let outcome = server.client.ping();
        assert!(
            matches!(outcome, Err(Error::Receive { .. })),
            "{size}: {outcome:?}"
        );
    }
}

#[test]
fn nobody_there() {
    // Nobody listens at this one, and nobody gets it by chance.
    let free = "127.0.0.1:1";
    let client = Client::new(Target::parse(free));
    let error = client.ping().unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("cannot reach the Garden server at {free}")
    );
    let client = Client::new(Target::parse("/no/such.sock"));
    let error = client.ping().unwrap_err();
    assert_eq!(
        error.to_string(),
        "cannot reach the Garden server at /no/such.sock"
    );
}

#[test]
fn over_a_unix_socket() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("garden.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let server = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = vec![0; 4096];
        let count = stream.read(&mut request).unwrap();
        stream.write_all(&answer(200, "{}")).unwrap();
        String::from_utf8(request[..count].to_vec()).unwrap()
    });
    // By the path alone, as it exists.
    let client = Client::new(Target::parse(path.to_str().unwrap()));
    client.ping().unwrap();
    assert_eq!(
        server.join().unwrap(),
        "GET /ping HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\r\n"
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn chunks_of_any_size_are_put_together(
        data in proptest::collection::vec(any::<u8>(), 0..20_000),
        cuts in proptest::collection::vec(1usize..5000, 1..6),
    ) {
        let mut bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec();
        let mut left = data.as_slice();
        for cut in cuts.iter().cycle() {
            if left.is_empty() {
                break;
            }
            let (chunk, rest) = left.split_at((*cut).min(left.len()));
            bytes.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            bytes.extend_from_slice(chunk);
            bytes.extend_from_slice(b"\r\n");
            left = rest;
        }
        bytes.extend_from_slice(b"0\r\n\r\n");
        let server = Server::saying(&bytes);
        let mut got = Vec::new();
        server.client.stream_out("h", "", "/").unwrap().read_to_end(&mut got).unwrap();
        prop_assert_eq!(got, data);
    }

    #[test]
    fn junk_is_an_error_or_an_answer_and_ends(junk in "(HTTP/1.[01] [0-9]{3} )?[ -~\\r\\n]{0,200}") {
        let server = Server::saying(junk.as_bytes());
        let _ = server.client.capacity();
        server.finish();
    }
}
