//! The codec: round trips, junk, layout.

use proptest::prelude::*;

use super::*;

fn any_frame() -> impl Strategy<Value = Frame> {
    let bytes = || proptest::collection::vec(any::<u8>(), 0..300);
    let stream = || prop_oneof![Just(Stream::Stdout), Just(Stream::Stderr)];
    prop_oneof![
        bytes().prop_map(Frame::Request),
        bytes().prop_map(Frame::Stdin),
        Just(Frame::StdinEnd),
        any::<(u16, u16)>().prop_map(|(columns, rows)| Frame::Window { columns, rows }),
        any::<i32>().prop_map(Frame::Signal),
        bytes().prop_map(Frame::Data),
        Just(Frame::End),
        bytes().prop_map(Frame::Ok),
        bytes().prop_map(Frame::Failed),
        (stream(), bytes()).prop_map(|(stream, bytes)| Frame::Output(stream, bytes)),
        (stream(), any::<u64>()).prop_map(|(stream, bytes)| Frame::Lost { stream, bytes }),
        Just(Frame::Detach),
        (stream(), any::<u64>()).prop_map(|(stream, bytes)| Frame::Delivered { stream, bytes }),
        any::<i32>().prop_map(|status| Frame::Exit(Exit::Status(status))),
        any::<i32>().prop_map(|signal| Frame::Exit(Exit::Signal(signal))),
    ]
}

fn drain(decoder: &mut Decoder) -> (Vec<Frame>, Option<Error>) {
    let mut frames = Vec::new();
    loop {
        match decoder.next_frame() {
            Ok(Some(frame)) => frames.push(frame),
            Ok(None) => return (frames, None),
            Err(error) => return (frames, Some(error)),
        }
    }
}

proptest! {
    #[test]
    fn what_is_encoded_comes_back_however_it_is_cut(
        frames in proptest::collection::vec(any_frame(), 0..20),
        cut in 1usize..700,
    ) {
        let mut bytes = Vec::new();
        for frame in &frames {
            encode(frame, &mut bytes).unwrap();
        }
        let mut decoder = Decoder::new();
        let mut found = Vec::new();
        for piece in bytes.chunks(cut) {
            decoder.feed(piece);
            let (more, error) = drain(&mut decoder);
            prop_assert_eq!(error, None);
            found.extend(more);
        }
        prop_assert_eq!(found, frames);
        prop_assert_eq!(decoder.buffered(), 0);
        prop_assert_eq!(decoder.bytes.capacity(), 0);
    }

    #[test]
    fn junk_is_the_same_however_it_is_cut(
        bytes in proptest::collection::vec(prop_oneof![0u8..24, any::<u8>()], 0..400),
        cut in 1usize..50,
    ) {
        let mut whole = Decoder::new();
        whole.feed(&bytes);
        let expected = drain(&mut whole);
        let mut decoder = Decoder::new();
        let mut found = (Vec::new(), None);
        for piece in bytes.chunks(cut) {
            decoder.feed(piece);
            let (frames, error) = drain(&mut decoder);
            found.0.extend(frames);
            found.1 = error;
        }
        prop_assert_eq!(found, expected);
    }

    #[test]
    fn the_blocking_reader_agrees(frame in any_frame(), rest in any::<[u8; 7]>()) {
        let mut bytes = Vec::new();
        write(&mut bytes, &frame).unwrap();
        bytes.extend_from_slice(&rest);
        let mut reader = &bytes[..];
        prop_assert_eq!(read(&mut reader).unwrap(), Some(frame));
        // Not one byte too many.
        prop_assert_eq!(reader, &rest[..]);
    }
}

#[test]
fn a_claimed_length_is_refused_before_its_bytes() {
    let mut decoder = Decoder::new();
    decoder.feed(&[18, 1, 0, 16, 0]);
    assert_eq!(
        decoder.next_frame(),
        Err(Error::TooLong(LONGEST as u64 + 1))
    );
    decoder.feed(&[3, 0, 0, 0, 0]);
    assert_eq!(
        decoder.next_frame(),
        Err(Error::TooLong(LONGEST as u64 + 1))
    );
    assert_eq!(decoder.buffered(), 0);
}

#[test]
fn the_longest_frame_passes_and_one_byte_more_does_not() {
    let mut bytes = Vec::new();
    encode(&Frame::Data(vec![7; LONGEST]), &mut bytes).unwrap();
    let length = bytes.len();
    assert_eq!(length, HEADER + LONGEST);
    let refused = encode(&Frame::Data(vec![7; LONGEST + 1]), &mut bytes);
    assert_eq!(refused, Err(Error::TooLong(LONGEST as u64 + 1)));
    assert_eq!(bytes.len(), length);
}

#[test]
fn the_layout_is_the_one_in_the_table() {
    let mut bytes = Vec::new();
    encode(&Frame::Exit(Exit::Signal(9)), &mut bytes).unwrap();
    assert_eq!(bytes, [21, 5, 0, 0, 0, 1, 9, 0, 0, 0]);
    bytes.clear();
    let window = Frame::Window {
        columns: 80,
        rows: 24,
    };
    encode(&window, &mut bytes).unwrap();
    assert_eq!(bytes, [4, 4, 0, 0, 0, 80, 0, 24, 0]);
    bytes.clear();
    let lost = Frame::Lost {
        stream: Stream::Stderr,
        bytes: 258,
    };
    encode(&lost, &mut bytes).unwrap();
    assert_eq!(bytes, [20, 9, 0, 0, 0, 2, 2, 1, 0, 0, 0, 0, 0, 0]);
    bytes.clear();
    let delivered = Frame::Delivered {
        stream: Stream::Stdout,
        bytes: 3,
    };
    encode(&delivered, &mut bytes).unwrap();
    encode(&Frame::Detach, &mut bytes).unwrap();
    let expected = [9, 9, 0, 0, 0, 1, 3, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0];
    assert_eq!(bytes, expected);
}

#[test]
fn a_hang_up_between_frames_is_the_end_and_inside_one_is_an_error() {
    assert_eq!(read(&[][..]).unwrap(), None);
    let error = read(&[18, 3, 0][..]).unwrap_err();
    assert!(matches!(error, ReadError::Io(_)), "{error}");
}
