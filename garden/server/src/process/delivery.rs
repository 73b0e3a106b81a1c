//! What the shim is told of a session, so that another server can go on with it: what was delivered,
//! and that the client has hung up.

use std::convert::Infallible;
use std::io::{self, Write};

use tokio::net::UnixStream;
use warren_container_shim::Session;
use warren_container_shim::frame::{self, Frame, Stream};

use super::attachments::Attachment;
use super::queue::{Progress, Queue};

/// A session that no conversation holds yet. Its client goes if this is dropped, and the shim is told
/// so.
#[derive(Debug)]
pub struct Unheld {
    socket: Option<std::os::unix::net::UnixStream>,
    resumes: bool,
}

impl Unheld {
    /// Of what the depot gave.
    ///
    /// # Errors
    /// The socket's.
    pub fn new(session: Session) -> io::Result<Self> {
        let resumes = session.resumes;
        session.socket.set_nonblocking(true)?;
        Ok(Self {
            socket: Some(session.socket),
            resumes,
        })
    }

    /// The socket, and whether the shim knows `Detach` and `Delivered`.
    /// Call it inside a runtime.
    ///
    /// # Errors
    /// The runtime's, which cannot wait for one more socket.
    pub fn hold(mut self) -> io::Result<(UnixStream, bool)> {
        let socket = self.socket.take().ok_or(io::ErrorKind::NotConnected)?;
        Ok((UnixStream::from_std(socket)?, self.resumes))
    }
}

impl Drop for Unheld {
    fn drop(&mut self) {
        let mut word = Vec::new();
        if let Some(mut socket) = self.socket.take()
            && self.resumes
            && frame::encode(&Frame::Detach, &mut word).is_ok()
        {
            // Nothing was written to it before, so there is room for this.
            let _gone = socket.write_all(&word);
        }
    }
}

/// What was delivered of both outputs.
#[derive(Debug, Default)]
pub struct Deliveries([Delivery; 2]);

/// What was delivered of one output.
#[derive(Debug, Default)]
struct Delivery {
    /// All that was told.
    told: u64,
    /// What was dropped by then.
    dropped: u64,
}

impl Deliveries {
    /// Tells what is delivered, as it is, for as long as it is polled.
    pub async fn follow(
        &mut self,
        attachment: &Attachment,
        tell: &impl Fn(Stream, u64),
    ) -> Infallible {
        let queues: [(Stream, &Queue); 2] = [
            (Stream::Stdout, &attachment.stdout),
            (Stream::Stderr, &attachment.stderr),
        ];
        loop {
            let changes = queues.map(|(_, queue)| queue.changed());
            for (each, (stream, queue)) in self.0.iter_mut().zip(&queues) {
                let more = each.more(queue.progress());
                if more > 0 {
                    tell(*stream, more);
                }
            }
            let [one, two] = changes;
            tokio::select! {
                () = one => {}
                () = two => {}
            }
        }
    }
}

impl Delivery {
    /// How many bytes are to be told now.
    fn more(&mut self, progress: Progress) -> u64 {
        let mut all = progress.taken + progress.dropped;
        if progress.dropped > self.dropped {
            // Nobody fetches: what waits before that is not kept in two places.
            self.dropped = progress.dropped;
            all += progress.waiting as u64;
        }
        let more = all.saturating_sub(self.told);
        self.told += more;
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn progress(waiting: usize, taken: u64, dropped: u64) -> Progress {
        Progress {
            waiting,
            taken,
            dropped,
            was_read: taken > 0,
            is_read: taken > 0,
        }
    }

    #[test]
    fn what_waits_is_not_delivered_unless_nobody_wants_more() {
        let mut delivery = Delivery::default();
        assert_eq!(delivery.more(progress(100, 0, 0)), 0);
        assert_eq!(delivery.more(progress(70, 30, 0)), 30);
        assert_eq!(delivery.more(progress(70, 30, 0)), 0);
        // All there is so far, what waits included.
        assert_eq!(delivery.more(progress(70, 30, 5)), 75);
        assert_eq!(delivery.more(progress(70, 30, 8)), 3);
        // Which is then fetched all the same, and what comes after it.
        assert_eq!(delivery.more(progress(10, 90, 8)), 0);
        assert_eq!(delivery.more(progress(20, 100, 8)), 0);
        assert_eq!(delivery.more(progress(0, 120, 8)), 20);
    }

    #[test]
    fn a_session_that_nobody_takes_up_hangs_up_in_words() {
        for resumes in [true, false] {
            let (ours, mut theirs) = std::os::unix::net::UnixStream::pair().unwrap();
            let session = Session {
                id: "p".to_owned(),
                pid: 1,
                resumes,
                socket: ours,
            };
            drop(Unheld::new(session).unwrap());
            let mut said = Vec::new();
            theirs.read_to_end(&mut said).unwrap();
            let mut word = Vec::new();
            frame::encode(&Frame::Detach, &mut word).unwrap();
            assert_eq!(said, if resumes { word } else { Vec::new() });
        }
    }
}
