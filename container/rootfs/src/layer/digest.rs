//! SHA-256 digests, as OCI writes them.

use std::fmt;
use std::io::Read;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::Digest as _;

/// A SHA-256 digest; its text is `sha256:` and 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Digest([u8; 32]);

/// Text that is no digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not sha256: and 64 lower-case hexadecimal digits")]
pub struct InvalidDigest {
    /// The text, cut short.
    pub text: String,
}

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        Self(sha2::Sha256::digest(bytes).into())
    }

    /// The 64 digits alone, which are a safe file name.
    pub fn hex(&self) -> String {
        self.0.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// From the 64 digits alone.
    ///
    /// # Errors
    /// [`InvalidDigest`].
    pub fn from_hex(text: &str) -> Result<Self, InvalidDigest> {
        let invalid = || InvalidDigest {
            text: text.chars().take(100).collect(),
        };
        let digit = |byte: u8| match byte {
            b'0'..=b'9' => Some(byte - b'0'),
            b'a'..=b'f' => Some(byte - b'a' + 10),
            _ => None,
        };
        let mut bytes = [0; 32];
        let (pairs, rest) = text.as_bytes().as_chunks::<2>();
        if pairs.len() != bytes.len() || !rest.is_empty() {
            return Err(invalid());
        }
        for (byte, pair) in bytes.iter_mut().zip(pairs) {
            let (high, low) = digit(pair[0]).zip(digit(pair[1])).ok_or_else(invalid)?;
            *byte = high << 4 | low;
        }
        Ok(Self(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256:{}", self.hex())
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, InvalidDigest> {
        let hex = text.strip_prefix("sha256:").ok_or_else(|| InvalidDigest {
            text: text.chars().take(100).collect(),
        })?;
        Self::from_hex(hex)
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl TryFrom<String> for Digest {
    type Error = InvalidDigest;

    fn try_from(text: String) -> Result<Self, InvalidDigest> {
        text.parse()
    }
}

/// The digest of a sequence of byte strings; two sequences have the same only if they are the same.
pub(crate) struct DigestOfMany(sha2::Sha256);

impl DigestOfMany {
    pub(crate) fn new(first: &[u8]) -> Self {
        let mut all = Self(sha2::Sha256::new());
        all.add(first);
        all
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        self.0.update((bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> Digest {
        Digest(self.0.finalize().into())
    }
}

/// Passes bytes on, computing their digest and number.
pub(crate) struct Hasher<R> {
    source: R,
    state: sha2::Sha256,
    bytes: u64,
}

impl<R: Read> Hasher<R> {
    pub(crate) fn new(source: R) -> Self {
        Self {
            source,
            state: sha2::Sha256::new(),
            bytes: 0,
        }
    }

    /// Digest and number of the bytes passed on so far.
    pub(crate) fn sum(&self) -> (Digest, u64) {
        (Digest(self.state.clone().finalize().into()), self.bytes)
    }
}

impl<R: Read> Read for Hasher<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.state.update(buffer.get(..read).unwrap_or_default());
        self.bytes += read as u64;
        Ok(read)
    }
}
