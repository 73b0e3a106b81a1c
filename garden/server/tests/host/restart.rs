//! The server ends, or is killed; containers and processes do not.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::client::{LONG, shell};
use crate::world::{World, info};

#[test]
fn a_killed_server_finds_everything_again() {
    let mut world = World::new("killed");
    let handle = world.client.create(json!({
        "handle": "survivor",
        "privileged": true,
        "properties": {"owner": "me"},
        "netin": [{"host_port": 7001, "container_port": 8080}],
    }));
    let before = info(&world.client, &handle);
    let script = "while ! test -e /tmp/go; do sleep 0.05; done; echo went; exit 17";
    let process = world.client.run(&handle, &shell(script));
    let id = process.id.clone();
    for signal in ["KILL", "TERM"] {
        let set: Value = world.client.put(
            "PUT",
            &format!("/containers/{handle}/properties/last"),
            json!({"value": signal}),
        );
        assert_eq!(set, json!({}));
        world.end(signal);
        world.start(&[]);
        assert_eq!(world.client.list("?owner=me"), ["survivor"]);
        let after = info(&world.client, &handle);
        assert_eq!(after["State"], "active", "{}", world.log());
        for key in ["ContainerIP", "HostIP", "MappedPorts", "ContainerPath"] {
            assert_eq!(after[key], before[key], "{key}");
        }
        assert_eq!(after["Properties"]["last"], signal);
    }
    drop(process);
    let attached = world.client.attach(&handle, &id);
    world.client.script(&handle, "touch /tmp/go");
    let outcome = attached.wait();
    assert_eq!((outcome.status, outcome.stdout.as_str()), (17, "went\n"));
    world.close();
}

#[test]
fn what_was_half_made_is_removed_after_a_kill() {
    let mut world = World::new("half");
    world.container("whole");
    for round in 0..6_u64 {
        let (sent, all_sent) = std::sync::mpsc::channel();
        let clients: Vec<_> = (0..3)
            .map(|number| {
                let (client, sent) = (world.client.clone(), sent.clone());
                std::thread::spawn(move || {
                    use std::io::Write;
                    let mut stream = client.connect();
                    let body = format!(r#"{{"handle":"half-{round}-{number}","privileged":true}}"#);
                    let head = format!(
                        "POST /containers HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    stream.write_all(head.as_bytes()).unwrap();
                    sent.send(()).unwrap();
                    // Whatever comes back: the server is killed meanwhile.
                    let mut answer = Vec::new();
                    let _killed = std::io::Read::read_to_end(&mut stream, &mut answer);
                })
            })
            .collect();
        for _ in &clients {
            all_sent.recv_timeout(LONG).unwrap();
        }
        // From there on, at moments that differ.
        std::thread::sleep(Duration::from_millis(20 * round));
        world.end("KILL");
        for client in clients {
            client.join().unwrap();
        }
        world.start(&[]);
        let all = world.client.list("?garden.state=all");
        assert_eq!(all, world.client.list(""), "{}", world.log());
        assert!(all.contains(&"whole".to_owned()), "{}", world.log());
        for handle in all {
            assert_eq!(world.client.script(&handle, "echo well").stdout, "well\n");
        }
    }
    world.close();
}

#[test]
fn a_start_may_begin_with_nothing() {
    let mut world = World::new("anew");
    world.container("gone");
    world.end("TERM");
    world.start(&["destroy-containers-on-startup=true"]);
    assert_eq!(world.client.list("?garden.state=all"), [""; 0]);
    world.close();
}

#[test]
fn a_second_server_is_refused_the_socket_and_a_stale_one_is_taken() {
    let mut world = World::new("stale");
    world.end("KILL");
    assert!(world.path("garden.sock").exists());
    world.start(&[]);
    world.end("TERM");
    assert!(!world.path("garden.sock").exists());
    world.start(&[]);
    world.close();
}

#[test]
fn numbers_about_the_server_are_told() {
    let world = World::with(
        "debug",
        &["debug-bind-ip=127.0.0.1", "debug-bind-port=17013"],
    );
    world.container("one");
    // As one looks that is just being made, or removed.
    for name in [".making-two", ".removing-three"] {
        std::fs::create_dir(world.path("depot").join(name)).unwrap();
    }
    let began = Instant::now();
    let body = loop {
        let body = world.sandbox.net().inside(|| {
            use std::io::{Read, Write};
            let mut stream = std::net::TcpStream::connect(("127.0.0.1", 17013)).ok()?;
            let ask = b"GET /debug/vars HTTP/1.1\r\nConnection: close\r\n\r\n";
            stream.write_all(ask).ok()?;
            let mut text = String::new();
            stream.read_to_string(&mut text).ok()?;
            Some(text.split_once("\r\n\r\n")?.1.to_owned())
        });
        match body {
            Some(body) => break body,
            None => assert!(began.elapsed() < LONG),
        }
    };
    let vars: Value = serde_json::from_str(&body).unwrap();
    assert!(vars["memstats"]["Alloc"].as_u64().unwrap() > 0);
    assert!(vars["numCPUS"].as_u64().unwrap() > 0);
    assert_eq!(
        (&vars["depotDirs"], &vars["containers"]),
        (&json!(1), &json!(1))
    );
    for name in [".making-two", ".removing-three"] {
        std::fs::remove_dir(world.path("depot").join(name)).unwrap();
    }
    world.close();
}
