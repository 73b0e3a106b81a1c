//! What clients send, well-formed and not; and the documents they get.

use std::net::IpAddr;

use proptest::prelude::*;

use super::auth::{Access, access, decode, encode};
use super::head::{BadHead, Request, end_of_head};
use super::xml::{Choice, Form, document, text};
use crate::monitrc::model::Allow;
use crate::view::{Snapshot, Status, Vitals};

#[test]
fn the_agents_post() {
    let bytes = b"POST /Redis%20x?a=b HTTP/1.1\r\nHost: 127.0.0.1:2822\r\nAuthorization: Basic \
        dmNhcDpyYW5kb20tcGFzc3dvcmQ=\r\nContent-Length: 12\r\n\r\naction=start";
    let (head, body) = end_of_head(bytes).unwrap();
    let mut request = Request::parse(&bytes[..head]).unwrap();
    request.take_body(&bytes[body..]);
    assert_eq!((request.path.as_str(), request.length), ("/Redis x", 12));
    assert_eq!(request.field("action"), Some("start"));
    let user = Allow::User("vcap".into(), "random-password".into(), false);
    let me = IpAddr::from([127, 0, 0, 1]);
    let given = request.authorization.as_deref();
    assert_eq!(access(&[user], me, given), Access::Full);
}

#[test]
fn heads_that_are_none() {
    for (head, error) in [
        ("", BadHead::Malformed),
        ("GET /", BadHead::Malformed),
        ("GET  / HTTP/1.1", BadHead::Malformed),
        ("GET x HTTP/1.1", BadHead::Malformed),
        ("get / HTTP/1.1", BadHead::Malformed),
        ("GET / HTTP/2", BadHead::Malformed),
        ("GET / HTTP/1.1\r\nno colon", BadHead::Malformed),
        ("GET / HTTP/1.1\r\nHost : x", BadHead::Malformed),
        ("GET / HTTP/1.1\r\nHost: a\r\nHost: b", BadHead::Malformed),
        ("POST / HTTP/1.1\r\nContent-Length: +3", BadHead::Body),
        ("POST / HTTP/1.1\r\nContent-Length: 99999999", BadHead::Body),
        (
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2",
            BadHead::Body,
        ),
        (
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked",
            BadHead::Body,
        ),
    ] {
        assert_eq!(Request::parse(head.as_bytes()), Err(error), "{head:?}");
    }
}

#[test]
fn pages_of_other_sites() {
    let request = |lines: &str| {
        Request::parse(
            format!("POST /a HTTP/1.1\r\nHost: h:1\r\n{lines}")
                .trim()
                .as_bytes(),
        )
        .unwrap()
    };
    assert!(!request("").is_foreign());
    assert!(!request("Origin: http://h:1").is_foreign());
    assert!(request("Origin: http://evil").is_foreign());
    assert!(request("Origin: null").is_foreign());
    assert!(request("Sec-Fetch-Site: cross-site").is_foreign());
    assert!(!request("Sec-Fetch-Site: same-origin").is_foreign());
}

