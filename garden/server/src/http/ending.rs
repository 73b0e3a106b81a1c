//! How the other side of a connection goes: it sends nothing more, or it is gone altogether.
//!
//! A read finds out only behind all that was sent before, and cannot tell one from the other; the
//! socket knows at once. Of TCP it knows the latter when a peer that is gone refuses what it is sent,
//! if only the kernel's own questions whether it is still there.

use std::io::ErrorKind;
use std::os::fd::BorrowedFd;

use tokio::io::Interest;
use tokio::net::UnixStream;

/// Waits for an end of one kind.
pub struct Ending {
    /// A second descriptor of the connection's socket. Nothing but its readiness is asked for, which
    /// is the same for sockets of all families.
    socket: UnixStream,
    kind: Kind,
}

#[derive(Clone, Copy)]
enum Kind {
    Sending,
    All,
}

impl Ending {
    /// The peer sends nothing more. None if it cannot be watched.
    #[must_use]
    pub fn of_sending(socket: Option<BorrowedFd<'_>>) -> Option<Self> {
        Self::new(socket, Kind::Sending)
    }

    /// The peer takes nothing more either. None if it cannot be watched.
    #[must_use]
    pub fn of_all(socket: Option<BorrowedFd<'_>>) -> Option<Self> {
        Self::new(socket, Kind::All)
    }

    fn new(socket: Option<BorrowedFd<'_>>, kind: Kind) -> Option<Self> {
        let socket = socket?.try_clone_to_owned().ok()?;
        let socket = UnixStream::from_std(socket.into()).ok()?;
        Some(Self { socket, kind })
    }

    /// Waits for it. What cannot be watched any more counts as ended.
    pub async fn come(&self) {
        let interest = match self.kind {
            Kind::Sending => Interest::READABLE,
            Kind::All => Interest::WRITABLE,
        };
        while let Ok(ready) = self.socket.ready(interest).await {
            let has_come = match self.kind {
                Kind::Sending => ready.is_read_closed(),
                Kind::All => ready.is_write_closed(),
            };
            if has_come {
                return;
            }
            // That something can be read or written is of no interest; an end stays to be seen.
            let _again = self.socket.try_io(interest, || {
                Err::<(), _>(std::io::Error::from(ErrorKind::WouldBlock))
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::net::Shutdown;
    use std::os::fd::AsFd;
    use std::os::unix::net::UnixStream;
    use std::time::Duration;

    use tokio::time::timeout;

    use super::*;

    const LONG: Duration = Duration::from_secs(30);
    const BRIEF: Duration = Duration::from_millis(50);

    #[test]
    fn each_is_told_behind_what_nobody_has_read() {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().build().unwrap();
        runtime.block_on(async {
            let (near, mut far) = UnixStream::pair().unwrap();
            near.set_nonblocking(true).unwrap();
            let sending = Ending::of_sending(Some(near.as_fd())).unwrap();
            let all = Ending::of_all(Some(near.as_fd())).unwrap();
            far.write_all(b"never read").unwrap();
            assert!(timeout(BRIEF, sending.come()).await.is_err());
            far.shutdown(Shutdown::Write).unwrap();
            timeout(LONG, sending.come()).await.unwrap();
            assert!(timeout(BRIEF, all.come()).await.is_err());
            drop(far);
            timeout(LONG, all.come()).await.unwrap();
        });
    }
}
