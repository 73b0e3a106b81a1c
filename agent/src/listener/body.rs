//! The body of a request, as a reader that ends where it does.

use std::io::{self, BufRead, ErrorKind, Read};

use super::head::Length;

/// Longest line before a piece.
const LINE: u64 = 256;

/// See the module. A body that breaks off is an error, not an end.
pub struct Body<'a, R> {
    reader: &'a mut R,
    /// What is left of the body, or of the piece.
    left: u64,
    /// Whether pieces follow, and whether one came before.
    pieces: Option<bool>,
}

impl<'a, R: BufRead> Body<'a, R> {
    /// The body that begins where the reader is.
    pub fn new(reader: &'a mut R, length: Length) -> Self {
        let (left, pieces) = match length {
            Length::Bytes(count) => (count, None),
            Length::Chunked => (0, Some(false)),
        };
        Self {
            reader,
            left,
            pieces,
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.reader.by_ref().take(LINE).read_line(&mut line)?;
        match line.ends_with('\n') {
            true => Ok(line.trim_end().to_owned()),
            false => Err(ErrorKind::InvalidData.into()),
        }
    }

    /// The length of the next piece; 0 after the last one.
    fn next_piece(&mut self, is_first: bool) -> io::Result<u64> {
        if !is_first && !self.line()?.is_empty() {
            return Err(ErrorKind::InvalidData.into());
        }
        let line = self.line()?;
        let digits = line.split(';').next().unwrap_or_default().trim();
        let length = u64::from_str_radix(digits, 16);
        let length = length.map_err(|_| io::Error::from(ErrorKind::InvalidData))?;
        if length == 0 {
            // Lines after the last piece say nothing that is asked for.
            while !self.line()?.is_empty() {}
        }
        Ok(length)
    }
}

impl<R: BufRead> Read for Body<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0
            && let Some(later) = self.pieces
        {
            self.left = self.next_piece(!later)?;
            self.pieces = (self.left > 0).then_some(true);
        }
        if self.left == 0 || buffer.is_empty() {
            return Ok(0);
        }
        let most = usize::try_from(self.left)
            .unwrap_or(usize::MAX)
            .min(buffer.len());
        match self.reader.read(&mut buffer[..most])? {
            0 => Err(ErrorKind::UnexpectedEof.into()),
            count => {
                self.left -= count as u64;
                Ok(count)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{Body, Length};
    use proptest::prelude::*;

    fn all(bytes: &[u8], length: Length) -> Option<(Vec<u8>, usize)> {
        let (mut rest, mut body) = (bytes, Vec::new());
        Body::new(&mut rest, length).read_to_end(&mut body).ok()?;
        Some((body, rest.len()))
    }

    #[test]
    fn bodies_end_where_they_do() {
        assert_eq!(
            all(b"abcdef", Length::Bytes(4)).unwrap(),
            (b"abcd".to_vec(), 2)
        );
        assert_eq!(all(b"abc", Length::Bytes(4)), None);
        let pieces = b"3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: 1\r\n\r\nrest";
        assert_eq!(
            all(pieces, Length::Chunked).unwrap(),
            (b"abc0123456789".to_vec(), 4)
        );
        for broken in [
            "3\r\nab",
            "3\r\nabcd\r\n0\r\n\r\n",
            "x\r\n",
            "",
            "-1\r\n",
            "3\r\nabc\r\n0\r\n",
        ] {
            assert_eq!(all(broken.as_bytes(), Length::Chunked), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn junk_gives_an_answer(bytes: Vec<u8>) {
            let _ = all(&bytes, Length::Chunked);
        }
    }
}
