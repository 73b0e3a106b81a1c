//! Frames of the shim's socket: the same however they are cut, and the same bytes when written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_container_shim::frame::{Decoder, Frame, encode};
use warren_fuzz::cut;

fn all(pieces: &[&[u8]]) -> (Vec<Frame>, bool) {
    let (mut decoder, mut frames) = (Decoder::new(), Vec::new());
    for piece in pieces {
        decoder.feed(piece);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(_) => return (frames, true),
            }
        }
    }
    (frames, false)
}

fuzz_target!(|input: &[u8]| {
    let Some((whole, first, second)) = cut(input) else {
        return;
    };
    let (frames, broken) = all(&[whole]);
    assert_eq!(all(&[first, second]), (frames.clone(), broken));
    let mut bytes = Vec::new();
    for frame in &frames {
        encode(frame, &mut bytes).expect("it was short enough to come");
    }
    assert!(whole.starts_with(&bytes));
});
