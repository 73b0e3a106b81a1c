//! A blob as a stream that goes on where a connection broke.

use std::io::Read;

use crate::Error;
use crate::http::{Answer, shown};
use crate::retry::pause;

/// So much between two failures is progress, after which they count anew.
const PROGRESS: u64 = 1 << 20;

/// Asks for the bytes from a place on.
pub(crate) type Ask<'a> = Box<dyn Fn(u64) -> Result<Answer, Error> + Send + 'a>;

/// The bytes of a blob. What they are is for the reader to check.
pub(crate) struct Blob<'a> {
    ask: Ask<'a>,
    url: String,
    size: Option<u64>,
    at: u64,
    failures: u32,
    last_failure: u64,
    tries: u32,
    body: Option<Box<dyn Read + Send>>,
}

impl<'a> Blob<'a> {
    /// Asks for it, so that a refusal is known at once.
    pub(crate) fn open(
        url: &str,
        size: Option<u64>,
        tries: u32,
        ask: Ask<'a>,
    ) -> Result<Self, Error> {
        let first = crate::retry::retried(tries, || ask(0))?;
        Ok(Self {
            ask,
            url: shown(url),
            size,
            at: 0,
            failures: 0,
            last_failure: 0,
            tries,
            body: Some(Box::new(first.into_body().into_reader())),
        })
    }

    /// The stream from where we are.
    fn resume(&self) -> Result<Box<dyn Read + Send>, Error> {
        let answer = (self.ask)(self.at)?;
        let is_part = answer.status().as_u16() == 206;
        let mut body = answer.into_body().into_reader();
        if !is_part {
            // It has begun from the beginning.
            let skipped = std::io::copy(&mut body.by_ref().take(self.at), &mut std::io::sink());
            skipped.map_err(|source| Error::Read {
                url: self.url.clone(),
                source,
            })?;
        }
        Ok(Box::new(body))
    }

    /// Counts a failure; gives it back when there have been too many.
    fn failed(&mut self, error: Error) -> std::io::Result<()> {
        self.body = None;
        if self.at.saturating_sub(self.last_failure) >= PROGRESS {
            self.failures = 0;
        }
        self.last_failure = self.at;
        self.failures += 1;
        if self.failures >= self.tries {
            return Err(std::io::Error::other(error));
        }
        std::thread::sleep(pause(self.failures));
        Ok(())
    }
}

impl Read for Blob<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let body = match &mut self.body {
                Some(body) => body,
                None => match self.resume() {
                    Ok(body) => self.body.insert(body),
                    Err(error) if error.is_transient() => {
                        self.failed(error)?;
                        continue;
                    }
                    Err(error) => return Err(std::io::Error::other(error)),
                },
            };
            match body.read(buffer) {
                Ok(0) => match self.size {
                    Some(size) if self.at < size => {
                        let (url, got) = (self.url.clone(), self.at);
                        self.failed(Error::Short { url, got, size })?;
                    }
                    _ => return Ok(0),
                },
                Ok(read) => {
                    self.at += read as u64;
                    return Ok(read);
                }
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(source) => {
                    let url = self.url.clone();
                    self.failed(Error::Read { url, source })?;
                }
            }
        }
    }
}
