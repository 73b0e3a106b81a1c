//! A server from its start to its end.

mod reap;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::RwLock;
use tokio::time::timeout;
use warren_sys_process::descriptor_limit;

use crate::api::Api;
use crate::config::Config;
use crate::debug::Debug;
use crate::gardener::Gardener;
use crate::http::connection::{Handler, Times};
use crate::http::listen::{Bind, ListenError, Listener};
use crate::http::places::{self, Places};

/// How long calls that are being answered may go on at the end.
const PATIENCE: Duration = Duration::from_secs(10);
/// Threads that move bytes; what takes its time has others.
const WORKERS: usize = 2;
/// Threads for what takes its time that no connection has: for the end of grace times and of processes.
const OWN: usize = 64;
/// Connections to the debug socket at once.
const ONLOOKERS: usize = 16;
/// How long an idle thread for what takes its time is kept.
const KEPT: Duration = Duration::from_secs(5);

/// A server could not run.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Its threads.
    #[error("cannot start the server's threads")]
    Runtime(#[source] io::Error),
    /// Signals.
    #[error("cannot wait for signals")]
    Signals(#[source] io::Error),
    /// A socket.
    #[error("cannot listen")]
    Listen(#[from] ListenError),
    /// The backend.
    #[error("cannot open the backend")]
    Backend(#[source] warren_wire_garden::Error),
}

/// A server that answers.
#[derive(Debug, Clone)]
pub struct Ready {
    /// Addresses of its TCP sockets, in the order of [`Config::binds`].
    pub addresses: Vec<SocketAddr>,
    /// Address of the debug socket.
    pub debug: Option<SocketAddr>,
}

/// Runs a server until SIGTERM or SIGINT; `ready` is called once it answers. Containers live on.
///
/// # Errors
/// [`Error`]; nothing is changed then but for what was found half made.
pub fn serve(config: Config, ready: impl FnOnce(&Ready) + Send + 'static) -> Result<(), Error> {
    if let Err(errno) = descriptor_limit::raise() {
        let why = errno.to_string();
        let text = "cannot raise the soft limit of descriptors; fewer clients have a place";
        config.log.error(text, &[("error", &why)]);
    }
    let places = places::of_process();
    let runtime = Builder::new_multi_thread()
        .worker_threads(WORKERS)
        // An archive holds its thread for as long as its client likes. However many clients do nothing,
        // there are some left for others' calls and for our own work.
        .max_blocking_threads(places + OWN)
        .thread_keep_alive(KEPT)
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    let outcome = runtime.block_on(run(config, places, ready));
    // Conversations end with their sockets; processes go on.
    Runtime::shutdown_background(runtime);
    outcome
}

async fn run(config: Config, places: usize, ready: impl FnOnce(&Ready)) -> Result<(), Error> {
    let mut terminate = signal(SignalKind::terminate()).map_err(Error::Signals)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(Error::Signals)?;
    let mut listeners = Vec::new();
    for bind in &config.binds {
        listeners.push(Listener::open(bind).await?);
    }
    let debug = match config.debug {
        None => None,
        Some(address) => Some(Listener::open(&Bind::Tcp { address, tls: None }).await?),
    };
    let told = Ready {
        addresses: listeners.iter().filter_map(Listener::address).collect(),
        debug: debug.as_ref().and_then(Listener::address),
    };
    let log = config.log.clone();
    for each in &config.without_effect {
        let values = [("flag", each.flag), ("because", each.because)];
        log.error("this flag changes nothing here", &values);
    }
    let throttling = config.throttling;
    let opening = {
        let log = log.clone();
        tokio::task::spawn_blocking(move || Gardener::open(config, log))
    };
    let gardener = match opening.await {
        Ok(opened) => Arc::new(opened.map_err(Error::Backend)?),
        Err(broken) => return Err(Error::Runtime(io::Error::other(broken))),
    };
    let busy = Arc::new(RwLock::new(()));
    let mut serving = Vec::new();
    let api = Arc::new(Api::new(Arc::clone(&gardener)));
    let places = Arc::new(Places::new(places, log.clone()));
    for listener in listeners {
        serving.push(spawn(listener, Arc::clone(&api), &busy, &places));
    }
    if let Some(listener) = debug {
        let debug = Arc::new(Debug::new(Arc::clone(&gardener)));
        // Of its own: it is looked at when something is wrong.
        let places = Arc::new(Places::new(ONLOOKERS, log.clone()));
        serving.push(spawn(listener, debug, &busy, &places));
    }
    let reaper = tokio::spawn(reap::reap(Arc::clone(&gardener)));
    let burying = tokio::spawn(bury(Arc::clone(&gardener)));
    let throttling = throttling.map(|pause| tokio::spawn(throttle(Arc::clone(&gardener), pause)));
    log.info("serving", &[]);
    ready(&told);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    log.info("ending; containers live on", &[]);
    reaper.abort();
    burying.abort();
    throttling.iter().for_each(tokio::task::JoinHandle::abort);
    for task in serving {
        task.abort();
        // Dropping the listener removes its socket.
        let _aborted = task.await;
    }
    if let Ok(_nobody) = timeout(PATIENCE, busy.write()).await {
        let leaving = tokio::task::spawn_blocking(move || gardener.leave());
        let _done = leaving.await;
    } else {
        log.error(
            "calls were cut off; what they half made is removed at the next start",
            &[],
        );
    }
    api.end();
    Ok(())
}

fn spawn(
    listener: Listener,
    handler: Arc<impl Handler>,
    busy: &Arc<RwLock<()>>,
    places: &Arc<Places>,
) -> tokio::task::JoinHandle<()> {
    let (busy, places) = (Arc::clone(busy), Arc::clone(places));
    tokio::spawn(listener.serve(handler, busy, Times::default(), places))
}

/// Holds back containers that use more CPU time than they are entitled to.
async fn throttle(gardener: Arc<Gardener>, pause: Duration) {
    loop {
        tokio::time::sleep(pause).await;
        let gardener = Arc::clone(&gardener);
        let looking = tokio::task::spawn_blocking(move || gardener.throttle());
        let _done = looking.await;
    }
}

/// Clears away what processes with a root file system of their own leave when they end.
async fn bury(gardener: Arc<Gardener>) {
    let Some(mut watches) = gardener.watches() else {
        return;
    };
    while let Some(mut watch) = watches.recv().await {
        let gardener = Arc::clone(&gardener);
        tokio::spawn(async move {
            watch.ended().await;
            let burying = tokio::task::spawn_blocking(move || gardener.bury(&watch));
            let _done = burying.await;
        });
    }
}
