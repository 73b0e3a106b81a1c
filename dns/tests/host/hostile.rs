//! Packets and connections that no client makes.

use std::io::Write;
use std::net::TcpStream;
use std::time::Duration;

use crate::wire::{self, A};
use crate::world::{World, server};

/// Numbers without a pattern, the same in each run.
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn bytes(&mut self, most: u64) -> Vec<u8> {
        let count = self.next() % most;
        (0..count).map(|_| self.next() as u8).collect()
    }
}

#[test]
fn junk_changes_nothing() {
    let world = World::started();
    let (client, mut numbers) = (world.client(), Numbers(88_172_645_463_325_252));
    let good = wire::query(7, "q-s0.web.default.dep.bosh", A);
    for round in 0..20_000 {
        let packet = match round % 3 {
            0 => numbers.bytes(600),
            1 => {
                let mut packet = good.clone();
                for _ in 0..=numbers.next() % 4 {
                    let at = (numbers.next() % good.len() as u64) as usize;
                    packet[at] = numbers.next() as u8;
                }
                packet
            }
            _ => good[..(numbers.next() % good.len() as u64) as usize].to_vec(),
        };
        client.send_to(&packet, server()).unwrap();
    }
    for _ in 0..200 {
        let mut stream = world.connect();
        // It may close the connection before it has read all.
        let _ = stream.write_all(&numbers.bytes(3000));
    }
    let answerer = world.process();
    // Questions may be dropped while all that junk waits; resolvers ask again as well.
    let asked = wire::query(7, "uuid-a.web.default.dep.bosh", A);
    let client = world.client();
    world.until("a question is answered", || {
        let said = wire::udp(&client, server(), &asked, Duration::from_secs(1));
        said.is_some_and(|said| said.addresses == ["10.0.0.1"])
    });
    assert_eq!(
        world.ask_tcp("uuid-a.web.default.dep.bosh", A).addresses,
        ["10.0.0.1"]
    );
    assert_eq!(world.process(), answerer);
}

#[test]
fn idle_connections_are_bounded_and_hold_up_nobody() {
    let world = World::started();
    let held: Vec<TcpStream> = (0..64).map(|_| world.connect()).collect();
    assert_eq!(
        world.ask("uuid-a.web.default.dep.bosh", A).addresses,
        ["10.0.0.1"]
    );
    let asked = wire::query(1, "uuid-a.web.default.dep.bosh", A);
    // One too many is closed at once; when the others are gone, or have waited too long, there is
    // room again.
    assert!(wire::tcp(&mut world.connect(), &asked).is_err());
    drop(held);
    world.until("there is room", || {
        wire::tcp(&mut world.connect(), &asked).is_ok()
    });
}
