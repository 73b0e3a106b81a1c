//! Digests of files and bytes.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use warren_wire_agent::digest::{Algorithm, Digest, MultiDigest};

use crate::files::{FileError, failed};

/// A file is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum MismatchError {
    /// It cannot be read.
    #[error(transparent)]
    File(#[from] FileError),
    /// It is another one.
    #[error("{} has the digest {found} and should have {expected}", path.display())]
    Differs {
        /// The file.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What it should have.
        expected: String,
    },
}

fn context(algorithm: Algorithm) -> Context {
    Context::new(match algorithm {
        Algorithm::Sha1 => &SHA1_FOR_LEGACY_USE_ONLY,
        Algorithm::Sha256 => &SHA256,
        Algorithm::Sha512 => &SHA512,
    })
}

fn finish(algorithm: Algorithm, context: Context) -> Digest {
    let bytes = context.finish();
    let hex = bytes
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    Digest { algorithm, hex }
}

/// Digest of bytes.
#[must_use]
pub fn of_bytes(algorithm: Algorithm, bytes: &[u8]) -> Digest {
    let mut context = context(algorithm);
    context.update(bytes);
    finish(algorithm, context)
}

/// Digests of a file, read once.
///
/// # Errors
/// [`FileError`].
pub fn of_file(path: &Path, algorithms: &[Algorithm]) -> Result<Vec<Digest>, FileError> {
    let mut contexts: Vec<_> = algorithms.iter().map(|one| context(*one)).collect();
    let mut file = File::open(path).map_err(failed("open", path))?;
    let mut piece = vec![0; 128 * 1024];
    loop {
        let count = match file.read(&mut piece) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failed("read", path)(error)),
        };
        for context in &mut contexts {
            context.update(&piece[..count]);
        }
    }
    let both = algorithms.iter().zip(contexts);
    Ok(both
        .map(|(algorithm, context)| finish(*algorithm, context))
        .collect())
}

/// Several digests in one text, as uploads to signed URLs are answered.
///
/// # Errors
/// [`FileError`].
pub fn multi(path: &Path) -> Result<String, FileError> {
    let digests = of_file(path, &[Algorithm::Sha1, Algorithm::Sha512])?;
    let texts: Vec<_> = digests.iter().map(ToString::to_string).collect();
    Ok(texts.join(";"))
}

/// Checks a file against the strongest of the digests.
///
/// # Errors
/// [`MismatchError`].
pub fn verify(path: &Path, expected: &MultiDigest) -> Result<(), MismatchError> {
    let expected = expected.strongest();
    let found = of_file(path, &[expected.algorithm])?;
    match found.first() {
        Some(found) if found.hex.eq_ignore_ascii_case(&expected.hex) => Ok(()),
        found => Err(MismatchError::Differs {
            path: path.to_owned(),
            found: found.map(ToString::to_string).unwrap_or_default(),
            expected: expected.to_string(),
        }),
    }
}

/// SHA-1 of a text, as directories are named.
#[must_use]
pub fn sha1_hex(text: &str) -> String {
    of_bytes(Algorithm::Sha1, text.as_bytes()).hex
}

#[cfg(test)]
mod tests {
    use super::{sha1_hex, verify};
    use warren_wire_agent::digest::MultiDigest;

    #[test]
    fn a_recorded_directory() {
        let version = "94cb78c22f444df28dee534a2edb5fb1a24e173ac9900f4277a089506c948612.1";
        let digest = "26ed6770cb93475663223e7f288e54d4e73854b8";
        assert_eq!(
            sha1_hex(&format!("{version}-{digest}")),
            "89b1276a183f6eb13e8e982f83d0a08de1a79264"
        );
    }

    #[test]
    fn the_strongest_is_verified() {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), "abc").unwrap();
        let good = "0000;sha256:BA7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        verify(file.path(), &MultiDigest::parse(good).unwrap()).unwrap();
        let bad = MultiDigest::parse("a9993e364706816aba3e25717850c26c9cd0d89e").unwrap();
        assert_ne!(bad.text(), "a9993e364706816aba3e25717850c26c9cd0d89d");
        let error = verify(file.path(), &bad).unwrap_err().to_string();
        assert!(
            error.contains("a9993e364706816aba3e25717850c26c9cd0d89d"),
            "{error}"
        );
    }
}
