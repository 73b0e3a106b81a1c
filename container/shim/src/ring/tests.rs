//! Who holds what for how long.

use proptest::prelude::*;

use super::*;

fn all(ring: &mut Ring, session: u32, now: Instant) -> Vec<u8> {
    let mut found = Vec::new();
    loop {
        let piece = ring.peek(session, 7).to_vec();
        if piece.is_empty() {
            return found;
        }
        ring.take(session, piece.len(), now);
        found.extend(piece);
    }
}

#[test]
fn nobody_listening_holds_nothing() {
    let now = Instant::now();
    let mut ring = Ring::with_capacity(8);
    for _ in 0..5 {
        ring.push(b"12345678", now);
        assert_eq!(ring.room(), 8);
    }
    ring.join(1, now);
    assert_eq!(ring.peek(1, 100), b"");
    ring.push(b"new", now);
    assert_eq!(all(&mut ring, 1, now), b"new");
}

#[test]
fn the_slowest_session_stops_the_pipe_and_leaving_frees_it() {
    let now = Instant::now();
    let mut ring = Ring::with_capacity(4);
    ring.join(1, now);
    ring.join(2, now);
    ring.push(b"abcd", now);
    assert_eq!(all(&mut ring, 1, now), b"abcd");
    assert_eq!(ring.room(), 0);
    ring.leave(2);
    assert_eq!(ring.room(), 4);
    assert_eq!(ring.deadline(), None);
}

#[test]
fn who_takes_nothing_for_too_long_is_moved_on_and_told() {
    let start = Instant::now();
    let mut ring = Ring::with_capacity(4);
    ring.join(1, start);
    ring.join(2, start);
    ring.push(b"abcd", start);
    ring.take(2, 1, start);
    assert_eq!(ring.deadline(), Some(start + PATIENCE));
    ring.expire(start + PATIENCE - Duration::from_millis(1));
    assert_eq!(ring.room(), 0);
    ring.expire(start + PATIENCE);
    // The other one was never behind by the whole ring.
    assert_eq!(ring.room(), 1);
    assert_eq!(ring.deadline(), None);
    assert!(!ring.is_through(1));
    // Until it takes that, nobody waits for it.
    ring.push(b"e", start);
    ring.take(2, 4, start);
    ring.push(b"fghi", start);
    ring.take(2, 4, start);
    assert_eq!(ring.room(), 4);
    assert_eq!((ring.take_lost(1, start), ring.take_lost(1, start)), (9, 0));
    assert!(ring.is_through(1));
    assert_eq!(ring.take_lost(2, start), 0);
    ring.push(b"j", start);
    assert_eq!(all(&mut ring, 1, start), b"j");
    assert_eq!(all(&mut ring, 2, start), b"j");
    assert_eq!(ring.deadline(), None);
}

#[test]
fn patience_begins_when_there_is_something_to_take() {
    let start = Instant::now();
    let later = start + 10 * PATIENCE;
    let mut ring = Ring::with_capacity(4);
    ring.join(1, start);
    ring.push(b"abcd", later);
    ring.expire(later);
    assert_eq!(ring.deadline(), Some(later + PATIENCE));
}

#[test]
fn an_idle_ring_has_no_memory() {
    let now = Instant::now();
    let mut ring = Ring::new();
    assert_eq!(ring.bytes.capacity(), 0);
    ring.join(1, now);
    ring.push(&vec![1; CAPACITY], now);
    assert_eq!(ring.room(), 0);
    all(&mut ring, 1, now);
    assert_eq!(ring.bytes.capacity(), 0);
}

#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Join(u32),
    Leave(u32),
    Take(u32, usize),
    Lost(u32),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let session = || 0u32..4;
    prop_oneof![
        (0usize..40).prop_map(Step::Push),
        session().prop_map(Step::Join),
        session().prop_map(Step::Leave),
        (session(), 0usize..40).prop_map(|(who, bytes)| Step::Take(who, bytes)),
        session().prop_map(Step::Lost),
        (0u64..40).prop_map(Step::Wait),
    ]
}

proptest! {
    /// Against the whole stream: whatever happens, a session gets exactly what came since it
    /// joined, but for what it is told that it has lost.
    #[test]
    fn each_session_gets_the_stream_from_where_it_joined(
        steps in proptest::collection::vec(any_step(), 0..200),
        capacity in 1usize..64,
    ) {
        let mut now = Instant::now();
        let mut ring = Ring::with_capacity(capacity);
        let mut stream: Vec<u8> = Vec::new();
        // Where each session is in the stream.
        let mut at: BTreeMap<u32, usize> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Push(bytes) => {
                    let bytes = bytes.min(ring.room());
                    let new: Vec<u8> = (0..bytes).map(|i| (stream.len() + i) as u8).collect();
                    ring.push(&new, now);
                    stream.extend(new);
                }
                Step::Join(who) => {
                    at.entry(who).or_insert_with(|| {
                        ring.join(who, now);
                        stream.len()
                    });
                }
                Step::Leave(who) => {
                    ring.leave(who);
                    at.remove(&who);
                }
                Step::Lost(who) => {
                    let lost = usize::try_from(ring.take_lost(who, now)).unwrap();
                    match at.get_mut(&who) {
                        None => prop_assert_eq!(lost, 0),
                        Some(at) => *at += lost,
                    }
                }
                Step::Take(who, limit) => {
                    let lost = usize::try_from(ring.take_lost(who, now)).unwrap();
                    if let Some(at) = at.get_mut(&who) {
                        *at += lost;
                    }
                    let piece = ring.peek(who, limit).to_vec();
                    prop_assert!(piece.len() <= limit);
                    ring.take(who, piece.len(), now);
                    match at.get_mut(&who) {
                        None => prop_assert!(piece.is_empty()),
                        Some(at) => {
                            prop_assert_eq!(&stream[*at..*at + piece.len()], &piece[..]);
                            *at += piece.len();
                            if limit > 0 && piece.is_empty() {
                                prop_assert_eq!(*at, stream.len());
                            }
                        }
                    }
                }
                Step::Wait(seconds) => {
                    now += Duration::from_secs(seconds);
                    ring.expire(now);
                }
            }
            for (who, at) in &at {
                prop_assert_eq!(ring.is_through(*who), *at == stream.len());
            }
            let slowest = at.values().copied().min().unwrap_or(stream.len());
            prop_assert!(ring.room() >= capacity.saturating_sub(stream.len() - slowest));
            if let Some(deadline) = ring.deadline() {
                prop_assert!(ring.room() == 0 && deadline > now - PATIENCE * 40);
            }
        }
    }
}
