//! What the rules cost: TCP connections per second on loopback, to a place they do not protect
//! and to one they do, without rules, with ours, and with the same rules loaded by `nft -f`.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::thread::{CpuSet, sched_setaffinity};

use warren_tests_harness::{Actor, Sandbox, programs};

use crate::figures::{Samples, myself, table};

const ROUNDS: usize = 40;
const SECONDS: &str = "0.15";
const UNPROTECTED: &str = "127.0.0.1:7777";
const PROTECTED: &str = "127.0.0.1:2822";
const NATS: &str = "127.0.0.9:4222";

/// Measures in turns, so that the machine's mood hits all alike.
pub fn bench() {
    let sandbox = Sandbox::new("bench-connections");
    let agent = sandbox.actor_in("agent").spawn();
    let warren = programs::warren().display().to_string();
    let set_up = || {
        agent
            .run(&[&warren, "firewall", "setup", "--nats", NATS])
            .success();
    };
    set_up();
    let rules = agent
        .run(&["nft", "list", "table", "inet", "bosh_agent"])
        .success()
        .stdout;
    let file = match tempfile::NamedTempFile::new() {
        Ok(file) => file,
        Err(error) => panic!("cannot write the rules: {error}"),
    };
    if let Err(error) = std::fs::write(file.path(), rules) {
        panic!("cannot write the rules: {error}");
    }
    let path = file.path().display().to_string();
    let flush = || {
        agent.run(&["nft", "flush", "ruleset"]).success();
    };
    for (load, place) in [
        ("request", UNPROTECTED),
        ("request", PROTECTED),
        ("bare", UNPROTECTED),
        ("bare", PROTECTED),
    ] {
        let [mut none, mut empty, mut tracked, mut ours, mut nft] =
            [const { Samples(Vec::new()) }; 5];
        for _ in 0..ROUNDS {
            flush();
            measure(&agent, load, place, &mut none);
            // What the kernel asks for the hooks alone: two chains out, one in, as the table has them.
            agent.run(&["nft", "add", "table", "inet", "t"]).success();
            for (name, hook) in [("a", "output"), ("b", "output"), ("c", "input")] {
                let chain = format!("{{ type filter hook {hook} priority -1; }}");
                agent
                    .run(&["nft", "add", "chain", "inet", "t", name, &chain])
                    .success();
            }
            measure(&agent, load, place, &mut empty);
            flush();
            // Connection tracking is what any stateful ruleset costs; the stock agent's too.
            agent.run(&["nft", "add", "table", "inet", "t"]).success();
            let chain = "{ type filter hook output priority 0; }";
            agent
                .run(&["nft", "add", "chain", "inet", "t", "c", chain])
                .success();
            let rule = [
                "nft",
                "add",
                "rule",
                "inet",
                "t",
                "c",
                "ct",
                "state",
                "established",
                "accept",
            ];
            agent.run(&rule).success();
            measure(&agent, load, place, &mut tracked);
            flush();
            set_up();
            measure(&agent, load, place, &mut ours);
            flush();
            agent.run(&["nft", "-f", &path]).success();
            measure(&agent, load, place, &mut nft);
        }
        let what = if place == PROTECTED {
            "monit's port"
        } else {
            "an unprotected port"
        };
        table(
            &match load {
                "request" => format!("Loopback connections, one request each, to {what}"),
                _ => format!("Bare loopback connections in one thread, to {what}"),
            },
            "1/s",
            &[
                ("no rules", &none),
                ("the same hooks with empty chains", &empty),
                ("one rule: established accept", &tracked),
                ("the firewall", &ours),
                ("the same rules by `nft -f`", &nft),
            ],
            0,
        );
    }
}

fn measure(agent: &Actor, load: &str, place: &str, samples: &mut Samples) {
    let output = agent
        .run(&[&myself(), "inside", "connections", load, place, SECONDS])
        .success();
    samples.0.extend(Samples::read(&output.stdout).0);
}

/// Connects for so many seconds and prints the connections per second.
pub fn inside(load: &str, place: &str, seconds: &str) {
    let time = Duration::from_secs_f64(seconds.parse().unwrap_or(1.0));
    let listening = place
        .parse::<SocketAddr>()
        .map_err(|error| error.to_string())
        .and_then(|address| TcpListener::bind(address).map_err(|error| error.to_string()));
    let listener = match listening {
        Ok(listener) => listener,
        Err(error) => panic!("{place}: {error}"),
    };
    let rate = match load {
        "request" => requests(&listener, place, time),
        _ => bare(&listener, place, time),
    };
    println!("{rate}");
}

/// One thread that is both ends and does nothing but connect: the most that rules can cost.
fn bare(listener: &TcpListener, place: &str, time: Duration) -> f64 {
    rate(time, || {
        let one = TcpStream::connect(place)?;
        let other = listener.accept()?.0;
        close_at_once(&one)?;
        close_at_once(&other)
    })
}

/// A server on a thread of its own; a connection for each request and its answer. Both on one
/// processor: else waking an idle one costs more, and varies more, than everything else.
fn requests(listener: &TcpListener, place: &str, time: Duration) -> f64 {
    let mut first = CpuSet::new();
    first.set(0);
    let pinned = sched_setaffinity(None, &first);
    assert!(pinned.is_ok(), "{pinned:?}");
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let served = listener.accept().and_then(|(mut stream, _)| {
                    let mut request = [0; 64];
                    let size = stream.read(&mut request)?;
                    stream.write_all(&request[..size])?;
                    close_at_once(&stream)
                });
                assert!(served.is_ok(), "{served:?}");
            }
        });
        let ask = || -> std::io::Result<()> {
            let mut stream = TcpStream::connect(place)?;
            stream.write_all(&[7; 64])?;
            stream.read_exact(&mut [0; 64])?;
            close_at_once(&stream)
        };
        let rate = rate(time, ask);
        done.store(true, Ordering::Relaxed);
        // The server may be waiting for one more, or gone: nothing is asked of it.
        let last = TcpStream::connect(place);
        assert!(last.is_ok(), "{last:?}");
        rate
    })
}

fn rate(time: Duration, mut connect: impl FnMut() -> std::io::Result<()>) -> f64 {
    let started = Instant::now();
    let mut count = 0u32;
    while started.elapsed() < time {
        for _ in 0..32 {
            if let Err(error) = connect() {
                panic!("connection {count}: {error}");
            }
            count += 1;
        }
    }
    f64::from(count) / started.elapsed().as_secs_f64()
}

/// A reset instead of TIME_WAIT: the ports must not run out.
fn close_at_once(socket: &TcpStream) -> std::io::Result<()> {
    Ok(rustix::net::sockopt::set_socket_linger(
        socket,
        Some(Duration::ZERO),
    )?)
}
