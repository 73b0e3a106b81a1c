//! Runs the roles of a director until it is told to stop.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tokio::sync::watch;
use warren_director_blobstore::Local;
use warren_director_store::{Store, output::Outputs, provision};
use warren_lib_telemetry::{Level, log};

use crate::metrics::Shared;
use crate::presence::Presence;
use crate::roles::{self, Running, Scene, until};
use crate::{Error, Home, Options, Place, Role, sweep};

/// How long a database may be away when a director starts, or be without its role.
const PATIENCE: Duration = Duration::from_secs(60);

/// Makes what is missing: the home, and role and database in PostgreSQL if a superuser is named.
///
/// # Errors
/// [`Error`].
pub async fn prepare(options: &Options) -> Result<Home, Error> {
    let place = Place {
        address: options.address,
        nats_port: options.nats_port,
    };
    let home = Home::prepare(&options.home, &place)?;
    if let Some(admin) = &options.database_admin {
        let database = options.database.as_deref().unwrap_or_default();
        let made = provision::provision(admin, database, PATIENCE).await?;
        let fields = [
            ("role", json!(made.role)),
            ("database", json!(made.database)),
        ];
        log::line(Level::Info, "database_prepared", &fields);
    }
    Ok(home)
}

/// Prepares the home and runs the roles until `stop` is ready.
///
/// # Errors
/// [`Error`].
pub async fn serve(options: Options, stop: impl Future<Output = ()>) -> Result<(), Error> {
    let home = prepare(&options).await?;
    let database = options
        .database
        .clone()
        .unwrap_or_else(|| home.path("director.db").display().to_string());
    let store = Store::open_patiently(&database, PATIENCE).await?;
    let outputs = Outputs::new(&home.path("tasks"));
    let presence = Arc::new(Presence::new(&home.path("workers"))?);
    let blobs = Local::open(&home.path("blobs"), presence.name()).await?;
    sweep::sweep(&home, &presence, &store).await?;
    let process = name(&options.roles);
    let metrics = Shared::new(&home.path("metrics"), presence.name(), &process);
    let socket = metrics.listen()?;
    let (ending, ended) = watch::channel(false);
    let mut running = Running::new();
    let scene = Scene {
        options: &options,
        home: &home,
        store: &store,
        outputs: &outputs,
        blobs: &blobs,
        presence: &presence,
        metrics: &metrics,
        ended: &ended,
    };
    for role in &options.roles {
        roles::start(*role, &scene, &mut running).await?;
    }
    let (telling, stopped) = (Arc::clone(&metrics), ended.clone());
    running.spawn(async move {
        tokio::select! {
            () = until(stopped) => Ok(()),
            told = telling.tell(socket) => told.map_err(|source| Error::Ended {
                role: "metrics",
                source,
            }),
        }
    });
    let fields = [
        ("roles", json!(process)),
        ("process", json!(presence.name())),
        ("version", json!(options.version)),
    ];
    log::line(Level::Info, "started", &fields);
    let outcome = tokio::select! {
        () = stop => Ok(()),
        Some(done) = running.join_next() => match done {
            Ok(done) => done,
            Err(error) => Err(Error::Ended {
                role: "director",
                source: std::io::Error::other(error),
            }),
        },
    };
    let _ = ending.send(true);
    while running.join_next().await.is_some() {}
    store.close().await;
    log::line(Level::Info, "stopped", &[("roles", json!(process))]);
    outcome
}

/// What a process with these roles is called.
fn name(roles: &[Role]) -> String {
    if Role::ALL.iter().all(|role| roles.contains(role)) {
        return "director".to_owned();
    }
    let names: Vec<_> = roles.iter().map(|role| role.name()).collect();
    names.join("+")
}

/// Runs the roles until SIGTERM or SIGINT. Blocks.
///
/// # Errors
/// [`Error`].
pub fn run(options: Options) -> Result<(), Error> {
    let ended = |source| Error::Ended {
        role: "director",
        source,
    };
    runtime(&options)?.block_on(async {
        use tokio::signal::unix::{SignalKind, signal};
        let mut terminate = signal(SignalKind::terminate()).map_err(ended)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(ended)?;
        let stop = async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        serve(options, stop).await
    })
}

/// Makes what is missing, and ends. Blocks.
///
/// # Errors
/// [`Error`].
pub fn prepare_only(options: &Options) -> Result<(), Error> {
    runtime(options)?.block_on(prepare(options)).map(drop)
}

fn runtime(options: &Options) -> Result<tokio::runtime::Runtime, Error> {
    // Tasks, requests and blobs may keep several processors busy; the others have next to nothing to
    // do, and each thread costs memory.
    let busy = |role: &Role| matches!(role, Role::Api | Role::Worker | Role::Blobstore);
    let mut builder = match options.roles.iter().any(busy) {
        true => tokio::runtime::Builder::new_multi_thread(),
        false => tokio::runtime::Builder::new_current_thread(),
    };
    builder.enable_all().build().map_err(|source| Error::Ended {
        role: "director",
        source,
    })
}
