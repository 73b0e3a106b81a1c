//! One connection, from its first byte to its last.
//!
//! ```text
//! TCP ─► INFO (in the clear) ─► TLS ─► CONNECT, SUB..., PING ─► PONG: connected
//! ```
//!
//! A server that sends nothing wants TLS first, and gets it on the same connection. Frames move
//! from `queue` to `unconfirmed` when they are written, each batch followed by a PING; a PONG
//! forgets what was written before its PING; a failure puts the rest back in front of the queue.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use crate::client::{Event, Events, Frame, Message, Options, PublishError, Shared};
use crate::codec::{self, Connect, Decoder, Operation};
use crate::failure::Failure;
use crate::url::ServerUrl;

/// How long a server may take over one step of the start.
const STEP_LIMIT: Duration = Duration::from_secs(10);
/// After this long without a word a server is taken for one that wants TLS first.
const SILENCE: Duration = Duration::from_millis(400);

/// One connection.
pub(crate) struct Link {
    tcp: TcpStream,
    tls: Option<Box<ClientConnection>>,
    decoder: Decoder,
    /// The longest message that the server takes, if it said so.
    max_payload: Option<usize>,
    /// What the kernel did not take yet, of a connection without TLS.
    plain: VecDeque<u8>,
    /// Frames that were written but not confirmed, with the number of the PING after them.
    unconfirmed: VecDeque<(u64, Frame)>,
    pings: u64,
    pongs: u64,
    /// Flushes that were asked for before a PING, and its number.
    flushes: VecDeque<(u64, u64)>,
}

impl Link {
    pub(crate) fn begin(
        tcp: TcpStream,
        tls: Option<Arc<ClientConfig>>,
        server: &ServerUrl,
    ) -> Result<Self, Failure> {
        tcp.set_nodelay(true).map_err(Failure::Socket)?;
        let mut link = Self {
            tcp,
            tls: None,
            decoder: Decoder::default(),
            max_payload: None,
            plain: VecDeque::new(),
            unconfirmed: VecDeque::new(),
            pings: 0,
            pongs: 0,
            flushes: VecDeque::new(),
        };
        let limit = if tls.is_some() { SILENCE } else { STEP_LIMIT };
        let info = match link.first_info(limit) {
            Err(Failure::Silent) if tls.is_some() => None,
            answer => Some(answer?),
        };
        let wants_tls = server.tls || info.as_ref().is_some_and(|info| info.tls_required);
        match tls {
            Some(config) => link.start_tls(config, server)?,
            None if wants_tls => return Err(Failure::TlsWanted),
            None => {}
        }
        let info = match info {
            Some(info) => info,
            None => link.first_info(STEP_LIMIT)?,
        };
        link.max_payload = said(&info);
        Ok(link)
    }

    fn start_tls(&mut self, config: Arc<ClientConfig>, server: &ServerUrl) -> Result<(), Failure> {
        let name = ServerName::try_from(server.host.clone()).map_err(Failure::Name)?;
        let mut tls = ClientConnection::new(config, name).map_err(Failure::Tls)?;
        self.tcp
            .set_read_timeout(Some(STEP_LIMIT))
            .map_err(Failure::Socket)?;
        self.tcp
            .set_write_timeout(Some(STEP_LIMIT))
            .map_err(Failure::Socket)?;
        while tls.is_handshaking() {
            tls.complete_io(&mut self.tcp).map_err(Failure::Handshake)?;
        }
        tls.set_buffer_limit(None);
        self.tls = Some(Box::new(tls));
        Ok(())
    }

    /// Reads up to the INFO, on a blocking socket.
    fn first_info(&mut self, limit: Duration) -> Result<codec::ServerInfo, Failure> {
        let deadline = Instant::now() + limit;
        loop {
            match self.decoder.next_operation()? {
                Some(Operation::Info(info)) => return Ok(info),
                Some(Operation::Error(text)) => return Err(Failure::Refused(text)),
                Some(_) => continue,
                None => {}
            }
            self.fill(deadline)?;
        }
    }

