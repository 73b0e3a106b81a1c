//! Digests of archives: several algorithms in one text.
//!
//! `sha1` fields hold parts between semicolons, each `ALGORITHM:HEX`, or bare hexadecimal digits
//! for SHA-1. The strongest known algorithm counts. Source: `bosh-utils`, package `crypto`.

use std::fmt;
use std::str::FromStr;

/// How a digest is computed, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Algorithm {
    /// 160 bits.
    Sha1,
    /// 256 bits.
    Sha256,
    /// 512 bits.
    Sha512,
}

impl Algorithm {
    /// Its name in a digest's text.
    pub fn name(self) -> &'static str {
        match self {
            Algorithm::Sha1 => "sha1",
            Algorithm::Sha256 => "sha256",
            Algorithm::Sha512 => "sha512",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        let all = [Algorithm::Sha1, Algorithm::Sha256, Algorithm::Sha512];
        all.into_iter().find(|one| one.name() == name)
    }

    fn digits(self) -> usize {
        match self {
            Algorithm::Sha1 => 40,
            Algorithm::Sha256 => 64,
            Algorithm::Sha512 => 128,
        }
    }
}

/// One digest.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

impl Digest {
    /// From its bytes; `None` where they are not as many as the algorithm gives.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Option<Self> {
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        (hex.len() == algorithm.digits()).then_some(Self { algorithm, hex })
    }

    /// How it was computed.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// Lower-case hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.hex
    }
}

impl fmt::Display for Digest {
    /// SHA-1 without its name, as ever.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.algorithm {
            Algorithm::Sha1 => f.write_str(&self.hex),
            other => write!(f, "{}:{}", other.name(), self.hex),
        }
    }
}

/// A text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDigest {
    /// No part of it is of a known algorithm.
    #[error("{text:?} has no digest of a known algorithm (sha1, sha256, sha512)")]
    Unknown {
        /// The text, cut short.
        text: String,
    },
    /// A part is not as many hexadecimal digits as it should be.
    #[error("{text:?} does not have the hexadecimal digits of a digest of {algorithm}")]
    Digits {
        /// The part, cut short.
        text: String,
        /// Of which algorithm.
        algorithm: &'static str,
    },
    /// Two digests of one algorithm.
    #[error("there are two digests of {algorithm}")]
    Twice {
        /// Of which algorithm.
        algorithm: &'static str,
    },
}

/// Digests of the same bytes by different algorithms; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MultiDigest(Vec<Digest>);

impl MultiDigest {
    /// The one that counts.
    pub fn strongest(&self) -> &Digest {
        // Kept in order, never empty.
        &self.0[self.0.len() - 1]
    }

    /// All of them, weakest first.
    pub fn all(&self) -> &[Digest] {
        &self.0
    }
}

impl From<Digest> for MultiDigest {
    fn from(digest: Digest) -> Self {
        Self(vec![digest])
    }
}

impl FromStr for MultiDigest {
    type Err = InvalidDigest;

    /// Parts of unknown algorithms are passed over, if there is a known one.
    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let mut all: Vec<Digest> = Vec::new();
        for part in text.split(';') {
            let part = part.trim();
            let (name, hex) = part.split_once(':').unwrap_or(("sha1", part));
            let Some(algorithm) = Algorithm::from_name(name) else {
                continue;
            };
            let is_hex = hex.bytes().all(|byte| byte.is_ascii_hexdigit());
            if !is_hex || hex.len() != algorithm.digits() {
                return Err(InvalidDigest::Digits {
                    text: part.chars().take(150).collect(),
                    algorithm: algorithm.name(),
                });
            }
            if all.iter().any(|one| one.algorithm == algorithm) {
                return Err(InvalidDigest::Twice {
                    algorithm: algorithm.name(),
                });
            }
            let hex = hex.to_ascii_lowercase();
            all.push(Digest { algorithm, hex });
        }
        all.sort_by_key(|one| one.algorithm);
        if all.is_empty() {
            return Err(InvalidDigest::Unknown {
                text: text.chars().take(150).collect(),
            });
        }
        Ok(Self(all))
    }
}

impl fmt::Display for MultiDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, one) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(";")?;
            }
            one.fmt(f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SHA1: &str = "da39a3ee5e6b4b0d3255bfef95601890afd80709";

    #[test]
    fn the_strongest_known_counts() {
        let sha256 = "0".repeat(64);
        let text = format!("sha256:{sha256};{SHA1};md5:x");
        let multi: MultiDigest = text.parse().unwrap();
        assert_eq!(multi.strongest().to_string(), format!("sha256:{sha256}"));
        assert_eq!(multi.to_string(), format!("{SHA1};sha256:{sha256}"));
        let named: MultiDigest = format!("sha1:{}", SHA1.to_uppercase()).parse().unwrap();
        assert_eq!(named.to_string(), SHA1);
    }

    #[test]
    fn what_is_no_digest() {
        for (text, expected) in [
            ("", "does not have the hexadecimal digits"),
            ("md5:00", "known algorithm"),
            ("sha256:00", "does not have the hexadecimal digits"),
            (&format!("{SHA1};sha1:{SHA1}"), "two digests of sha1"),
        ] {
            let error = text.parse::<MultiDigest>().unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn junk(text in "[a-f0-9:;sha12 ]{0,90}") {
            if let Ok(multi) = text.parse::<MultiDigest>() {
                prop_assert_eq!(multi.to_string().parse::<MultiDigest>().unwrap(), multi);
            }
        }
    }
}
