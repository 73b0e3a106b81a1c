//! Serves a router over TCP, with TLS or without; who a client says it is.
//!
//! Each connection is a task of its own; a handshake that takes too long ends its connection alone.
//! When told to stop, it takes no more connections, lets requests that are being answered end, and
//! returns.

pub mod basic;
mod tls;

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

pub use tls::{TlsError, server_config};
/// A TLS configuration of a server.
pub type ServerConfig = rustls::ServerConfig;

/// How long a client may take for the handshake, and for the head of a request.
const PATIENCE: Duration = Duration::from_secs(30);

/// How long requests may still take after the end was asked for.
const GRACE: Duration = Duration::from_secs(10);

/// Who made a request: the peer's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer(pub std::net::SocketAddr);

/// Serves `router` until `stop` is ready. Handlers find their [`Peer`] among a request's extensions.
///
/// # Errors
/// Only those of a listener that does not work any more.
pub async fn serve(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    router: Router,
    stop: impl Future<Output = ()>,
) -> io::Result<()> {
    let acceptor = tls.map(TlsAcceptor::from);
    let (ending, ended) = watch::channel(false);
    let mut stop = std::pin::pin!(stop);
    loop {
        let (stream, peer) = tokio::select! {
            () = &mut stop => break,
            accepted = listener.accept() => match accepted {
                Ok(accepted) => accepted,
                // The client is gone already, or there are no descriptors for a moment.
                Err(error) if is_passing(&error) => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                    continue;
                }
                Err(error) => return Err(error),
            },
        };
        let acceptor = acceptor.clone();
        let router = router.clone().layer(axum::Extension(Peer(peer)));
        let ended = ended.clone();
        tokio::spawn(async move { connection(stream, acceptor, router, ended).await });
    }
    drop(listener);
    let _ = ending.send(true);
    drop(ended);
    // Each connection holds a receiver.
    let _ = timeout(GRACE, ending.closed()).await;
    Ok(())
}

fn is_passing(error: &io::Error) -> bool {
    !matches!(
        error.kind(),
        io::ErrorKind::InvalidInput | io::ErrorKind::NotConnected
    )
}

async fn connection(
    stream: TcpStream,
    acceptor: Option<TlsAcceptor>,
    router: Router,
    ended: watch::Receiver<bool>,
) {
    // Small answers must not wait for each other.
    let _ = stream.set_nodelay(true);
    match acceptor {
        None => requests(stream, router, ended).await,
        Some(acceptor) => {
            if let Ok(Ok(stream)) = timeout(PATIENCE, acceptor.accept(stream)).await {
                requests(stream, router, ended).await;
            }
        }
    }
}

async fn requests(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    router: Router,
    mut ended: watch::Receiver<bool>,
) {
    let service = TowerToHyperService::new(router);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut connection = std::pin::pin!(connection);
    // An error is one of this client alone: it hung up, or spoke something else.
    tokio::select! {
        _ = connection.as_mut() => {}
        () = until(&mut ended) => {
            connection.as_mut().graceful_shutdown();
            let _ = connection.await;
        }
    }
}

/// Waits for the end; a server that is gone has ended too.
async fn until(ended: &mut watch::Receiver<bool>) {
    // The guard must not live on into the caller's wait.
    let _ = ended.wait_for(|ended| *ended).await.is_ok();
}
