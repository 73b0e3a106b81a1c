//! One request and its answer on a connection of their own.

use std::io::{self, BufRead, BufReader, Read, Write};

use warren_wire_garden as wire;
use wire::hijack::{Head, parse_response_head, request_head};
use wire::route::{Params, Query, Route};

use crate::stream::{Server, Stream};
use crate::tls::tls_error;
use crate::{Body, Error, TlsProblem};

/// Bytes are taken off a connection in pieces of this size.
const PIECE: usize = 32 * 1024;

/// The most that is kept of an answer's body. A list of a hundred thousand containers is smaller.
const MOST_BODY: u64 = 64 << 20;

/// What comes in on a connection, what came with the head included.
pub(crate) type Input = BufReader<Stream>;

/// A call: route, path and query.
pub(crate) struct Call {
    route: Route,
    target: String,
}

/// What goes with a request.
pub(crate) enum Sent<'a> {
    Nothing,
    Json(Vec<u8>),
    /// Of unknown length: sent in chunks.
    Tar(&'a mut dyn Read),
}

impl Call {
    pub(crate) fn new(route: Route, params: &Params, query: &Query) -> Result<Self, Error> {
        let mut target = route.path(params)?;
        let query = query.encode();
        if !query.is_empty() {
            target.push('?');
            target.push_str(&query);
        }
        Ok(Self { route, target })
    }

