//! How long answers take. What is asserted is generous; what was measured is printed.

use std::time::{Duration, Instant};

use crate::recursor::{Recursor, address};
use crate::wire::{self, A};
use crate::world::{PATIENCE, World, server};

/// How many; fewer of the long ones.
const QUERIES: u16 = 10_000;

fn measure(world: &World, queries: u16, what: &str, name: &str) -> Duration {
    let client = world.client();
    let mut times: Vec<Duration> = (0..queries)
        .map(|number| {
            let asked = wire::query(number, name, A);
            let begin = Instant::now();
            let said = wire::udp(&client, server(), &asked, PATIENCE).unwrap();
            assert_eq!(said.code, 0);
            begin.elapsed()
        })
        .collect();
    times.sort();
    let (median, late) = (times[times.len() / 2], times[times.len() * 99 / 100]);
    println!("{what}: {queries} queries, median {median:?}, 99 of 100 within {late:?}");
    median
}

#[test]
fn ten_thousand_queries() {
    let mut world = World::new();
    world.write("resolv.conf", "nameserver 127.0.0.11\n");
    let instances: Vec<(String, String)> = (0..5000)
        .map(|n| (format!("uuid-{n}"), format!("10.1.{}.{}", n / 250, n % 250)))
        .collect();
    let instances: Vec<(&str, &str)> = instances.iter().map(|(id, ip)| (&**id, &**ip)).collect();
    world.instances(1, &instances);
    let _recursor = Recursor::start(&world.net, "127.0.0.11", |query, _| match query.get(13) {
        Some(b'k') => vec![address(query, 1, 3000)],
        _ => vec![address(query, 1, 0)],
    });
    world.start();
    let instance = measure(
        &world,
        QUERIES,
        "an instance among 5000",
        "uuid-4711.web.default.dep.bosh",
    );
    measure(&world, 200, "a group of 5000", "q-s0.web.default.dep.bosh");
    measure(
        &world,
        QUERIES,
        "a kept answer of others",
        "kept.example.com",
    );
    measure(&world, QUERIES, "an answer of others", "asked.example.com");
    // The C library waits for five seconds.
    assert!(instance < Duration::from_millis(50), "{instance:?}");
}
