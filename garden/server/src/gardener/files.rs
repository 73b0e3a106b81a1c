//! Archives into and out of containers.

use std::io::{Read, Write};

use warren_container_shim::{StreamIn, StreamOut};
use warren_lib_errchain::chain;
use warren_wire_garden::Error;
use warren_wire_garden::error::text;

use super::{Gardener, error};

/// An archive on its way in.
pub struct InStream(StreamIn);

/// An archive on its way out.
pub struct OutStream(StreamOut);

impl Gardener {
    /// Begins to unpack an archive.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or a text with [`text::STREAMING_IN`].
    pub fn stream_in(
        &self,
        handle: &str,
        user: &str,
        destination: &str,
    ) -> Result<InStream, Error> {
        self.container(handle)?;
        self.depot
            .stream_in(handle, user, destination)
            .map(InStream)
            .map_err(|error| streaming(error::depot("stream-in", user)(error)))
    }

    /// Begins to pack an archive.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or why it cannot be packed.
    pub fn stream_out(&self, handle: &str, user: &str, source: &str) -> Result<OutStream, Error> {
        self.container(handle)?;
        self.depot
            .stream_out(handle, user, source)
            .map(OutStream)
            .map_err(error::depot("stream-out", user))
    }
}

/// Adds the words that clients look for.
fn streaming(error: Error) -> Error {
    match error {
        Error::Plain(message) => {
            Error::Plain(format!("stream-in: {}: {message}", text::STREAMING_IN))
        }
        typed => typed,
    }
}

impl InStream {
    /// Takes bytes; whether more are wanted. They are not once unpacking has failed; then
    /// [`finish`](Self::finish) tells why.
    pub fn write(&mut self, bytes: &[u8]) -> bool {
        self.0.write_all(bytes).is_ok()
    }

    /// The archive is complete; answers when all of it is in place and on disk.
    ///
    /// # Errors
    /// A text with [`text::STREAMING_IN`].
    pub fn finish(self) -> Result<(), Error> {
        self.0.finish().map_err(|error| {
            // What clients see of a failed tar upstream begins so, too.
            Error::Plain(format!(
                "stream-in: {}: {}",
                text::STREAMING_IN,
                chain(&error)
            ))
        })
    }
}

impl OutStream {
    /// The next bytes; none at the end.
    ///
    /// # Errors
    /// Why the rest cannot be packed.
    pub fn piece(&mut self) -> Result<Vec<u8>, Error> {
        let mut bytes = vec![0; 64 << 10];
        let count = self.0.read(&mut bytes).map_err(error::step("stream-out"))?;
        bytes.truncate(count);
        Ok(bytes)
    }
}
