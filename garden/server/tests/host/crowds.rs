//! Clients that are many, or stand still, and programs that build without end: others are served as before, and
//! what is theirs goes when it is told to.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{Client, LONG, shell};
use crate::hostile::post;
use crate::world::World;

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
