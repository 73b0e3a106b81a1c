//! Chunked bodies: the same however they are cut, and what ends one is not taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_fuzz::cut;
use warren_garden_server::http::chunked::{ChunkError, Decoder, Piece};

/// The body, whether it has ended, and how much is left.
fn all(pieces: &[&[u8]]) -> Result<(Vec<u8>, bool, usize), ChunkError> {
    let (mut decoder, mut body) = (Decoder::default(), Vec::new());
    let mut left: usize = pieces.iter().map(|piece| piece.len()).sum();
    for piece in pieces {
        let mut input = *piece;
        loop {
            let before = input.len();
            let next = decoder.next(&mut input)?;
            left -= before - input.len();
            match next {
                Piece::Data(data) => {
                    assert!(!data.is_empty());
                    body.extend_from_slice(data);
                }
                Piece::End => return Ok((body, true, left)),
                Piece::More => break,
            }
        }
        assert!(input.is_empty());
    }
    Ok((body, false, left))
}

fuzz_target!(|input: &[u8]| {
    if let Some((whole, first, second)) = cut(input) {
        assert_eq!(all(&[whole]), all(&[first, second]));
        let bytes: Vec<&[u8]> = whole.chunks(1).collect();
        assert_eq!(all(&[whole]), all(&bytes));
    }
});
