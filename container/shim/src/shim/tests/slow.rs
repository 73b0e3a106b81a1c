//! Readers that are slow, dead or not there.

use super::*;
use crate::exit::Exit;
use crate::ring::CAPACITY;

/// How long a session that takes nothing is waited for here.
const PATIENCE: Duration = Duration::from_secs(1);
/// A ring many times over.
const MORE: usize = 16 << 20;

/// More than a ring, a pipe and a socket hold together.
const MUCH: usize = 4 << 20;

fn much() -> String {
    bytes(MUCH)
}

fn bytes(count: usize) -> String {
    format!("head -c {count} /dev/zero; echo end; exit 2")
}

fn impatient() -> World {
    World::with(Times {
        reading: PATIENCE,
        ..Times::default()
    })
}

#[test]
fn output_is_drained_though_nobody_reads() {
    let world = World::new();
    let session = world.shell(&much());
    let id = session.id.clone();
    drop(session);
    eventually("the process ends", || {
        let all = world.depot.processes(HANDLE).unwrap();
        all.iter().any(|each| each.id == id && each.exit.is_some())
    });
}

#[test]
fn a_slow_reader_gets_everything() {
    let world = World::new();
    let session = world.shell(&much());
    let (mut got, mut exit) = (0, None);
    // The process has to wait for us: it cannot have ended before half has been read.
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(world.depot.processes(HANDLE).unwrap()[0].exit, None);
    while exit.is_none() {
        match session.receive().unwrap().unwrap() {
            Frame::Output(Stream::Stdout, bytes) => got += bytes.len(),
            Frame::Exit(found) => exit = Some(found),
            other => panic!("{other:?}"),
        }
        if got < CAPACITY {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    assert_eq!((got, exit), (MUCH + 4, Some(Exit::Status(2))));
}

#[test]
fn a_dead_reader_stops_others_for_a_time_only_and_is_told_what_it_lost() {
    let world = impatient();
    let dead = world.shell(&format!("read x; {}", bytes(MORE)));
    let live = world.attach(&dead.id);
    dead.send(&Frame::Stdin(b"\n".to_vec())).unwrap();
    let begun = Instant::now();
    let outcome = live.wait().unwrap();
    assert_eq!((outcome.stdout.len(), outcome.lost), (MORE + 4, 0));
    // Once, not for every ring that is full, which takes 14 times as long.
    assert!(begun.elapsed() >= PATIENCE, "{:?}", begun.elapsed());
    assert!(begun.elapsed() < 10 * PATIENCE, "{:?}", begun.elapsed());
    let outcome = dead.wait().unwrap();
    assert!(outcome.lost >= CAPACITY as u64, "{}", outcome.lost);
    assert_eq!(outcome.stdout.len() as u64 + outcome.lost, MORE as u64 + 4);
    assert_eq!(outcome.exit, Exit::Status(2));
}

#[test]
fn a_reader_that_dies_frees_the_process() {
    let world = World::new();
    let first = world.shell(&much());
    let id = first.id.clone();
    let other = world.attach(&id);
    std::thread::sleep(Duration::from_millis(100));
    drop(first);
    let outcome = other.wait().unwrap();
    assert_eq!(outcome.exit, Exit::Status(2));
}

#[test]
fn a_reader_may_take_its_time_when_nobody_waits_for_it() {
    let world = impatient();
    // More than the socket holds, so that the ring is full to the brim and the pipe empty.
    let session = world.shell(&format!("head -c {CAPACITY} /dev/zero; exit 2"));
    eventually("the process ends", || {
        world.depot.processes(HANDLE).unwrap()[0].exit.is_some()
    });
    std::thread::sleep(2 * PATIENCE);
    let outcome = session.wait().unwrap();
    assert_eq!((outcome.stdout.len(), outcome.lost), (CAPACITY, 0));
    assert_eq!(outcome.exit, Exit::Status(2));
}
