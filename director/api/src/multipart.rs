//! `multipart/form-data` with a file in it, as other clients than the stock one send uploads.
//!
//! The first part with a `filename` is the file; fields are passed over, above all the one in which
//! stock's proxy names a path: who sends a request does not choose what the director reads.
//!
//! ```text
//! before ──delimiter──► head ──blank line──► file ──delimiter──► over
//!                        ▲ └──────────────► field ─┘ (delimiter)
//!                        └──────────────────────┘
//! ```
//!
//! Bytes come in pieces of any size; what is kept between them is at most a head or a delimiter.

/// The longest head of a part, and the longest boundary's double.
const LONGEST_HEAD: usize = 16 << 10;

/// A body that is none of this kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidMultipart {
    /// A part's head has no end.
    #[error("a part of the request's body has a head of more than {LONGEST_HEAD} bytes")]
    Head,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Before,
    Head,
    Field,
    File,
    Over,
}

/// Finds the file in a body that comes piece by piece.
#[derive(Debug)]
pub struct Multipart {
    delimiter: Vec<u8>,
    kept: Vec<u8>,
    state: State,
}

/// The boundary of a `Content-Type`, if that is `multipart/form-data`.
#[must_use]
pub fn boundary(kind: &str) -> Option<String> {
    let mut parts = kind.split(';');
    if !parts
        .next()?
        .trim()
        .eq_ignore_ascii_case("multipart/form-data")
    {
        return None;
    }
    let value = parts.find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("boundary")
            .then_some(value)
    })?;
    let value = value.trim().trim_matches('"');
    (!value.is_empty() && value.len() <= 200).then(|| value.to_owned())
}

impl Multipart {
    /// A body with this boundary.
    #[must_use]
    pub fn new(boundary: &str) -> Self {
        Self {
            delimiter: format!("\r\n--{boundary}").into_bytes(),
            // The first delimiter has no line before it.
            kept: b"\r\n".to_vec(),
            state: State::Before,
        }
    }

    /// Whether the file has come to its end.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    /// Takes the next piece; the file's bytes in it are appended to `out`.
    ///
    /// # Errors
    /// [`InvalidMultipart`].
    pub fn feed(&mut self, piece: &[u8], out: &mut Vec<u8>) -> Result<(), InvalidMultipart> {
        if self.is_over() {
            return Ok(());
        }
        self.kept.extend_from_slice(piece);
        loop {
            match self.state {
                State::Over => {
                    self.kept = Vec::new();
                    return Ok(());
                }
                State::Head => {
                    let Some(end) = find(&self.kept, b"\r\n\r\n") else {
                        return match self.kept.len() > LONGEST_HEAD {
                            true => Err(InvalidMultipart::Head),
                            false => Ok(()),
                        };
                    };
                    let head = String::from_utf8_lossy(&self.kept[..end]).to_ascii_lowercase();
                    let is_file = head.lines().any(|line| {
                        line.starts_with("content-disposition:") && line.contains("filename")
                    });
                    self.state = if is_file { State::File } else { State::Field };
                    self.kept.drain(..end + 4);
                }
                State::Before | State::Field | State::File => {
                    let is_file = self.state == State::File;
                    let Some(end) = find(&self.kept, &self.delimiter) else {
                        let keep = self.delimiter.len().min(self.kept.len());
                        let done = self.kept.len() - keep;
                        if is_file {
                            out.extend_from_slice(&self.kept[..done]);
                        }
                        self.kept.drain(..done);
                        return Ok(());
                    };
                    if is_file {
                        out.extend_from_slice(&self.kept[..end]);
                        self.state = State::Over;
                    } else {
                        self.kept.drain(..end + self.delimiter.len());
                        self.state = State::Head;
                    }
                }
            }
        }
    }
}

fn find(within: &[u8], wanted: &[u8]) -> Option<usize> {
    within
        .windows(wanted.len())
        .position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(body: &[u8], piece: usize) -> Option<Vec<u8>> {
        let mut parts = Multipart::new("b");
        let mut out = Vec::new();
        for piece in body.chunks(piece) {
            parts.feed(piece, &mut out).unwrap();
        }
        parts.is_over().then_some(out)
    }

    fn body(content: &str) -> String {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"nginx_upload_path\"\r\n\r\n/etc/passwd\r\n\
             --b\r\nContent-Disposition: form-data; name=\"x\"; filename=\"r.tgz\"\r\n\
             Content-Type: application/x-compressed\r\n\r\n{content}\r\n--b--\r\n"
        )
    }

    #[test]
    fn the_file_is_found_in_pieces_of_any_size() {
        for content in ["", "abc", "a\r\n--c\r\n\r\nb", "\r\n\r\n", "\r\n-"] {
            for piece in 1..80 {
                assert_eq!(
                    file(body(content).as_bytes(), piece).unwrap(),
                    content.as_bytes()
                );
            }
        }
        let fields = "--b\r\nContent-Disposition: form-data; name=\"nginx_upload_path\"\r\n\r\n/etc/passwd\r\n--b--\r\n";
        assert_eq!(file(fields.as_bytes(), 7), None);
        assert_eq!(file(b"", 1), None);
    }

    #[test]
    fn boundaries_are_found() {
        assert_eq!(
            boundary("multipart/form-data; boundary=\"x y\"").as_deref(),
            Some("x y")
        );
        assert_eq!(
            boundary("Multipart/Form-Data;a=b; Boundary=z").as_deref(),
            Some("z")
        );
        assert_eq!(boundary("multipart/form-data"), None);
        assert_eq!(boundary("application/x-compressed; boundary=z"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_have_an_answer(text in "(--b|\r\n|-|filename|content-disposition:|[a-z]){0,60}", piece in 1_usize..9) {
            prop_assert_eq!(file(text.as_bytes(), piece), file(text.as_bytes(), text.len().max(1)));
            let mut parts = Multipart::new("b");
            let mut out = Vec::new();
            for piece in text.as_bytes().chunks(piece) {
                let _ = parts.feed(piece, &mut out);
            }
            prop_assert!(out.len() <= text.len());
        }
    }
}
