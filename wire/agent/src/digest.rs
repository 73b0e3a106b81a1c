//! Digests as releases, specs and messages carry them: one or several algorithms in one text.
//!
//! ```text
//! multi  := digest (';' digest)*
//! digest := hex                      SHA-1
//!         | 'sha1:' hex | 'sha256:' hex | 'sha512:' hex
//! ```
//!
//! Only the strongest known one is to be verified. A digest of an unknown algorithm is kept and
//! never verified; a text with no known one is an error.

use std::fmt;

/// An algorithm, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Algorithm {
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    /// Every known algorithm, weakest first.
    pub const ALL: [Self; 3] = [Self::Sha1, Self::Sha256, Self::Sha512];

    /// The prefix without its colon.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sha1 => "sha1",
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }
}

/// One digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// How it was made.
    pub algorithm: Algorithm,
    /// Lower-case or upper-case hexadecimal, as given.
    pub hex: String,
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm {
            Algorithm::Sha1 => f.write_str(&self.hex),
            algorithm => write!(f, "{}:{}", algorithm.name(), self.hex),
        }
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DigestError {
    /// Nothing, or nothing between two semicolons.
    #[error("the digest is empty")]
    Empty,
    /// The same algorithm twice.
    #[error("the digest names {0} twice")]
    Twice(&'static str),
    /// Only algorithms that are not known.
    #[error("the digest names no known algorithm (sha1, sha256, sha512)")]
    Unknown,
    /// Not hexadecimal.
    #[error("the {0} digest is not hexadecimal")]
    NotHex(&'static str),
}

/// One or several digests of the same bytes; at least one of a known algorithm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiDigest {
    known: Vec<Digest>,
    text: String,
}

impl MultiDigest {
    /// Reads the text form.
    ///
    /// # Errors
    ///
    /// [`DigestError`].
    pub fn parse(text: &str) -> Result<Self, DigestError> {
        let mut known: Vec<Digest> = Vec::new();
        for part in text.split(';') {
            let part = part.trim();
            let (name, hex) = part.split_once(':').unwrap_or(("sha1", part));
            if hex.is_empty() {
                return Err(DigestError::Empty);
            }
            let Some(algorithm) = Algorithm::ALL.into_iter().find(|one| one.name() == name) else {
                continue;
            };
            if !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                return Err(DigestError::NotHex(algorithm.name()));
            }
            if known.iter().any(|digest| digest.algorithm == algorithm) {
                return Err(DigestError::Twice(algorithm.name()));
            }
            let hex = hex.to_owned();
            known.push(Digest { algorithm, hex });
        }
        if known.is_empty() {
            return Err(DigestError::Unknown);
        }
        let text = text.to_owned();
        Ok(Self { known, text })
    }

    /// The one to verify.
    #[must_use]
    pub fn strongest(&self) -> &Digest {
        let mut best = &self.known[0];
        for digest in &self.known[1..] {
            if digest.algorithm > best.algorithm {
                best = digest;
            }
        }
        best
    }

    /// The text it was read from; directory names are made of it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::{Algorithm, DigestError, MultiDigest};
    use proptest::prelude::*;

    #[test]
    fn the_strongest_counts() {
        let digest = MultiDigest::parse("aa;sha512:cc;sha256:bb;md9:zz").unwrap();
        assert_eq!(digest.strongest().algorithm, Algorithm::Sha512);
        assert_eq!(digest.strongest().to_string(), "sha512:cc");
        assert_eq!(
            MultiDigest::parse("AB").unwrap().strongest().to_string(),
            "AB"
        );
    }

    #[test]
    fn refusals() {
        use DigestError::{Empty, NotHex, Twice, Unknown};
        for (text, error) in [
            ("", Empty),
            ("aa;", Empty),
            ("sha256:", Empty),
            ("aa;sha1:bb", Twice("sha1")),
            ("md5:aa", Unknown),
            ("xyz", NotHex("sha1")),
        ] {
            assert_eq!(MultiDigest::parse(text).unwrap_err(), error, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn any_text_gives_an_answer(text in ".*") {
            if let Ok(digest) = MultiDigest::parse(&text) {
                prop_assert_eq!(digest.text(), text);
                let _ = digest.strongest();
            }
        }
    }
}
