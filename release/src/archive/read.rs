//! Archives on their way in: compressed or not, never more bytes than allowed.

use std::io::{self, BufReader, Chain, Cursor, Read};

use flate2::bufread::MultiGzDecoder;
use warren_lib_tar::Reader;

/// A source with its first bytes put back.
type Whole<R> = BufReader<Chain<Cursor<Vec<u8>>, R>>;

/// The uncompressed bytes of an archive, told by its first ones.
pub(crate) enum Plain<R: Read> {
    None(Whole<R>),
    Gzip(Box<MultiGzDecoder<Whole<R>>>),
}

impl<R: Read> Plain<R> {
    pub(crate) fn new(mut source: R) -> io::Result<Self> {
        let mut first = Vec::with_capacity(2);
        source.by_ref().take(2).read_to_end(&mut first)?;
        let is_gzip = first == [0x1f, 0x8b];
        let source = BufReader::with_capacity(64 * 1024, Cursor::new(first).chain(source));
        Ok(if is_gzip {
            Plain::Gzip(Box::new(MultiGzDecoder::new(source)))
        } else {
            Plain::None(source)
        })
    }
}

impl<R: Read> Read for Plain<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Plain::None(source) => source.read(buffer),
            Plain::Gzip(decoder) => decoder.read(buffer),
        }
    }
}

/// More bytes than allowed.
#[derive(Debug, thiserror::Error)]
#[error("there are more than {limit} bytes")]
pub(crate) struct TooMuch {
    limit: u64,
}

/// So many bytes and no more.
pub(crate) struct Limited<R> {
    source: R,
    left: u64,
    limit: u64,
}

impl<R> Limited<R> {
    pub(crate) fn new(source: R, limit: u64) -> Self {
        Self {
            source,
            left: limit,
            limit,
        }
    }
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.source.read(buffer)?;
        self.left = self.left.checked_sub(read as u64).ok_or_else(|| {
            let limit = self.limit;
            io::Error::new(io::ErrorKind::FileTooLarge, TooMuch { limit })
        })?;
        Ok(read)
    }
}

/// Data of an archive's current member.
pub(crate) struct Data<'a, R>(pub(crate) &'a mut Reader<R>);

impl<R: Read> Read for Data<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read_data(buffer).map_err(io::Error::other)
    }
}

/// What a member's name says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Name {
    /// The archive's root.
    Root,
    /// A path below it, without `./` before or `/` after it.
    Below(String),
    /// A name that leaves the archive, or is no text; so much of it as is shown.
    Bad(String),
}

/// `./a//b/` is `a/b`.
pub(crate) fn member_name(path: &[u8]) -> Name {
    let bad = || Name::Bad(String::from_utf8_lossy(path).chars().take(200).collect());
    let Ok(text) = std::str::from_utf8(path) else {
        return bad();
    };
    if text.starts_with('/') || text.contains('\0') {
        return bad();
    }
    let parts: Vec<&str> = text
        .split('/')
        .filter(|part| !matches!(*part, "" | "."))
        .collect();
    if parts.contains(&"..") {
        return bad();
    }
    match parts.join("/") {
        name if name.is_empty() => Name::Root,
        name => Name::Below(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        let below = |name: &str| Name::Below(name.to_owned());
        assert_eq!(member_name(b"./release.MF"), below("release.MF"));
        assert_eq!(member_name(b"jobs//./a.tgz"), below("jobs/a.tgz"));
        assert_eq!(member_name(b"./jobs/"), below("jobs"));
        assert_eq!(member_name(b"./"), Name::Root);
        for bad in [b"/a".as_slice(), b"a/../b", b"..", b"\xff"] {
            assert_eq!(
                member_name(bad),
                Name::Bad(String::from_utf8_lossy(bad).into_owned())
            );
        }
    }

    #[test]
    fn no_more_than_the_limit() {
        let mut exact = Limited::new([1; 10].as_slice(), 10);
        assert_eq!(exact.read_to_end(&mut Vec::new()).unwrap(), 10);
        let mut more = Limited::new([1; 11].as_slice(), 10);
        let error = more.read_to_end(&mut Vec::new()).unwrap_err();
        assert_eq!(error.to_string(), "there are more than 10 bytes");
    }
}