#[test]
fn who_may() {
    let me = IpAddr::from([127, 0, 0, 1]);
    let mapped: IpAddr = "::ffff:127.0.0.1".parse().unwrap();
    let basic = |text: &str| format!("Basic {}", encode(text.as_bytes()));
    let good = basic("a:b");
    assert_eq!(
        access(&[], me, Some(&good)),
        Access::None,
        "nobody is allowed"
    );
    let network = Allow::Network(me, 8);
    assert_eq!(
        access(std::slice::from_ref(&network), mapped, None),
        Access::Full
    );
    assert_eq!(
        access(
            std::slice::from_ref(&network),
            IpAddr::from([10, 0, 0, 1]),
            None
        ),
        Access::None
    );
    let user = Allow::User("a".into(), "b".into(), true);
    let both = [network, user];
    assert_eq!(access(&both, me, None), Access::None);
    assert_eq!(access(&both, me, Some(&good)), Access::Read);
    for bad in [
        basic("a:c"),
        basic("a"),
        basic("ab:"),
        "Basic !".into(),
        "Bearer x".into(),
    ] {
        assert_eq!(access(&both, me, Some(&bad)), Access::None, "{bad}");
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("users");
    std::fs::write(&path, "# no\nvcap:random-password\n").unwrap();
    let file = [Allow::Cleartext(path.clone(), Vec::new())];
    let given = basic("vcap:random-password");
    assert_eq!(access(&file, me, Some(&given)), Access::Full);
    let others = [Allow::Cleartext(path, vec!["root".into()])];
    assert_eq!(access(&others, me, Some(&given)), Access::None);
}

fn snapshot() -> Snapshot {
    let system = Status {
        name: "system_here".into(),
        kind: 5,
        groups: Vec::new(),
        monitor: crate::fleet::Monitor::Yes,
        pending: None,
        busy: false,
        bits: 0,
        fault: None,
        accessible: None,
        vitals: None,
        mode: 0,
        collected: (1_795_312_127, 904_706),
        file: "/m".into(),
        line: 1,
    };
    let process = Status {
        name: "a<b".into(),
        kind: 3,
        groups: vec!["vcap".into()],
        bits: 0x200,
        fault: Some((crate::fleet::EventKind::Nonexist, "gone ]]> é".into())),
        vitals: Some(Vitals::default()),
        ..system.clone()
    };
    Snapshot {
        id: "43c4".into(),
        incarnation: 7,
        host: "here".into(),
        httpd: Some(("127.0.0.1".into(), 2822)),
        groups: vec![("vcap".into(), vec!["a<b".into(), "c".into()])],
        services: vec![process, system],
        ..Snapshot::default()
    }
}

/// Names of elements in order, each once per parent path.
fn elements(document: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut path: Vec<String> = Vec::new();
    let mut rest = document;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        let end = rest.find('>').unwrap();
        let tag = &rest[..end];
        if let Some(cdata) = tag.strip_prefix("![CDATA[") {
            rest = &rest[rest.find("]]>").unwrap() + 3..];
            let _ = cdata;
            continue;
        }
        if tag.starts_with('?') {
        } else if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(path.pop().as_deref(), Some(name));
        } else {
            path.push(tag.split(' ').next().unwrap().to_owned());
            let joined = path.join("/");
            if !found.contains(&joined) {
                found.push(joined);
            }
        }
    }
    assert!(path.is_empty(), "{path:?}");
    found
}

/// `tests/fixtures/status2.xml` was recorded from monit 5.2.5 inside a VM without jobs.
#[test]
fn the_document_has_the_shape_of_the_recorded_one() {
    let recorded = include_str!("../../tests/fixtures/status2.xml");
    let ours = document(
        &snapshot(),
        Form::Two,
        &Choice {
            service: Some("system_here".into()),
            ..Choice::default()
        },
    );
    let without_groups: Vec<String> = elements(&ours)
        .into_iter()
        .filter(|path| !path.contains("servicegroup/") && !path.ends_with("/servicegroup"))
        .collect();
    assert_eq!(without_groups, elements(recorded.trim()));
    let head = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?><monit id=\"";
    assert!(ours.starts_with(head) && recorded.starts_with(head));
}

#[test]
fn what_is_wrong_is_told_and_escaped() {
    let all = document(&snapshot(), Form::Two, &Choice::default());
    elements(&all);
    assert!(
        all.contains("<service name=\"a&lt;b\"><type>3</type>"),
        "{all}"
    );
    assert!(all.contains("<status>512</status>") && all.contains("<![CDATA[gone ]] > ?]]>"));
    assert!(all.contains(
        "<servicegroup name=\"vcap\"><service>c</service><service>a&lt;b</service></servicegroup>"
    ));
    assert!(all.is_ascii());
    let one = document(&snapshot(), Form::One, &Choice::default());
    elements(&one);
    assert!(
        one.contains("<service type=\"3\"><name>a&lt;b</name>"),
        "{one}"
    );
    assert_eq!(text("\u{1}\u{e9}"), "?&#233;");
}

proptest! {
    #[test]
    fn base64_goes_both_ways(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
        prop_assert_eq!(decode(&encode(&bytes)), Some(bytes));
    }

    #[test]
    fn any_bytes_are_a_head_or_not(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Request::parse(&bytes);
        let _ = decode(&String::from_utf8_lossy(&bytes));
        if let Some((head, body)) = end_of_head(&bytes) {
            prop_assert!(head < body && body <= bytes.len());
        }
    }

    #[test]
    fn any_text_in_a_document_is_plain(name in ".{0,30}") {
        prop_assert!(text(&name).chars().all(|c| matches!(c, ' '..='~')));
    }
}