    /// The call's name.
    pub(crate) fn name(&self) -> &'static str {
        self.route.entry().name
    }

    /// Makes the call; the answer is its body if the server agrees.
    pub(crate) fn make(&self, at: &Server, sent: Sent<'_>) -> Result<Body, Error> {
        let mut stream = at.connect()?;
        let unsent = self.send(&mut stream, sent);
        if let Err(error @ Error::Source(_)) = unsent {
            // Hanging up without an end tells the server that something is missing.
            return Err(error);
        }
        // A server that refuses early stops reading; why it does is worth more than that it does.
        match (self.answer(stream), unsent) {
            (Ok((head, input)), unsent) => {
                let body = self.agreed(head, input)?;
                unsent.map(|()| body)
            }
            (Err(error), unsent) => Err(worse(error, unsent)),
        }
    }

    /// Makes a call that takes over the connection.
    pub(crate) fn take_over(&self, at: &Server, body: Option<&[u8]>) -> Result<Input, Error> {
        let mut stream = at.connect()?;
        let method = self.route.entry().method.name();
        let mut bytes = request_head(method, &self.target, body.map(<[u8]>::len)).into_bytes();
        bytes.extend_from_slice(body.unwrap_or_default());
        let unsent = stream.write_all(&bytes);
        let unsent = unsent.map_err(|source| self.sending(source));
        let (head, input) = match self.answer(stream) {
            Ok(answer) => answer,
            Err(error) => return Err(worse(error, unsent)),
        };
        if head.takes_over() {
            return Ok(input);
        }
        let status = head.status;
        self.agreed(head, input)?;
        Err(Error::NotHandedOver {
            call: self.name(),
            status,
        })
    }

    /// The whole of a body.
    pub(crate) fn whole(&self, body: Body) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        let read = body.take(MOST_BODY + 1).read_to_end(&mut bytes);
        read.map_err(|source| self.receive(source))?;
        if bytes.len() as u64 > MOST_BODY {
            let text = format!("more than {MOST_BODY} bytes");
            return Err(self.receive(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        Ok(bytes)
    }

    fn send(&self, stream: &mut Stream, sent: Sent<'_>) -> Result<(), Error> {
        let method = self.route.entry().method.name();
        let (kind, body) = match &sent {
            Sent::Nothing => (String::new(), [].as_slice()),
            Sent::Json(json) => {
                let length = json.len();
                let kind =
                    format!("Content-Type: application/json\r\nContent-Length: {length}\r\n");
                (kind, json.as_slice())
            }
            Sent::Tar(_) => {
                let kind =
                    "Content-Type: application/x-tar\r\nTransfer-Encoding: chunked\r\n".to_owned();
                (kind, [].as_slice())
            }
        };
        let target = &self.target;
        let head =
            format!("{method} {target} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n{kind}\r\n");
        let bytes = [head.as_bytes(), body].concat();
        stream
            .write_all(&bytes)
            .map_err(|source| self.sending(source))?;
        match sent {
            Sent::Tar(source) => self.send_chunks(stream, source),
            Sent::Nothing | Sent::Json(_) => Ok(()),
        }
    }

    fn send_chunks(&self, stream: &mut Stream, source: &mut dyn Read) -> Result<(), Error> {
        // Room for a chunk's size before it and the line's end after it: one write for each chunk.
        const HEAD: usize = 10;
        let mut buffer = vec![0; HEAD + 4 * PIECE + 2];
        loop {
            let room = buffer.get_mut(HEAD..HEAD + 4 * PIECE).unwrap_or_default();
            let count = match source.read(room) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read.map_err(Error::Source)?,
            };
            if count == 0 {
                let end = stream.write_all(b"0\r\n\r\n");
                return end.map_err(|source| self.sending(source));
            }
            let size = format!("{count:08x}\r\n");
            for (at, byte) in [(0, size.as_bytes()), (HEAD + count, b"\r\n")] {
                let place = buffer.get_mut(at..at + byte.len()).unwrap_or_default();
                place.copy_from_slice(byte);
            }
            let chunk = buffer.get(..HEAD + count + 2).unwrap_or_default();
            stream
                .write_all(chunk)
                .map_err(|source| self.sending(source))?;
        }
    }

    /// The head of the answer; heads that only announce another are passed over.
    fn answer(&self, stream: Stream) -> Result<(Head, Input), Error> {
        let mut input = BufReader::with_capacity(PIECE, stream);
        loop {
            let head = self.head(&mut input)?;
            if head.status >= 200 {
                return Ok((head, input));
            }
        }
    }

    fn head(&self, input: &mut Input) -> Result<Head, Error> {
        let mut bytes = Vec::new();
        loop {
            let call = self.name();
            let before = bytes.len();
            let new = input.fill_buf().map_err(|source| self.receive(source))?;
            if new.is_empty() {
                return Err(self.receive(io::ErrorKind::UnexpectedEof.into()));
            }
            let count = new.len();
            bytes.extend_from_slice(new);
            match parse_response_head(&bytes) {
                Err(source) => return Err(Error::Head { call, source }),
                Ok(None) => input.consume(count),
                Ok(Some(head)) => {
                    // The rest stays where it is, for whoever reads on.
                    input.consume(head.length.saturating_sub(before));
                    return Ok(head);
                }
            }
        }
    }

    /// The body of a good answer, or what a bad one says.
    fn agreed(&self, head: Head, input: Input) -> Result<Body, Error> {
        let body = Body::new(&head, input);
        if (200..300).contains(&head.status) {
            return Ok(body);
        }
        // A body that breaks off is still the best there is to tell.
        let mut bytes = Vec::new();
        let _ = body.take(1 << 20).read_to_end(&mut bytes);
        Err(Error::Refused {
            call: self.name(),
            source: wire::Error::from_body(head.status, &bytes),
        })
    }

    fn sending(&self, source: io::Error) -> Error {
        let call = self.name();
        broken(source, |source| Error::Send { call, source })
    }

    fn receive(&self, source: io::Error) -> Error {
        let call = self.name();
        broken(source, |source| Error::Receive { call, source })
    }
}

/// What a broken connection says: with TLS, perhaps why.
fn broken(error: io::Error, otherwise: impl FnOnce(io::Error) -> Error) -> Error {
    match tls_error(error) {
        Ok(source) => Error::Tls {
            problem: TlsProblem::of(&source),
            source,
        },
        Err(error) => otherwise(error),
    }
}

/// Which of two failures to tell: that the request was not sent, as the answer is then missing for
/// that; but a server that ends TLS says why.
fn worse(answer: Error, unsent: Result<(), Error>) -> Error {
    match (answer, unsent) {
        (answer @ Error::Tls { .. }, _) | (answer, Ok(())) => answer,
        (_, Err(unsent)) => unsent,
    }
}
