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
    let mut ring = Ring::with_capacity(8, PATIENCE);
    for _ in 0..5 {
        ring.push(b"12345678", now);
        assert_eq!(ring.room(), 8);
    }
    ring.join(1, false, now);
    assert_eq!(ring.peek(1, 100), b"");
    ring.push(b"new", now);
    assert_eq!(all(&mut ring, 1, now), b"new");
}

#[test]
fn the_slowest_session_stops_the_pipe_and_leaving_frees_it() {
    let now = Instant::now();
    let mut ring = Ring::with_capacity(4, PATIENCE);
    ring.join(1, false, now);
    ring.join(2, false, now);
    ring.push(b"abcd", now);
    assert_eq!(all(&mut ring, 1, now), b"abcd");
    assert_eq!(ring.room(), 0);
    ring.leave(2);
    assert_eq!(ring.room(), 4);
    assert_eq!(ring.deadline(true), None);
}

#[test]
fn who_takes_nothing_for_too_long_is_moved_on_and_told() {
    let start = Instant::now();
    let mut ring = Ring::with_capacity(4, PATIENCE);
    ring.join(1, false, start);
    ring.join(2, false, start);
    ring.push(b"abcd", start);
    ring.take(2, 1, start);
    assert_eq!(ring.deadline(true), Some(start + PATIENCE));
    ring.expire(true, start + PATIENCE - Duration::from_millis(1));
    assert_eq!(ring.room(), 0);
    ring.expire(true, start + PATIENCE);
    // The other one was never behind by the whole ring.
    assert_eq!(ring.room(), 1);
    assert_eq!(ring.deadline(true), None);
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
    assert_eq!(ring.deadline(true), None);
}

#[test]
fn patience_begins_when_there_is_something_to_take() {
    let start = Instant::now();
    let later = start + 10 * PATIENCE;
    let mut ring = Ring::with_capacity(4, PATIENCE);
    ring.join(1, false, start);
    ring.push(b"abcd", later);
    ring.expire(true, later);
    assert_eq!(ring.deadline(true), Some(later + PATIENCE));
}

#[test]
fn an_idle_ring_has_no_memory() {
    let now = Instant::now();
    let mut ring = Ring::new(PATIENCE);
    assert_eq!(ring.bytes.capacity(), 0);
    ring.join(1, false, now);
    ring.push(&vec![1; CAPACITY], now);
    assert_eq!(ring.room(), 0);
    all(&mut ring, 1, now);
    assert_eq!(ring.bytes.capacity(), 0);
}

/// All that a session is given, with what it is told that it has lost first.
fn told(ring: &mut Ring, session: u32, now: Instant) -> (u64, Vec<u8>) {
    (ring.take_lost(session, now), all(ring, session, now))
}

#[test]
fn who_is_cut_off_goes_on_after_what_was_delivered() {
    let now = Instant::now();
    let mut ring = Ring::with_capacity(8, PATIENCE);
    ring.join(1, true, now);
    ring.push(b"abcd", now);
    assert_eq!(all(&mut ring, 1, now), b"abcd");
    // That is on its way holds nobody back.
    assert_eq!(ring.room(), 8);
    ring.delivered(1, 3);
    ring.push(b"ef", now);
    ring.cut_off(1);
    ring.push(b"gh", now);
    assert_eq!((ring.room(), ring.unclaimed()), (8, Some((5, 0))));
    ring.join(2, true, now);
    assert_eq!(ring.unclaimed(), None);
    assert_eq!(told(&mut ring, 2, now), (0, b"defgh".to_vec()));
    ring.delivered(2, 5);
    assert_eq!(ring.bytes.len(), 0);
    // That was for one.
    ring.join(3, true, now);
    assert_eq!(all(&mut ring, 3, now), b"");
}

#[test]
fn what_is_too_much_to_keep_pushes_the_oldest_out_and_is_told() {
    let now = Instant::now();
    let mut ring = Ring::with_capacity(4, PATIENCE);
    ring.join(1, true, now);
    ring.cut_off(1);
    for piece in [b"abc", b"def", b"ghi"] {
        ring.push(piece, now);
        assert_eq!(ring.room(), 4);
    }
    assert_eq!(ring.unclaimed(), Some((4, 5)));
    ring.join(2, true, now);
    assert_eq!(told(&mut ring, 2, now), (5, b"fghi".to_vec()));
    // Who leaves for good leaves nothing.
    ring.leave(2);
    ring.push(b"jkl", now);
    assert_eq!((ring.unclaimed(), ring.bytes.len()), (None, 0));
}

