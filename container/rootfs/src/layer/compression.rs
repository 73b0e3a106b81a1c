//! How a blob is compressed, told by its first bytes.

use std::io::{BufRead, BufReader, Chain, Cursor, Read};

use serde::{Deserialize, Serialize};

/// How a blob is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Compression {
    /// Not at all.
    None,
    /// RFC 1952; several members in a row are one stream.
    Gzip,
    /// RFC 8878; several frames in a row are one stream.
    Zstd,
}

/// A blob with its first bytes put back.
pub(super) type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

/// Looks at the first bytes. Media types are not asked: they are often wrong, and local files have
/// none. No tar archive begins with either of the two magic numbers, except one whose first member
/// is named after them.
pub(super) fn sniff<R: Read>(mut source: R) -> std::io::Result<(Compression, Whole<R>)> {
    let mut first = Vec::with_capacity(4);
    source.by_ref().take(4).read_to_end(&mut first)?;
    let compression = match first.as_slice() {
        [0x1f, 0x8b, ..] => Compression::Gzip,
        [0x28, 0xb5, 0x2f, 0xfd] => Compression::Zstd,
        // A skippable frame, which some writers of seekable zstd begin with.
        [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Compression::Zstd,
        _ => Compression::None,
    };
    Ok((compression, Cursor::new(first).chain(source)))
}

/// The uncompressed bytes.
pub(super) enum Decoder<R: Read> {
    None(R),
    Gzip(Box<flate2::bufread::MultiGzDecoder<BufReader<R>>>),
    Zstd(Box<Zstd<BufReader<R>>>),
}

impl<R: Read> Decoder<R> {
    pub(super) fn new(compression: Compression, source: R) -> Self {
        let buffered = |source| BufReader::with_capacity(64 * 1024, source);
        match compression {
            Compression::None => Decoder::None(source),
            Compression::Gzip => Decoder::Gzip(Box::new(flate2::bufread::MultiGzDecoder::new(
                buffered(source),
            ))),
            Compression::Zstd => Decoder::Zstd(Box::new(Zstd {
                source: buffered(source),
                decoder: ruzstd::decoding::FrameDecoder::new(),
                is_in_frame: false,
            })),
        }
    }
}

impl<R: Read> Read for Decoder<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Decoder::None(source) => source.read(buffer),
            Decoder::Gzip(decoder) => decoder.read(buffer),
            Decoder::Zstd(decoder) => decoder.read(buffer),
        }
    }
}

/// All frames of a zstd stream.
pub(super) struct Zstd<R> {
    source: R,
    decoder: ruzstd::decoding::FrameDecoder,
    is_in_frame: bool,
}

impl<R: BufRead> Zstd<R> {
    /// Begins the next frame; `false` at the end of the stream.
    fn begin_frame(&mut self) -> std::io::Result<bool> {
        use ruzstd::decoding::errors::{FrameDecoderError, ReadFrameHeaderError};
        loop {
            if self.source.fill_buf()?.is_empty() {
                return Ok(false);
            }
            match self.decoder.reset(&mut self.source) {
                Ok(()) => return Ok(true),
                Err(FrameDecoderError::ReadFrameHeaderError(ReadFrameHeaderError::SkipFrame {
                    length,
                    ..
                })) => {
                    let length = u64::from(length);
                    let mut skipped = self.source.by_ref().take(length);
                    if std::io::copy(&mut skipped, &mut std::io::sink())? < length {
                        return Err(std::io::ErrorKind::UnexpectedEof.into());
                    }
                }
                Err(error) => return Err(std::io::Error::other(error)),
            }
        }
    }

    fn check(&self) -> std::io::Result<()> {
        let stated = self.decoder.get_checksum_from_data();
        let computed = self.decoder.get_calculated_checksum();
        match (stated, computed) {
            (Some(stated), Some(computed)) if stated != computed => Err(std::io::Error::new(
                std::io::ErrorKind::InvalidData,
                "wrong checksum of a zstd frame",
            )),
            _ => Ok(()),
        }
    }
}

impl<R: BufRead> Read for Zstd<R> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        use ruzstd::decoding::BlockDecodingStrategy::UptoBytes;
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            if !self.is_in_frame {
                if !self.begin_frame()? {
                    return Ok(0);
                }
                self.is_in_frame = true;
            }
            if self.decoder.can_collect() == 0 && !self.decoder.is_finished() {
                self.decoder
                    .decode_blocks(&mut self.source, UptoBytes(buffer.len()))
                    .map_err(std::io::Error::other)?;
            }
            let read = self.decoder.read(buffer)?;
            if read > 0 {
                return Ok(read);
            }
            if self.decoder.is_finished() {
                self.check()?;
                self.is_in_frame = false;
            }
        }
    }
}
