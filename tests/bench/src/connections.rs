//! What the rules cost: TCP connections per second on loopback, to a place they do not protect
//! and to one they do, without rules, with ours, and with the same rules loaded by `nft -f`.

use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use warren_tests_harness::{Actor, Sandbox, programs};

use crate::figures::{Samples, myself, table};

const ROUNDS: usize = 15;
const SECONDS: &str = "0.5";
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
    for place in [UNPROTECTED, PROTECTED] {
        let [mut none, mut tracked, mut ours, mut nft] = [const { Samples(Vec::new()) }; 4];
        for _ in 0..ROUNDS {
            flush();
            measure(&agent, place, &mut none);
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
            measure(&agent, place, &mut tracked);
            flush();
            set_up();
            measure(&agent, place, &mut ours);
            flush();
            agent.run(&["nft", "-f", &path]).success();
            measure(&agent, place, &mut nft);
        }
        let what = if place == PROTECTED {
            "monit's port"
        } else {
            "an unprotected port"
        };
        table(
            &format!("Loopback connections to {what}"),
            "1/s",
            &[
                ("no rules", &none),
                ("one rule: established accept", &tracked),
                ("the firewall", &ours),
                ("the same rules by `nft -f`", &nft),
            ],
            0,
        );
    }
}

fn measure(agent: &Actor, place: &str, samples: &mut Samples) {
    let output = agent
        .run(&[&myself(), "inside", "connections", place, SECONDS])
        .success();
    samples.0.extend(Samples::read(&output.stdout).0);
}

/// Connects to itself for so many seconds and prints the connections per second.
pub fn inside(place: &str, seconds: &str) {
    let time = Duration::from_secs_f64(seconds.parse().unwrap_or(1.0));
    let listening = place
        .parse::<SocketAddr>()
        .map_err(|error| error.to_string())
        .and_then(|address| TcpListener::bind(address).map_err(|error| error.to_string()));
    let listener = match listening {
        Ok(listener) => listener,
        Err(error) => panic!("{place}: {error}"),
    };
    let started = Instant::now();
    let mut count = 0u32;
    while started.elapsed() < time {
        for _ in 0..32 {
            let pair = TcpStream::connect(place).and_then(|one| Ok((one, listener.accept()?.0)));
            match pair {
                // A reset instead of TIME_WAIT: the ports must not run out.
                Ok((one, other)) => {
                    for socket in [&one, &other] {
                        let no_wait = Some(Duration::ZERO);
                        let set = rustix::net::sockopt::set_socket_linger(socket, no_wait);
                        assert!(set.is_ok(), "{set:?}");
                    }
                }
                Err(error) => panic!("{place}: {error}"),
            }
            count += 1;
        }
    }
    println!("{}", f64::from(count) / started.elapsed().as_secs_f64());
}
