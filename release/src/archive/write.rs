//! Archives on their way out: owner root, one time for all members, no name of a machine or user,
//! so that the same members give the same bytes.

use std::io::{self, Read, Write};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use warren_lib_tar::{Entry, Kind, Time, WriteError, Writer};

/// 1980-01-01, the first time that zip files can hold.
pub(crate) const EPOCH: i64 = 315_532_800;

/// How an archive is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952.
    Gzip,
}

enum Sink<W: Write> {
    None(W),
    Gzip(Box<GzEncoder<W>>),
}

impl<W: Write> Write for Sink<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Sink::None(to) => to.write(bytes),
            Sink::Gzip(to) => to.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Sink::None(to) => to.flush(),
            Sink::Gzip(to) => to.flush(),
        }
    }
}

/// An archive's members, one after the other.
pub(crate) struct Members<W: Write>(Writer<io::BufWriter<Sink<W>>>);

impl<W: Write> Members<W> {
    pub(crate) fn new(to: W, compression: Compression) -> Self {
        let sink = match compression {
            Compression::None => Sink::None(to),
            // No name, no time, and the same system (unknown) everywhere.
            Compression::Gzip => {
                let level = flate2::Compression::new(6);
                Sink::Gzip(Box::new(GzBuilder::new().mtime(0).write(to, level)))
            }
        };
        Self(Writer::new(io::BufWriter::with_capacity(64 * 1024, sink)))
    }

    /// A directory; its name ends in `/`.
    pub(crate) fn directory(&mut self, name: &[u8]) -> Result<(), WriteError> {
        self.0.start(&member(name, Kind::Directory, 0o755, 0))
    }

    pub(crate) fn symlink(&mut self, name: &[u8], target: &[u8]) -> Result<(), WriteError> {
        let target = target.to_vec();
        self.0
            .start(&member(name, Kind::Symlink { target }, 0o777, 0))
    }

    pub(crate) fn bytes(&mut self, name: &[u8], mode: u32, bytes: &[u8]) -> Result<(), WriteError> {
        let size = bytes.len() as u64;
        self.0.start(&member(name, Kind::File, mode, size))?;
        self.0.data(bytes)
    }

    /// A file of `size` bytes; more or fewer are an error.
    pub(crate) fn file(
        &mut self,
        name: &[u8],
        mode: u32,
        size: u64,
        from: impl Read,
    ) -> Result<(), WriteError> {
        self.0.start(&member(name, Kind::File, mode, size))?;
        self.data(from)
    }

    /// Data of the entry begun last.
    pub(crate) fn data(&mut self, mut from: impl Read) -> Result<(), WriteError> {
        let mut buffer = vec![0; 64 * 1024];
        loop {
            match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => self.0.data(buffer.get(..read).unwrap_or_default())?,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(WriteError::Write(error)),
            }
        }
    }

    /// Ends the archive and gives back where it went.
    pub(crate) fn finish(self) -> Result<W, WriteError> {
        let buffer = self.0.finish()?;
        let sink = buffer
            .into_inner()
            .map_err(|error| WriteError::Write(error.into_error()))?;
        let finished = match sink {
            Sink::None(mut to) => to.flush().map(|()| to),
            Sink::Gzip(encoder) => encoder.finish().and_then(|mut to| to.flush().map(|()| to)),
        };
        finished.map_err(WriteError::Write)
    }
}

pub(crate) fn member(name: &[u8], kind: Kind, mode: u32, stored: u64) -> Entry {
    Entry {
        path: name.to_vec(),
        kind,
        mode,
        uid: 0,
        gid: 0,
        mtime: Time {
            seconds: EPOCH,
            nanoseconds: 0,
        },
        stored,
        xattrs: Vec::new(),
        sparse: None,
    }
}