#[test]
fn what_a_slow_session_had_not_been_given_is_kept_though_it_is_more_than_a_ring() {
    let now = Instant::now();
    let mut ring = Ring::with_capacity(4, PATIENCE);
    ring.join(1, true, now);
    ring.push(b"abcd", now);
    ring.take(1, 4, now);
    ring.push(b"efgh", now);
    ring.cut_off(1);
    assert_eq!(ring.unclaimed(), Some((8, 0)));
    ring.push(b"ij", now);
    ring.join(2, true, now);
    // It holds the process back until it has caught up.
    assert_eq!(ring.room(), 0);
    assert_eq!(told(&mut ring, 2, now), (2, b"cdefghij".to_vec()));
    assert_eq!(ring.room(), 4);
}

#[test]
fn several_that_are_cut_off_all_come_back_to_where_the_slowest_was() {
    let start = Instant::now();
    let mut ring = Ring::with_capacity(8, PATIENCE);
    for session in 1..=3 {
        ring.join(session, true, start);
    }
    ring.push(b"abcd", start);
    for session in 1..=3 {
        ring.take(session, 4, start);
    }
    // The third fetches nothing, and so misses nothing.
    ring.delivered(1, 3);
    ring.delivered(2, 2);
    for session in [3, 1, 2] {
        ring.cut_off(session);
    }
    ring.join(4, true, start);
    assert_eq!(all(&mut ring, 4, start), b"cd");
    ring.join(5, true, start);
    assert_eq!(all(&mut ring, 5, start), b"cd");
    // One is still away, but not for ever.
    assert_eq!(ring.deadline(true), Some(start + RETURN));
    ring.expire(true, start + RETURN);
    assert_eq!((ring.deadline(true), ring.unclaimed()), (None, None));
    ring.join(6, true, start);
    assert_eq!(all(&mut ring, 6, start), b"");
}

#[test]
fn a_session_that_cannot_be_resumed_holds_nothing_when_it_ends() {
    let now = Instant::now();
    let mut ring = Ring::with_capacity(8, PATIENCE);
    ring.join(1, false, now);
    ring.push(b"abcd", now);
    ring.take(1, 2, now);
    assert_eq!(ring.bytes.len(), 2);
    ring.leave(1);
    assert_eq!((ring.bytes.len(), ring.unclaimed()), (0, None));
}

#[derive(Debug, Clone)]
enum Step {
    Push(usize),
    Join(u32, bool),
    Leave(u32),
    CutOff(u32),
    Take(u32, usize),
    Delivered(u32, usize),
    Lost(u32),
    Wait(u64),
}

fn any_step() -> impl Strategy<Value = Step> {
    let session = || 0u32..4;
    prop_oneof![
        (0usize..40).prop_map(Step::Push),
        (session(), any::<bool>()).prop_map(|(who, resumes)| Step::Join(who, resumes)),
        session().prop_map(Step::Leave),
        session().prop_map(Step::CutOff),
        (session(), 0usize..40).prop_map(|(who, bytes)| Step::Take(who, bytes)),
        (session(), 0usize..40).prop_map(|(who, bytes)| Step::Delivered(who, bytes)),
        session().prop_map(Step::Lost),
        (0u64..40).prop_map(Step::Wait),
    ]
}

/// Where a session is in the stream.
#[derive(Debug)]
struct Reader {
    at: usize,
    resumes: bool,
    /// Places of the bytes that it has taken and not delivered.
    in_flight: VecDeque<usize>,
    /// Where it went on after a loss.
    floor: usize,
}

impl Reader {
    fn lose(&mut self, bytes: u64) {
        self.at += usize::try_from(bytes).unwrap();
        if bytes > 0 {
            self.floor = self.at;
        }
    }

