//! Digests of streams by all algorithms that may be asked for.

use std::io::{self, Read, Write};
use std::path::Path;

use sha1::Digest as _;
use warren_wire_release::{Algorithm, Digest, MultiDigest};

/// Computes digests of what it is given.
#[derive(Clone, Default)]
pub struct Hasher {
    sha1: sha1::Sha1,
    sha256: sha2::Sha256,
    sha512: sha2::Sha512,
    bytes: u64,
}

impl std::fmt::Debug for Hasher {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Hasher({} bytes)", self.bytes)
    }
}

impl Hasher {
    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha1.update(bytes);
        self.sha256.update(bytes);
        self.sha512.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// What has come so far.
    pub fn sums(&self) -> Sums {
        Sums {
            sha1: self.sha1.clone().finalize().into(),
            sha256: self.sha256.clone().finalize().into(),
            sha512: self.sha512.clone().finalize().into(),
            bytes: self.bytes,
        }
    }
}

/// Digests and number of some bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sums {
    sha1: [u8; 20],
    sha256: [u8; 32],
    sha512: [u8; 64],
    bytes: u64,
}

impl Sums {
    /// Of a file, all of it.
    ///
    /// # Errors
    /// That of opening or reading it.
    pub fn of_file(path: &Path) -> io::Result<Self> {
        let mut hashing = Hashing::new(std::fs::File::open(path)?);
        io::copy(&mut hashing, &mut io::sink())?;
        Ok(hashing.sums())
    }

    /// How many bytes there were.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Their digest by one algorithm.
    pub fn digest(&self, algorithm: Algorithm) -> Option<Digest> {
        let bytes: &[u8] = match algorithm {
            Algorithm::Sha1 => &self.sha1,
            Algorithm::Sha256 => &self.sha256,
            Algorithm::Sha512 => &self.sha512,
        };
        Digest::new(algorithm, bytes)
    }

    /// `sha256:HEX`, as what is made here is named.
    pub fn sha256(&self) -> String {
        text("sha256:", &self.sha256)
    }

    /// Bare hexadecimal digits.
    pub fn sha1(&self) -> String {
        text("", &self.sha1)
    }

    /// Whether they have this digest, by the strongest algorithm it has.
    pub fn are(&self, expected: &MultiDigest) -> bool {
        let strongest = expected.strongest();
        self.digest(strongest.algorithm()).as_ref() == Some(strongest)
    }
}

fn text(prefix: &str, bytes: &[u8]) -> String {
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("{prefix}{hex}")
}

/// SHA-256 as `sha256:HEX`.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    text("sha256:", &sha2::Sha256::digest(bytes))
}

/// SHA-256 of a file's content, as `sha256:HEX`.
pub(crate) fn sha256_of_file(path: &Path) -> io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut state = sha2::Sha256::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(text("sha256:", &state.finalize())),
            Ok(read) => state.update(buffer.get(..read).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// Passes bytes on, in either direction, and computes their digests.
pub(crate) struct Hashing<T> {
    inner: T,
    hasher: Hasher,
}

impl<T> Hashing<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            hasher: Hasher::default(),
        }
    }

    pub(crate) fn sums(&self) -> Sums {
        self.hasher.sums()
    }

    pub(crate) fn into_inner(self) -> T {
        self.inner
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
