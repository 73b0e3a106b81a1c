//! The chunked transfer coding (RFC 9112, section 7.1), out of bytes that came in any pieces.
//!
//! ```text
//!           digits          LF           bytes          CR LF
//! Size ───────────► Line ────────► Data ───────► AfterData ──► Size
//!                     │ size 0, LF
//!                     ▼                 empty line
//!                  Trailer ──────────────────────────────────► Done
//! ```

/// Most bytes of a chunk's size line, and of all trailers together.
pub const MAX_LINE: usize = 8 << 10;

/// Not the chunked coding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// A chunk's size is no hexadecimal number of 64 bits.
    #[error("malformed chunk size")]
    Size,
    /// A chunk has more bytes than its size says.
    #[error("malformed end of a chunk")]
    End,
    /// A line is longer than [`MAX_LINE`].
    #[error("chunk line is too long")]
    TooLong,
}

/// What came next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Bytes of the body; never empty.
    Data(&'a [u8]),
    /// The body is complete; what is left of the input is not part of it.
    End,
    /// All input is used up.
    More,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Size {
        digits: u8,
    },
    /// Extensions, and blanks before them.
    Line,
    Data,
    AfterData,
    /// At the start of a line, perhaps past a CR.
    Trailer {
        empty: bool,
    },
    Done,
}

/// Takes the coding off.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    /// Size of the chunk while it is read, then what is left of it.
    left: u64,
    /// Bytes of the current line, or of all trailers.
    line: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self {
            state: State::Size { digits: 0 },
            left: 0,
            line: 0,
        }
    }
}

impl Decoder {
    /// Takes the next piece off the front of `input`.
    ///
    /// # Errors
    /// [`ChunkError`]; the body cannot be read any further.
    pub fn next<'a>(&mut self, input: &mut &'a [u8]) -> Result<Piece<'a>, ChunkError> {
        loop {
            if self.state == State::Done {
                return Ok(Piece::End);
            }
            let Some((first, rest)) = input.split_first() else {
                return Ok(Piece::More);
            };
            if self.state == State::Data {
                let most = usize::try_from(self.left).unwrap_or(usize::MAX);
                let (data, rest) = input.split_at(most.min(input.len()));
                *input = rest;
                self.left -= data.len() as u64;
                if self.left == 0 {
                    self.state = State::AfterData;
                    self.line = 0;
                }
                return Ok(Piece::Data(data));
            }
            *input = rest;
            self.line += 1;
            if self.line > MAX_LINE {
                return Err(ChunkError::TooLong);
            }
            self.byte(*first)?;
        }
    }

    fn byte(&mut self, byte: u8) -> Result<(), ChunkError> {
        self.state = match (self.state, byte) {
            (State::Size { digits }, _) if byte.is_ascii_hexdigit() => {
                let digit = char::from(byte).to_digit(16).unwrap_or_default();
                if self.left >> 60 != 0 {
                    return Err(ChunkError::Size);
                }
                self.left = self.left << 4 | u64::from(digit);
                State::Size {
                    digits: digits.saturating_add(1),
                }
            }
            (State::Size { digits: 0 }, _) => return Err(ChunkError::Size),
            (State::Size { .. }, b';' | b' ' | b'\t' | b'\r') | (State::Line, 0..=9 | 11..) => {
                State::Line
            }
            (State::Size { .. } | State::Line, b'\n') => {
                self.line = 0;
                match self.left {
                    0 => State::Trailer { empty: true },
                    _ => State::Data,
                }
            }
            (State::Size { .. }, _) => return Err(ChunkError::Size),
            (State::AfterData, b'\r') if self.line == 1 => State::AfterData,
            (State::AfterData, b'\n') => {
                self.line = 0;
                State::Size { digits: 0 }
            }
            (State::AfterData, _) => return Err(ChunkError::End),
            (State::Trailer { empty: true }, b'\n') => State::Done,
            (State::Trailer { .. }, b'\n') => State::Trailer { empty: true },
            (State::Trailer { empty: true }, b'\r') => State::Trailer { empty: true },
            (State::Trailer { .. }, _) => State::Trailer { empty: false },
            (state @ (State::Data | State::Done), _) => state,
        };
        Ok(())
    }
}