    /// Where another has to go on, if this one is cut off. `is_owed`: a notice of a loss.
    fn resumes_at(&self, is_owed: bool, capacity: usize) -> usize {
        if is_owed {
            return self.at;
        }
        let first = self.in_flight.iter().copied();
        let first = first.filter(|place| *place >= self.floor).min();
        let most = self.at.saturating_sub(IN_FLIGHT * capacity);
        first.unwrap_or(self.at).max(most)
    }
}

proptest! {
    /// Against the whole stream: whatever happens, a session gets exactly what came since it
    /// joined, or since the one before was cut off, but for what it is told that it has lost.
    #[test]
    fn each_session_gets_the_stream_from_where_it_joined(
        steps in proptest::collection::vec(any_step(), 0..200),
        capacity in 1usize..64,
    ) {
        let mut now = Instant::now();
        let mut ring = Ring::with_capacity(capacity, PATIENCE);
        let mut stream: Vec<u8> = Vec::new();
        let mut readers: BTreeMap<u32, Reader> = BTreeMap::new();
        // Where the next one goes on. One at a time: then it is known who comes back.
        let mut place: Option<usize> = None;
        for step in steps {
            match step {
                Step::Push(bytes) => {
                    let bytes = bytes.min(ring.room());
                    let new: Vec<u8> = (0..bytes).map(|i| (stream.len() + i) as u8).collect();
                    ring.push(&new, now);
                    stream.extend(new);
                }
                Step::Join(who, resumes) => {
                    readers.entry(who).or_insert_with(|| {
                        ring.join(who, resumes, now);
                        let at = place.take().unwrap_or(stream.len());
                        Reader { at, resumes, in_flight: VecDeque::new(), floor: at }
                    });
                }
                Step::Leave(who) => {
                    ring.leave(who);
                    readers.remove(&who);
                }
                Step::CutOff(who) => {
                    if place.is_none() && let Some(reader) = readers.remove(&who) {
                        let is_owed = ring.cursors[&who].lost > 0;
                        place = Some(reader.resumes_at(is_owed, capacity));
                        ring.cut_off(who);
                    }
                }
                Step::Lost(who) => {
                    let lost = ring.take_lost(who, now);
                    match readers.get_mut(&who) {
                        None => prop_assert_eq!(lost, 0),
                        Some(reader) => reader.lose(lost),
                    }
                }
                Step::Take(who, limit) => {
                    let lost = ring.take_lost(who, now);
                    if let Some(reader) = readers.get_mut(&who) {
                        reader.lose(lost);
                    }
                    let piece = ring.peek(who, limit).to_vec();
                    prop_assert!(piece.len() <= limit);
                    ring.take(who, piece.len(), now);
                    match readers.get_mut(&who) {
                        None => prop_assert!(piece.is_empty()),
                        Some(reader) => {
                            let next = reader.at + piece.len();
                            prop_assert_eq!(&stream[reader.at..next], &piece[..]);
                            if reader.resumes {
                                reader.in_flight.extend(reader.at..next);
                            }
                            reader.at = next;
                            if limit > 0 && piece.is_empty() {
                                prop_assert_eq!(reader.at, stream.len());
                            }
                        }
                    }
                }
                Step::Delivered(who, bytes) => {
                    ring.delivered(who, bytes as u64);
                    if let Some(reader) = readers.get_mut(&who) {
                        reader.in_flight.drain(..bytes.min(reader.in_flight.len()));
                    }
                }
                Step::Wait(seconds) => {
                    now += Duration::from_secs(seconds);
                    ring.expire(true, now);
                }
            }
            for (who, reader) in &readers {
                prop_assert_eq!(ring.is_through(*who), reader.at == stream.len());
            }
            let slowest = readers.values().map(|reader| reader.at).min();
            let slowest = slowest.unwrap_or(stream.len());
            prop_assert!(ring.room() >= capacity.saturating_sub(stream.len() - slowest));
            prop_assert!(ring.bytes.len() <= (1 + IN_FLIGHT) * capacity);
            let is_missed = place.is_some_and(|place| place < stream.len());
            prop_assert_eq!(ring.unclaimed().is_some(), is_missed);
            if let Some(deadline) = ring.deadline(true) {
                prop_assert!(ring.room() == 0 && deadline > now - PATIENCE * 40);
            }
        }
    }
}
