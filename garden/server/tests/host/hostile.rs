//! Clients that are broken, or mean it: whatever they send, and however they hold on, they get an answer,
//! nothing is half made, and others are served as before.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_wire_garden::route::{Params, Route};

use crate::client::{Client, LONG, shell};
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

fn post(target: &str, body: &[u8]) -> Vec<u8> {
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

/// How many of several at once do it, and what the others are told.
fn at_once(count: usize, what: impl Fn() -> (u16, String) + Sync) -> (usize, Vec<String>) {
    let barrier = Barrier::new(count);
    let all: Vec<(u16, String)> = std::thread::scope(|scope| {
        let one = || {
            barrier.wait();
            what()
        };
        let threads: Vec<_> = (0..count).map(|_| scope.spawn(one)).collect();
        threads
            .into_iter()
            .map(|each| each.join().unwrap())
            .collect()
    });
    let done = all.iter().filter(|(status, _)| *status == 200).count();
    let others = all.into_iter().filter(|(status, _)| *status != 200);
    (done, others.map(|(_, text)| text).collect())
}

#[track_caller]
fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + LONG;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// A StreamIn whose archive does not go on.
fn stalled(client: &Client, handle: &str) -> UnixStream {
    let mut stream = client.connect();
    let head = format!(
        "PUT /containers/{handle}/files?user=root&destination=/tmp HTTP/1.1\r\nHost: api\r\n\
         Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream
}

#[test]
fn one_of_many_makes_it_and_one_destroys_it_whatever_goes_on_in_it() {
    let world = World::new("at-once");
    let client = &world.client;
    let (made, others) = at_once(8, || {
        let spec = br#"{"handle":"it","privileged":true}"#;
        let answer = client.send("POST", "/containers", spec);
        (
            answer.head.status,
            String::from_utf8_lossy(&answer.body).into_owned(),
        )
    });
    assert_eq!(made, 1);
    assert!(
        others
            .iter()
            .all(|text| text.contains("Handle 'it' already in use")),
        "{others:?}"
    );

    let process = client.run(
        "it",
        &shell("head -c 30000000 /dev/zero >/tmp/large; echo up; exec sleep 1000"),
    );
    let attached = client.attach("it", &process.id);
    while client
        .script("it", "test $(wc -c </tmp/large) = 30000000")
        .status
        != 0
    {}
    let uploads: Vec<UnixStream> = (0..3).map(|_| stalled(client, "it")).collect();
    let download = client.connect();
    let ask = b"GET /containers/it/files?user=root&source=/tmp/large HTTP/1.1\r\n\r\n";
    (&download).write_all(ask).unwrap();
    // Its head tells that it has begun.
    (&download).read_exact(&mut [0; 12]).unwrap();

    let (destroyed, others) = at_once(8, || {
        let answer = client.send("DELETE", "/containers/it", b"");
        (
            answer.head.status,
            String::from_utf8_lossy(&answer.body).into_owned(),
        )
    });
    assert_eq!(destroyed, 1);
    let told = |text: &String| {
        text.contains("container already being destroyed") || text.contains("unknown handle: it")
    };
    assert!(others.iter().all(told), "{others:?}");
    // Everybody is told, and nobody takes a part for the whole.
    assert_eq!(process.wait().status, 137);
    assert_eq!(attached.wait().status, 137);
    let mut bytes = Vec::new();
    (&download).read_to_end(&mut bytes).unwrap();
    assert!(!bytes.ends_with(b"\r\n0\r\n\r\n"));
    for mut upload in uploads {
        let _may_be_refused = upload.write_all(b"1\r\nb\r\n0\r\n\r\n");
        let _may_be_gone = upload.shutdown(Shutdown::Write);
        let mut text = String::new();
        upload.read_to_string(&mut text).unwrap();
        assert!(
            text.starts_with("HTTP/1.1 500 ") && text.contains("error streaming in"),
            "{text}"
        );
    }
    world.container("it");
    world.close();
}

#[test]
fn clients_that_stand_still_hold_up_nobody() {
    let world = World::with("stalled", &["ulimit=3072"]);
    let client = &world.client;
    // More than there are threads for what takes its time, where nobody counts them.
    let containers = ["one", "two", "three"].map(|handle| world.container(handle));
    let uploads: Vec<UnixStream> = containers
        .iter()
        .flat_map(|handle| (0..175).map(|_| stalled(client, handle)))
        .collect();
    eventually("all are under way", || world.threads() > 525);
    assert_eq!(client.get::<Value>("/ping"), json!({}));
    world.container("other");
    assert_eq!(client.script("other", "echo works").stdout, "works\n");
    // No more at once into one container than leave it something.
    let more: Vec<UnixStream> = (0..25).map(|_| stalled(client, "one")).collect();
    let (mut waiting, mut refused) = (more.iter().collect::<Vec<_>>(), 0);
    eventually("the last are refused", || {
        // What is read of an answer is gone: each counts once.
        waiting.retain(|stream| {
            let mut stream: &UnixStream = stream;
            let mut head = [0; 13];
            stream.set_nonblocking(true).unwrap();
            let is_refused = stream.read_exact(&mut head).is_ok() && head == *b"HTTP/1.1 500 ";
            refused += usize::from(is_refused);
            !is_refused
        });
        refused >= 4
    });
    assert_eq!(client.script("one", "echo works").stdout, "works\n");
    for handle in containers {
        client.destroy(&handle);
    }
    drop((uploads, more));
    world.close();
}

#[test]
fn a_tree_deeper_than_there_are_descriptors_is_counted_and_goes() {
    let world = World::with("deep", &["ulimit=256"]);
    let client = &world.client;
    let handle = world.container("deep");
    // No path may be as long, so it is built from below.
    let script =
        "cd /tmp; p=$(yes d | head -n 1000 | tr '\\n' /); mkdir -p t/$p; echo x >t/${p}file
        for i in 1 2 3 4 5; do mkdir -p n/$p; mv t n/${p}t; mv n t; done; echo done";
    assert_eq!(client.script(&handle, script).stdout, "done\n");
    let metrics: Value = client.get(&format!("/containers/{handle}/metrics"));
    let used = metrics["DiskStat"]["TotalBytesUsed"].as_u64();
    assert!(used.is_some_and(|used| used > 6000), "{metrics}");
    client.destroy(&handle);
    world.close();
}

#[test]
fn connections_that_nobody_uses_leave_descriptors_for_calls() {
    let world = World::with("idle", &["ulimit=256"]);
    let mut first = world.client.connect();
    // Once it is answered it is accepted, and the others are behind it.
    let ping = b"GET /ping HTTP/1.1\r\n\r\n";
    let mut ask = |bytes: &[u8]| {
        first.write_all(bytes).unwrap();
        let mut text = String::new();
        while !text.ends_with("}\n") {
            let mut byte = [0];
            first.read_exact(&mut byte).unwrap();
            text.push(byte[0].into());
        }
        text
    };
    assert!(ask(ping).starts_with("HTTP/1.1 200 "));
    let idle: Vec<UnixStream> = (0..300).map(|_| world.client.connect()).collect();
    eventually("the others wait", || {
        world.log().contains("as many connections as there may be")
    });
    let made = ask(&post(
        "/containers",
        br#"{"handle":"it","privileged":true}"#,
    ));
    assert!(made.starts_with("HTTP/1.1 200 "), "{made}");
    drop(idle);
    assert_eq!(world.client.script("it", "echo works").stdout, "works\n");
    world.close();
}
