//! Clients that are broken, or mean it: whatever they send, and however they hold on, they get an answer,
//! nothing is half made, and others are served as before.

use std::io::{Read, Write};
use std::net::Shutdown;

use serde_json::{Value, json};
use warren_wire_garden::route::{Params, Route};

use crate::client::Client;
use crate::world::World;

/// All that is answered to these bytes, behind which nothing comes.
#[track_caller]
fn answers(client: &Client, bytes: &[u8]) -> String {
    let mut stream = client.connect();
    // The server may answer before it has all.
    let _may_be_refused = stream.write_all(bytes);
    let _may_be_gone = stream.shutdown(Shutdown::Write);
    let mut text = Vec::new();
    let _may_be_reset = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The statuses among them.
fn statuses(answers: &str) -> Vec<&str> {
    let heads = answers.split("HTTP/1.1 ").skip(1);
    heads
        .map(|head| head.get(..3).unwrap_or_default())
        .collect()
}

/// A request with a body.
pub fn post(target: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {target} HTTP/1.1\r\nHost: api\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

#[test]
fn what_makes_no_sense_is_refused_and_ends_nothing_else() {
    let world = World::new("nonsense");
    let many = format!("GET /ping HTTP/1.1\r\n{}\r\n", "a: b\r\n".repeat(101));
    let long = format!("GET /ping HTTP/1.1\r\na: {}\r\n\r\n", "b".repeat(70 << 10));
    let nested = [br#"{"properties":"#.as_slice(), &[b'['; 100_000]].concat();
    let large = vec![b' '; (16 << 20) + 1];
    // What looks like a second request behind an ambiguous one is none.
    let behind = "\r\n0\r\n\r\nGET /capacity HTTP/1.1\r\n\r\n";
    let smuggled = |lines: &str| format!("POST /ping HTTP/1.1\r\n{lines}{behind}").into_bytes();
    let table: &[(&str, Vec<u8>, &[&str])] = &[
        (
            "no HTTP",
            b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n".to_vec(),
            &["400"],
        ),
        (
            "another version",
            b"GET /ping HTTP/2.0\r\n\r\n".to_vec(),
            &["400"],
        ),
        ("many lines", many.into_bytes(), &["431"]),
        ("a long line", long.into_bytes(), &["431"]),
        (
            "two ends",
            smuggled("Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"),
            &["400"],
        ),
        (
            "two lengths",
            smuggled("Content-Length: 3\r\nContent-Length: 5\r\n"),
            &["400"],
        ),
        (
            "two codings",
            smuggled("Transfer-Encoding: chunked, chunked\r\n"),
            &["400"],
        ),
        (
            "a hidden coding",
            smuggled("Transfer-Encoding: xchunked\r\n"),
            &["501"],
        ),
        (
            "a blank before a colon",
            smuggled("Content-Length : 3\r\n"),
            &["400"],
        ),
        (
            "other methods",
            b"OPTIONS /ping HTTP/1.1\r\n\r\nBREW /containers HTTP/1.1\r\n\r\n".to_vec(),
            &["405", "405"],
        ),
        (
            "a head of a stream",
            b"HEAD /containers/x/processes/1 HTTP/1.1\r\n\r\n".to_vec(),
            &["405"],
        ),
        (
            "no path",
            b"OPTIONS * HTTP/1.1\r\n\r\nCONNECT host:1 HTTP/1.1\r\n\r\n".to_vec(),
            &["404", "404"],
        ),
        (
            "broken escapes",
            b"GET /containers/%zz/info HTTP/1.1\r\n\r\nGET /containers/%FF/info HTTP/1.1\r\n\r\n"
                .to_vec(),
            &["404", "404"],
        ),
        (
            "several at once",
            b"GET /ping HTTP/1.1\r\n\r\n".repeat(3),
            &["200", "200", "200"],
        ),
        (
            "a body that breaks off",
            post("/containers", b"{}")[..60].to_vec(),
            &["500"],
        ),
        ("deep JSON", post("/containers", &nested), &["500"]),
        ("much JSON", post("/containers", &large), &["500"]),
        (
            "no UTF-8",
            post("/containers", b"{\"image\":{\"uri\":\"/no/\xff\xfe.tar\"}}"),
            &["500"],
        ),
        ("another shape", post("/containers", b"[[]]"), &["500"]),
        ("no body", post("/containers", b""), &["500"]),
    ];
    for (what, bytes, expected) in table {
        let said = answers(&world.client, bytes);
        assert_eq!(statuses(&said), *expected, "{what}: {said}");
    }
    assert_eq!(world.client.list("?garden.state=all"), [""; 0]);
    world.close();
}

#[test]
fn a_handle_may_be_any_text() {
    let world = World::new("handles");
    let long = "x".repeat(10_000);
    let handles = [
        ".",
        "..",
        "../../escape",
        "/etc/passwd",
        "a/b",
        "new\nline",
        "nul\0",
        "-rf",
        "%2e%2e",
        "a b+c&d?e#f",
        "sha256-x",
        "\u{202e}ünïcödé ☃",
        "$(reboot);'\"`",
        &long,
    ];
    let client = &world.client;
    std::thread::scope(|scope| {
        for part in handles.chunks(4) {
            scope.spawn(move || {
                for handle in part {
                    let path = |route: Route| {
                        let params = Params::handle(handle).with("key", handle);
                        route.path(&params).unwrap()
                    };
                    let spec = json!({"handle": handle, "privileged": true, "properties": {"its": handle}});
                    assert_eq!(client.create(spec), *handle);
                    let info: Value = client.get(&path(Route::Info));
                    assert_eq!((&info["State"], &info["Properties"]["its"]), (&json!("active"), &json!(handle)));
                    let set: Value = client.put("PUT", &path(Route::SetProperty), json!({"value": handle}));
                    assert_eq!(set, json!({}));
                    let property: Value = client.get(&path(Route::Property));
                    assert_eq!(property["value"], *handle);
                    let ports = json!({"host_port": 0, "container_port": 80});
                    let ports: Value = client.put("POST", &path(Route::NetIn), ports);
                    assert!(ports["host_port"].as_u64().unwrap() > 0);
                    let destroyed: Value = client.send("DELETE", &path(Route::Destroy), b"").json();
                    assert_eq!(destroyed, json!({}));
                    assert_eq!(client.send("GET", &path(Route::Info), b"").head.status, 404);
                }
            });
        }
    });
    assert!(!world.path("escape").exists());
    world.close();
}

#[test]
fn numbers_that_cannot_be_are_errors_and_leave_nothing() {
    let world = World::new("numbers");
    let client = &world.client;
    let memory =
        |bytes: &str| format!(r#"{{"limits":{{"memory_limits":{{"limit_in_bytes":{bytes}}}}}}}"#);
    let network = |text: &str| format!(r#"{{"network":{text:?}}}"#);
    let refused = [
        memory("-1"),
        memory("1.5"),
        memory("1e30"),
        memory("18446744073709551616"),
        memory(r#""12""#),
        r#"{"grace_time":9223372036854775808}"#.to_owned(),
        r#"{"limits":{"pid_limits":{"max":-1}}}"#.to_owned(),
        r#"{"limits":{"cpu_limits":{"weight":-2}}}"#.to_owned(),
        r#"{"limits":{"disk_limits":{"byte_hard":-2}}}"#.to_owned(),
        r#"{"bind_mounts":[{"src_path":"/","dst_path":"/x","mode":256}]}"#.to_owned(),
        r#"{"netin":[{"host_port":65536,"container_port":1}]}"#.to_owned(),
        r#"{"netin":[{"host_port":1,"container_port":4294967296}]}"#.to_owned(),
        r#"{"netout_rules":[{"protocol":9}]}"#.to_owned(),
        r#"{"netout_rules":[{"protocol":1,"ports":[{"start":9,"end":1}]}]}"#.to_owned(),
        network("999.1.1.1/24"),
        network("10.9.9.0/33"),
        network("10.9.9.0/-1"),
        network("10.9.9.2/31"),
        network("0.0.0.0/0"),
        network("255.255.255.255/30"),
    ];
    for body in &refused {
        let (status, kind, text) = client.send("POST", "/containers", body.as_bytes()).error();
        assert_eq!((status, kind.as_str()), (500, ""), "{body}: {text}");
        assert!(!text.is_empty(), "{body}");
    }
    // More than there is of anything is no limit, or an error: never a container that is half made.
    let most = u64::MAX;
    for limits in [
        json!({"memory_limits": {"limit_in_bytes": most}}),
        json!({"memory_limits": {"limit_in_bytes": 1}}),
        json!({"cpu_limits": {"weight": most}}),
        json!({"pid_limits": {"max": most}}),
        json!({"disk_limits": {"byte_hard": most, "scope": 1}}),
    ] {
        let spec = json!({"handle": "extreme", "privileged": true, "limits": limits});
        let answer = client.send("POST", "/containers", &serde_json::to_vec(&spec).unwrap());
        match answer.head.status {
            200 => {
                assert_eq!(client.script("extreme", "echo works").stdout, "works\n");
                client.destroy("extreme");
            }
            _ => assert_eq!(answer.error().0, 500),
        }
        assert_eq!(client.list("?garden.state=all"), [""; 0], "{limits}");
    }
    world.container("plain");
    for (method, call, bodies) in [
        (
            "PUT",
            "grace_time",
            ["1.5", "9223372036854775808", "\"1s\""],
        ),
        (
            "POST",
            "net/in",
            [
                r#"{"host_port":-1}"#,
                r#"{"host_port":65536}"#,
                r#"{"container_port":65536}"#,
            ],
        ),
        (
            "POST",
            "net/out",
            [
                r#"{"protocol":-1}"#,
                r#"{"protocol":1,"ports":[{"start":0,"end":65536}]}"#,
                r#"{"networks":[{"start":"10.0.0.9","end":"10.0.0.1"}]}"#,
            ],
        ),
        (
            "POST",
            "processes",
            [
                r#"{"path":"true","rlimits":{"nofile":-1}}"#,
                r#"{"path":"true","tty":{"window_size":{"columns":1.5}}}"#,
                r#"{"path":"true","user":"-1:-1"}"#,
            ],
        ),
    ] {
        for body in bodies {
            let answer = client.send(
                method,
                &format!("/containers/plain/{call}"),
                body.as_bytes(),
            );
            assert_eq!(answer.head.status, 500, "{call} {body}");
            assert_eq!(answer.error().1, "", "{call} {body}");
        }
    }
    assert_eq!(client.script("plain", "echo works").stdout, "works\n");
    world.close();
}
