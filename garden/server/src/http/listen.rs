//! Sockets that connections come from.

use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use tokio::net::{TcpListener, UnixListener, UnixStream};
use tokio::sync::RwLock;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use warren_sys_process::stat::Stat;

use super::connection::{Connection, Handler, Io, Times};
use super::places::Places;
use super::tls::{Tls, TlsError};

/// How long a client may take to agree on TLS.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// How long a socket may still be listened on by a child that its last owner was just starting
/// when it ended: until it becomes another program.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long if that owner was killed and has yet to come back from the kernel.
const LAST_CALL: Duration = Duration::from_secs(30);
/// How long a TCP connection is quiet before its peer is asked whether it is still there, and how
/// long it may take to say so before it is asked again.
const ASKED: Duration = Duration::from_secs(15);
/// Pause after a failure to accept, such as for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// A unix socket.
    Unix {
        /// Its path. A socket that nobody listens on any more is removed first.
        path: PathBuf,
        /// Its mode. The stock server's is 0777: whoever reaches the socket is root.
        mode: u32,
    },
    /// An address and port.
    Tcp {
        /// Port 0 takes any.
        address: SocketAddr,
        /// With TLS.
        tls: Option<Tls>,
    },
}

/// A socket cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum ListenError {
    /// Another server has the socket.
    #[error("{} is in use by another server", .0.display())]
    InUse(PathBuf),
    /// A file that is no socket.
    #[error("{} is in the way: it is no socket", .0.display())]
    NoSocket(PathBuf),
    /// A unix socket.
    #[error("cannot {what} {}", path.display())]
    Unix {
        /// What was tried.
        what: &'static str,
        /// The socket.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// An address.
    #[error("cannot listen on {address}")]
    Tcp {
        /// The address.
        address: SocketAddr,
        /// Why not.
        source: io::Error,
    },
    /// TLS.
    #[error("cannot offer TLS")]
    Tls(#[from] TlsError),
}

/// A socket that listens. Connections wait in its queue until they are accepted.
pub enum Listener {
    /// A unix socket; its file is removed on drop.
    Unix(UnixListener, SocketFile),
    /// TCP, perhaps with TLS.
    Tcp(TcpListener, Option<TlsAcceptor>),
}

/// A socket's file, removed on drop.
#[derive(Debug)]
pub struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // If it is gone already, so much the better.
        let _ = std::fs::remove_file(&self.0);
    }
}

impl Listener {
    /// Listens. Call it inside a runtime.
    ///
    /// # Errors
    /// [`ListenError`].
    pub async fn open(bind: &Bind) -> Result<Self, ListenError> {
        match bind {
            Bind::Unix { path, mode } => unix(path, *mode).await,
            Bind::Tcp { address, tls } => {
                let acceptor = tls.as_ref().map(Tls::acceptor).transpose()?;
                let listener = TcpListener::bind(address).await;
                let listener = listener.map_err(|source| ListenError::Tcp {
                    address: *address,
                    source,
                })?;
                Ok(Self::Tcp(listener, acceptor))
            }
        }
    }

    /// The address, of TCP.
    #[must_use]
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Unix(..) => None,
            Self::Tcp(listener, _) => listener.local_addr().ok(),
        }
    }

    /// Accepts and serves connections until it is dropped, as many at once as there are places.
    pub async fn serve(
        self,
        handler: Arc<impl Handler>,
        busy: Arc<RwLock<()>>,
        times: Times,
        places: Arc<Places>,
    ) {
        loop {
            let place = places.take().await;
            let accepted = match &self {
                Self::Unix(listener, _) => listener
                    .accept()
                    .await
                    .map(|(stream, _)| (Box::new(stream) as Io, None)),
                Self::Tcp(listener, acceptor) => listener.accept().await.map(|(stream, _)| {
                    // A peer that vanished without a word would else be waited for for ever.
                    let _of_no_use = sockopt::set_socket_keepalive(&stream, true)
                        .and_then(|()| sockopt::set_tcp_keepidle(&stream, ASKED))
                        .and_then(|()| sockopt::set_tcp_keepintvl(&stream, ASKED));
                    let _of_no_use = stream.set_nodelay(true);
                    match acceptor {
                        None => (Box::new(stream) as Io, None),
                        Some(acceptor) => (Box::new(stream) as Io, Some(acceptor.clone())),
                    }
                }),
            };
            let (io, acceptor) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    places.refused(&error);
                    sleep(PAUSE).await;
                    continue;
                }
            };
            let (handler, busy) = (Arc::clone(&handler), Arc::clone(&busy));
            tokio::spawn(async move {
                let _place = place;
                let io = match acceptor {
                    None => io,
                    Some(acceptor) => match timeout(HANDSHAKE, acceptor.accept(io)).await {
                        Ok(Ok(stream)) => Box::new(stream) as Io,
                        _ => return,
                    },
                };
                Connection::new(io, times).serve(handler, busy).await;
            });
        }
    }
}

/// Whether whoever listens runs, as far as can be told: of one outside of our process table, which has
/// the number 0, it cannot.
fn is_owned(stream: std::os::unix::net::UnixStream) -> bool {
    let nonblocking = stream.set_nonblocking(true);
    let stream = nonblocking.and_then(|()| UnixStream::from_std(stream));
    let owner = stream.and_then(|stream| stream.peer_cred());
    let pid = owner.ok().and_then(|owner| owner.pid());
    pid.is_none_or(|pid| pid == 0 || Stat::of_running(pid).is_some())
}

async fn unix(path: &Path, mode: u32) -> Result<Listener, ListenError> {
    let failed = |what| {
        move |source| ListenError::Unix {
            what,
            path: path.to_owned(),
            source,
        }
    };
    match std::fs::symlink_metadata(path) {
        Ok(meta) if meta.file_type().is_socket() => {
            let began = Instant::now();
            while let Ok(stream) = std::os::unix::net::UnixStream::connect(path) {
                let patience = match is_owned(stream) {
                    true => PATIENCE,
                    false => LAST_CALL,
                };
                if began.elapsed() > patience {
                    return Err(ListenError::InUse(path.to_owned()));
                }
                sleep(PAUSE).await;
            }
            std::fs::remove_file(path).map_err(failed("remove the stale socket"))?;
        }
        Ok(_) => return Err(ListenError::NoSocket(path.to_owned())),
        Err(_) => {
            if let Some(parent) = path.parent() {
                std::fs::create_dir_all(parent).map_err(failed("make the directory of"))?;
            }
        }
    }
    let listener = UnixListener::bind(path).map_err(failed("listen on"))?;
    let file = SocketFile(path.to_owned());
    let mode = std::fs::Permissions::from_mode(mode);
    std::fs::set_permissions(path, mode).map_err(failed("set the mode of"))?;
    Ok(Listener::Unix(listener, file))
}