/// The line before `length` bytes; a chunk of no bytes would end the body.
#[must_use]
pub fn size_line(length: usize) -> String {
    format!("{length:x}\r\n")
}

/// What follows the last chunk.
pub const END: &[u8] = b"0\r\n\r\n";

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Body and what is left behind its end, when `pieces` come one after the other.
    fn decode(pieces: &[&[u8]]) -> Result<(Vec<u8>, Option<Vec<u8>>), ChunkError> {
        let mut decoder = Decoder::default();
        let mut body = Vec::new();
        let mut behind: Option<Vec<u8>> = None;
        for piece in pieces {
            let mut input = *piece;
            if let Some(behind) = &mut behind {
                behind.extend_from_slice(input);
                continue;
            }
            loop {
                match decoder.next(&mut input)? {
                    Piece::Data(data) => {
                        assert!(!data.is_empty());
                        body.extend_from_slice(data);
                    }
                    Piece::More => break,
                    Piece::End => {
                        behind = Some(input.to_vec());
                        break;
                    }
                }
            }
        }
        Ok((body, behind))
    }

    const TEXT: &[u8] =
        b"5;a=\"b\"\r\nhello\r\nC \r\n, big\r\nworld\r\n0\r\nTrailer: x\r\nOther: y\r\n\r\nGET /";

    #[test]
    fn every_boundary_gives_the_same_body() {
        for at in 0..=TEXT.len() {
            let (first, second) = TEXT.split_at(at);
            let (body, behind) = decode(&[first, second]).unwrap();
            assert_eq!(body, b"hello, big\r\nworld", "split at {at}");
            assert_eq!(
                behind.as_deref(),
                Some(b"GET /".as_slice()),
                "split at {at}"
            );
        }
        let single: Vec<&[u8]> = TEXT.chunks(1).collect();
        assert_eq!(decode(&single).unwrap().0, b"hello, big\r\nworld");
    }

    #[test]
    fn what_is_no_chunk_is_refused() {
        assert_eq!(decode(&[b"x\r\n"]), Err(ChunkError::Size));
        assert_eq!(decode(&[b"\r\n"]), Err(ChunkError::Size));
        assert_eq!(decode(&[b"5x\r\nhello"]), Err(ChunkError::Size));
        assert_eq!(decode(&[b"3\r\nhello"]), Err(ChunkError::End));
        assert_eq!(decode(&[b"11111111111111111\r\n"]), Err(ChunkError::Size));
        let long = [b"1;".to_vec(), vec![b'a'; MAX_LINE]].concat();
        assert_eq!(decode(&[&long]), Err(ChunkError::TooLong));
        let trailers = [b"0\r\n".to_vec(), b"a: b\r\n".repeat(MAX_LINE)].concat();
        assert_eq!(decode(&[&trailers]), Err(ChunkError::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_chunked_comes_back(
            chunks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 1..80), 0..8),
            step in 1_usize..40,
        ) {
            let mut wire = Vec::new();
            for chunk in &chunks {
                wire.extend_from_slice(size_line(chunk.len()).as_bytes());
                wire.extend_from_slice(chunk);
                wire.extend_from_slice(b"\r\n");
            }
            wire.extend_from_slice(END);
            let pieces: Vec<&[u8]> = wire.chunks(step).collect();
            let (body, behind) = decode(&pieces).unwrap();
            prop_assert_eq!(body, chunks.concat());
            prop_assert_eq!(behind, Some(Vec::new()));
        }

        #[test]
        fn any_bytes_are_chunks_or_an_error(
            bytes in proptest::collection::vec(any::<u8>(), 0..200),
            step in 1_usize..20,
        ) {
            let pieces: Vec<&[u8]> = bytes.chunks(step).collect();
            if let Ok((body, _)) = decode(&pieces) {
                prop_assert!(body.len() <= bytes.len());
            }
        }
    }
}