    /// Reads some bytes before the deadline, on a blocking socket.
    fn fill(&mut self, deadline: Instant) -> Result<(), Failure> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(Failure::Silent);
        }
        self.tcp
            .set_read_timeout(Some(left))
            .map_err(Failure::Socket)?;
        let mut piece = [0; 16 * 1024];
        let read = match &mut self.tls {
            None => self.tcp.read(&mut piece),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.tcp).read(&mut piece),
        };
        match read {
            Ok(0) => Err(Failure::Ended),
            Ok(count) => {
                self.decoder.feed(&piece[..count]);
                Ok(())
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::TimedOut => Err(Failure::Silent),
                ErrorKind::Interrupted => Ok(()),
                ErrorKind::UnexpectedEof => Err(Failure::Ended),
                _ => Err(Failure::Broken(error)),
            },
        }
    }

    /// Says who we are and what we want, and waits until the server has agreed.
    pub(crate) fn introduce(
        &mut self,
        options: &Options,
        server: &ServerUrl,
        events: &dyn Events,
    ) -> Result<(), Failure> {
        let user = server.user.as_ref();
        let mut hello = Connect {
            tls_required: self.tls.is_some(),
            name: &options.name,
            lang: "rust",
            version: env!("CARGO_PKG_VERSION"),
            protocol: 1,
            user: user.map(|(name, _)| &**name),
            pass: user.map(|(_, password)| &**password),
            ..Connect::default()
        }
        .encode()
        .map_err(Failure::Json)?;
        for (at, subject) in options.subjects.iter().enumerate() {
            hello.extend_from_slice(&codec::subscribe(subject, at + 1));
        }
        hello.extend_from_slice(b"PING\r\n");
        let written = match &mut self.tls {
            None => self.tcp.write_all(&hello),
            Some(tls) => {
                let mut stream = rustls::Stream::new(&mut **tls, &mut self.tcp);
                stream.write_all(&hello).and_then(|()| stream.flush())
            }
        };
        written.map_err(Failure::Broken)?;
        let deadline = Instant::now() + STEP_LIMIT;
        loop {
            match self.decoder.next_operation()? {
                Some(Operation::Pong) => break,
                // The subscriptions are in force already.
                Some(operation @ Operation::Message { .. }) => deliver(operation, events),
                Some(Operation::Error(text)) => return Err(Failure::Refused(text)),
                Some(_) => {}
                None => self.fill(deadline)?,
            }
        }
        self.tcp.set_read_timeout(None).map_err(Failure::Socket)?;
        self.tcp.set_nonblocking(true).map_err(Failure::Socket)
    }

    /// The connection's life; the answer is why it ended.
    pub(crate) fn serve(
        &mut self,
        options: &Options,
        shared: &Shared,
        events: &dyn Events,
    ) -> Failure {
        let mut next_ping = Instant::now() + options.ping_interval;
        loop {
            match self.turn(shared, events) {
                Ok(true) => {}
                Ok(false) => return Failure::Ended,
                Err(failure) => return failure,
            }
            let now = Instant::now();
            if now >= next_ping {
                if self.pings > self.pongs + 1 {
                    return Failure::Silent;
                }
                self.ping();
                next_ping = now + options.ping_interval;
                continue;
            }
            if let Err(failure) = self.wait(shared, next_ping - now) {
                return failure;
            }
        }
    }

    /// Does all that can be done now; tells whether to go on.
    fn turn(&mut self, shared: &Shared, events: &dyn Events) -> Result<bool, Failure> {
        if !self.take(shared, events) {
            return Ok(false);
        }
        let ended = self.read()?;
        while let Some(operation) = self.decoder.next_operation()? {
            match operation {
                Operation::Ping => self.write(b"PONG\r\n"),
                Operation::Pong => self.confirmed(shared),
                Operation::Message { .. } => deliver(operation, events),
                Operation::Error(text) if is_fatal(&text) => return Err(Failure::Refused(text)),
                Operation::Error(text) => events.event(&Event::Complaint(text)),
                Operation::Info(info) => {
                    self.max_payload = said(&info).or(self.max_payload);
                    self.tell_limit(shared);
                }
                Operation::Ok => {}
            }
        }
        self.send()?;
        if ended { Err(Failure::Ended) } else { Ok(true) }
    }

    /// Takes what was queued; tells whether to go on.
    fn take(&mut self, shared: &Shared, events: &dyn Events) -> bool {
        let (frames, flush) = {
            let mut state = shared.lock();
            if state.closing && state.queue.is_empty() {
                return false;
            }
            state.queued = 0;
            let asked = state.flushes.0;
            let is_new =
                asked > state.flushes.1 && self.flushes.back().is_none_or(|last| last.0 < asked);
            (std::mem::take(&mut state.queue), is_new.then_some(asked))
        };
        if frames.is_empty() && flush.is_none() {
            return true;
        }
        for frame in frames {
            // It was queued when another server, or none, had said what it takes.
            if let Some(limit) = self.max_payload.filter(|limit| frame.payload > *limit) {
                let size = frame.payload;
                events.event(&Event::Complaint(format!(
                    "a message is lost: {}",
                    PublishError::TooLong { size, limit }
                )));
                continue;
            }
            self.write(&frame.bytes);
            self.unconfirmed.push_back((self.pings + 1, frame));
        }
        if let Some(asked) = flush {
            self.flushes.push_back((asked, self.pings + 1));
        }
        self.ping();
        true
    }

    fn ping(&mut self) {
        self.pings += 1;
        self.write(b"PING\r\n");
    }

    fn confirmed(&mut self, shared: &Shared) {
        self.pongs += 1;
        let pongs = self.pongs;
        while self
            .unconfirmed
            .front()
            .is_some_and(|(ping, _)| *ping <= pongs)
        {
            self.unconfirmed.pop_front();
        }
        while self.flushes.front().is_some_and(|(_, ping)| *ping <= pongs) {
            if let Some((asked, _)) = self.flushes.pop_front() {
                shared.lock().flushes.1 = asked;
                shared.changed();
            }
        }
    }

    /// Tells whoever publishes what the server takes.
    pub(crate) fn tell_limit(&self, shared: &Shared) {
        shared.lock().max_payload = self.max_payload;
    }

    pub(crate) fn give_back(&mut self, shared: &Shared) {
        let mut state = shared.lock();
        while let Some((_, frame)) = self.unconfirmed.pop_back() {
            state.queued += frame.bytes.len();
            state.queue.push_front(frame);
        }
    }

    /// Queues bytes for the kernel.
    fn write(&mut self, bytes: &[u8]) {
        match &mut self.tls {
            // The buffer has no limit, so all of it is taken.
            Some(tls) => drop(tls.writer().write_all(bytes)),
            None => self.plain.extend(bytes),
        }
    }

    fn wants_write(&self) -> bool {
        self.tls
            .as_ref()
            .map_or(!self.plain.is_empty(), |tls| tls.wants_write())
    }

    fn send(&mut self) -> Result<(), Failure> {
        while self.wants_write() {
            let sent = match &mut self.tls {
                Some(tls) => tls.write_tls(&mut self.tcp),
                None => self.tcp.write(self.plain.as_slices().0).inspect(|count| {
                    self.plain.drain(..count);
                }),
            };
            match sent {
                Ok(0) => return Err(Failure::Ended),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Broken(error)),
            }
        }
        Ok(())
    }

    /// Reads what is there; tells whether the server has ended it.
    fn read(&mut self) -> Result<bool, Failure> {
        let mut piece = [0; 16 * 1024];
        loop {
            let read = match &mut self.tls {
                None => self.tcp.read(&mut piece).inspect(|count| {
                    self.decoder.feed(&piece[..*count]);
                }),
                Some(tls) => match tls.read_tls(&mut self.tcp) {
                    Ok(count) => {
                        tls.process_new_packets().map_err(Failure::Tls)?;
                        loop {
                            match tls.reader().read(&mut piece) {
                                Ok(0) => return Ok(true),
                                Ok(count) => self.decoder.feed(&piece[..count]),
                                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                                Err(_) => return Ok(true),
                            }
                        }
                        Ok(count)
                    }
                    Err(error) => Err(error),
                },
            };
            match read {
                Ok(0) => return Ok(true),
                // Messages are dealt with before more are read.
                Ok(_) if self.decoder.pending() > codec::PAYLOAD_LIMIT => return Ok(false),
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(Failure::Broken(error)),
            }
        }
    }

    fn wait(&self, shared: &Shared, limit: Duration) -> Result<(), Failure> {
        let mut wanted = PollFlags::IN;
        if self.wants_write() {
            wanted |= PollFlags::OUT;
        }
        let mut both = [
            PollFd::new(&self.tcp, wanted),
            PollFd::new(&shared.wake, PollFlags::IN),
        ];
        let limit = Timespec {
            tv_sec: i64::try_from(limit.as_secs()).unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        match poll(&mut both, Some(&limit)) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(errno) => return Err(Failure::Poll(errno.into())),
        }
        if both[1].revents().contains(PollFlags::IN) {
            let mut counter = [0; 8];
            // Only to reset it.
            let _ = rustix::io::read(&shared.wake, &mut counter);
        }
        Ok(())
    }
}

/// The longest message that a server says it takes.
fn said(info: &codec::ServerInfo) -> Option<usize> {
    (info.max_payload > 0).then_some(info.max_payload)
}

/// Whether a complaint ends the connection, or leaves us without what we subscribed to.
fn is_fatal(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    let only_publishing = text.starts_with("permissions violation for publish")
        || text.starts_with("invalid subject")
        || text.starts_with("maximum payload");
    !only_publishing
}

fn deliver(operation: Operation, events: &dyn Events) {
    if let Operation::Message {
        subject,
        reply,
        payload,
    } = operation
    {
        events.message(Message {
            subject,
            reply,
            payload,
        });
    }
}
