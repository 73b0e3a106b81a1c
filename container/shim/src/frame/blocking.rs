//! Frames over a blocking socket, one at a time and without reading ahead.

use std::io::{Read, Write};

use super::{Error, Frame, HEADER, decode_header, decode_payload, encode};

/// No frame could be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The socket.
    #[error("cannot read from the shim's socket")]
    Io(#[from] std::io::Error),
    /// What came is no frame.
    #[error("the shim's socket carries something else than frames")]
    Frame(#[from] Error),
}

/// Reads exactly one frame; `None` if the peer has hung up before its first byte.
///
/// # Errors
/// A hang-up inside a frame is `UnexpectedEof`.
pub fn read(mut from: impl Read) -> Result<Option<Frame>, ReadError> {
    let mut header = [0; HEADER];
    loop {
        match from.read(&mut header[..1]) {
            Ok(0) => return Ok(None),
            Ok(_) => break,
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
    }
    from.read_exact(&mut header[1..])?;
    let (kind, length) = decode_header(header)?;
    let mut payload = vec![0; length];
    from.read_exact(&mut payload)?;
    Ok(Some(decode_payload(kind, &payload)?))
}

/// Writes one frame.
///
/// # Errors
/// The socket's, or `InvalidInput` for a frame that is too long.
pub fn write(mut to: impl Write, frame: &Frame) -> std::io::Result<()> {
    let mut bytes = Vec::new();
    encode(frame, &mut bytes)
        .map_err(|error| std::io::Error::new(std::io::ErrorKind::InvalidInput, error))?;
    to.write_all(&bytes)
}
