//! Many clients, and clients that are up to no good.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use warren_supervisor::http::client::Client;
use warren_supervisor::monitrc::model::{Allow, Httpd};

use crate::world::{PATIENCE, STEADY, World, eventually};

fn raw(world: &World, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", world.port())).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // The server may have answered and closed before all was sent.
    let _ = stream.write_all(bytes);
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn what_is_no_request_gets_an_answer_and_harms_nothing() {
    let world = World::new();
    world.job("a", &world.service("a", STEADY, ""));
    let _served = world.serve();
    eventually("it runs", || {
        world.field("a", "monitor").as_deref() == Some("1")
    });
    let long = vec![b'a'; 100_000];
    let many = "X: y\r\n".repeat(10_000);
    let many = format!("GET / HTTP/1.1\r\n{many}\r\n");
    for (bytes, status) in [
        (b"\0\xff\n\n".as_slice(), "400"),
        (b"GET / HTTP/1.1\r\n", "400"),
        (long.as_slice(), "431"),
        (many.as_bytes(), "431"),
        (
            b"POST /a HTTP/1.1\r\nContent-Length: 999999999999\r\n\r\n",
            "413",
        ),
        (b"POST /a HTTP/1.1\r\nContent-Length: 10\r\n\r\nx", "400"),
        (
            b"POST /a HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "413",
        ),
        (b"GET /_status2?format=xml HTTP/1.1\r\n\r\n", "401"),
        (
            b"GET /a HTTP/1.1\r\nAuthorization: Basic dmNhcDp3cm9uZw==\r\n\r\n",
            "401",
        ),
    ] {
        let answer = raw(&world, bytes);
        let shown = String::from_utf8_lossy(&bytes[..bytes.len().min(60)]).into_owned();
        assert!(
            answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{shown:?}: {answer}"
        );
    }
    assert!(
        raw(&world, b"GET / HTTP/1.1\r\n\r\n").contains("WWW-Authenticate: Basic realm=\"monit\"")
    );
    let auth = "Authorization: Basic dmNhcDpyYW5kb20tcGFzc3dvcmQ=\r\n";
    for (request, status) in [
        ("GET /a?action=stop HTTP/1.1", "405"),
        (
            "POST /nobody HTTP/1.1\r\nContent-Length: 11\r\n\r\naction=stop",
            "404",
        ),
        (
            "POST /a HTTP/1.1\r\nContent-Length: 12\r\n\r\naction=bogus",
            "400",
        ),
        (
            "POST /a HTTP/1.1\r\nOrigin: http://evil\r\nContent-Length: 11\r\n\r\naction=stop",
            "403",
        ),
        ("DELETE /a HTTP/1.1", "405"),
        ("GET /../../etc/passwd HTTP/1.1", "404"),
    ] {
        let (first, rest) = request.split_once("\r\n").unwrap_or((request, "\r\n"));
        let answer = raw(&world, format!("{first}\r\n{auth}{rest}").as_bytes());
        assert!(
            answer.starts_with(&format!("HTTP/1.0 {status} ")),
            "{request}: {answer}"
        );
    }
    assert_eq!(world.field("a", "monitor").as_deref(), Some("1"));
    assert_eq!(world.calls(), ["start a"]);
}

#[test]
fn idle_clients_do_not_keep_others_out_for_long() {
    let world = World::new();
    let _served = world.serve();
    let idle: Vec<TcpStream> = (0..200)
        .map(|_| TcpStream::connect(("127.0.0.1", world.port())).unwrap())
        .collect();
    let began = Instant::now();
    eventually("the supervisor answers", || {
        world.xml().contains("<monit id=")
    });
    println!(
        "answered after {:?} with {} idle clients",
        began.elapsed(),
        idle.len()
    );
}

#[test]
fn thousands_of_requests_for_the_status() {
    let world = World::new();
    for at in 0..20 {
        let name = format!("s{at}");
        world.job(&name, &world.service(&name, STEADY, ""));
    }
    let _served = world.serve();
    eventually("all run", || {
        world.xml().matches("<monitor>1</monitor>").count() == 21
    });
    let mut times = Vec::new();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut times = Vec::new();
                    for _ in 0..1000 {
                        let began = Instant::now();
                        let answer = world.client().get("/_status2?format=xml").unwrap();
                        times.push(began.elapsed());
                        assert_eq!(answer.status, 200);
                        assert!(answer.body.ends_with("</monit>"));
                    }
                    times
                })
            })
            .collect();
        for client in clients {
            times.extend(client.join().unwrap());
        }
    });
    times.sort();
    let (median, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("4000 statuses of 21 services: median {median:?}, 99% below {late:?}");
    assert!(median < Duration::from_secs(1));
    let wrong = Client::new(&Httpd {
        port: world.port(),
        address: Some("127.0.0.1".into()),
        allow: vec![Allow::User("vcap".into(), "wrong".into(), false)],
    });
    assert_eq!(wrong.get("/_status2?format=xml").unwrap().status, 401);
}
