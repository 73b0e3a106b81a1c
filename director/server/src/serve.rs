//! Runs the roles of a director until it is told to stop.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinSet;
use warren_director_api::{Api, Features, Info, User};
use warren_director_blobstore::{Access, Local, Signer};
use warren_director_bus::{Bus, ServerUrl, Tls};
use warren_director_cpi::{Cpi, Settings};
use warren_director_engine::{Config, Engine, Nats, Parts, Worker};
use warren_director_store::{Store, output::Outputs, tasks, uuid};
use warren_director_templates::Pool;
use warren_wire_manifest::cloud_config::CloudOptions;

use crate::presence::Presence;
use crate::{Error, Home, Place};

/// A part of a director that may run in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Answers clients.
    Api,
    /// Works on tasks.
    Worker,
    /// Gives blobs to agents.
    Blobstore,
}

/// How a director is run.
#[derive(Debug, Clone)]
pub struct Options {
    /// Its directory.
    pub home: PathBuf,
    /// Its name.
    pub name: String,
    /// Its version, for people.
    pub version: String,
    /// The address that agents and clients use.
    pub address: IpAddr,
    /// Where clients are answered.
    pub listen: SocketAddr,
    /// Where agents get blobs.
    pub blobstore_listen: SocketAddr,
    /// The database; SQLite in the home if `None`.
    pub database: Option<String>,
    /// The bus; its port at `address` if `None`.
    pub nats: Option<String>,
    /// The port of the bus that the home's configuration names.
    pub nats_port: u16,
    /// The CPI's program and arguments.
    pub cpi: Vec<PathBuf>,
    /// What Ruby is started with.
    pub ruby: Vec<String>,
    /// How many tasks at once.
    pub workers: usize,
    /// Which roles.
    pub roles: Vec<Role>,
}

/// Prepares the home and runs the roles until `stop` is ready.
///
/// # Errors
/// [`Error`].
pub async fn serve(options: Options, stop: impl Future<Output = ()>) -> Result<(), Error> {
    let place = Place {
        address: options.address,
        nats_port: options.nats_port,
    };
    let home = Home::prepare(&options.home, &place)?;
    let database = options
        .database
        .clone()
        .unwrap_or_else(|| home.path("director.db").display().to_string());
    let store = Store::open(&database).await?;
    let blobs = Local::open(&home.path("blobs")).await?;
    let outputs = Outputs::new(&home.path("tasks"));
    let (ending, ended) = watch::channel(false);
    let mut running: JoinSet<Result<(), Error>> = JoinSet::new();
    for role in &options.roles {
        match role {
            Role::Api => {
                api(
                    &options,
                    &home,
                    &store,
                    &outputs,
                    &blobs,
                    &ended,
                    &mut running,
                )
                .await?
            }
            Role::Worker => {
                workers(
                    &options,
                    &home,
                    &store,
                    &outputs,
                    &blobs,
                    &ended,
                    &mut running,
                )
                .await?
            }
            Role::Blobstore => blobstore(&options, &home, &blobs, &ended, &mut running).await?,
        }
    }
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
    outcome
}

async fn until(mut ended: watch::Receiver<bool>) {
    // A sender that is gone has ended too.
    let _ = ended.wait_for(|ended| *ended).await.is_ok();
}

async fn listen(address: SocketAddr) -> Result<TcpListener, Error> {
    TcpListener::bind(address)
        .await
        .map_err(|source| Error::Listen { address, source })
}

async fn api(
    options: &Options,
    home: &Home,
    store: &Store,
    outputs: &Outputs,
    blobs: &Local,
    ended: &watch::Receiver<bool>,
    running: &mut JoinSet<Result<(), Error>>,
) -> Result<(), Error> {
    let user = |name: &str, password: &str| User {
        name: name.to_owned(),
        password: password.to_owned(),
        scopes: vec!["bosh.admin".to_owned()],
    };
    let api = Api {
        store: store.clone(),
        outputs: outputs.clone(),
        blobs: blobs.clone(),
        info: Info {
            name: options.name.clone(),
            uuid: home.secrets.uuid.clone(),
            version: options.version.clone(),
            cpi: "warden_cpi".to_owned(),
            stemcell_os: "-".to_owned(),
            stemcell_version: "-".to_owned(),
            features: Features {
                local_dns: Some("bosh".to_owned()),
                ..Features::default()
            },
        },
        users: vec![
            user("admin", &home.secrets.admin_password),
            user("hm", &home.secrets.hm_password),
        ],
        upload_dir: home.path("uploads"),
        cloud: CloudOptions {
            ignore_missing_gateway: true,
            director_ips: vec![options.address],
        },
        certificates: Vec::new(),
        metrics: true,
    };
    let listener = listen(options.listen).await?;
    let tls = warren_lib_https::server_config(&home.server.certificate, &home.server.key)?;
    let ended = ended.clone();
    running.spawn(async move {
        let router = warren_director_api::router(api);
        warren_lib_https::serve(listener, Some(tls), router, until(ended))
            .await
            .map_err(|source| Error::Ended {
                role: "API",
                source,
            })
    });
    Ok(())
}

async fn blobstore(
    options: &Options,
    home: &Home,
    blobs: &Local,
    ended: &watch::Receiver<bool>,
    running: &mut JoinSet<Result<(), Error>>,
) -> Result<(), Error> {
    let user = |name: &str, password: &str| warren_director_blobstore::User {
        name: name.to_owned(),
        password: password.to_owned(),
    };
    let access = Access {
        readers: Vec::new(),
        // Agents put what they compile and the logs they are asked for.
        writers: vec![
            user("director", &home.secrets.blobstore_director_password),
            user("agent", &home.secrets.blobstore_agent_password),
        ],
        signer: Some(Signer::new(&home.secrets.blobstore_secret)),
    };
    let router = warren_director_blobstore::router(blobs.clone(), access);
    let listener = listen(options.blobstore_listen).await?;
    let tls = warren_lib_https::server_config(&home.server.certificate, &home.server.key)?;
    let ended = ended.clone();
    running.spawn(async move {
        warren_lib_https::serve(listener, Some(tls), router, until(ended))
            .await
            .map_err(|source| Error::Ended {
                role: "blobstore",
                source,
            })
    });
    Ok(())
}

async fn workers(
    options: &Options,
    home: &Home,
    store: &Store,
    outputs: &Outputs,
    blobs: &Local,
    ended: &watch::Receiver<bool>,
    running: &mut JoinSet<Result<(), Error>>,
) -> Result<(), Error> {
    let url = options.nats.clone().unwrap_or_else(|| {
        format!(
            "nats://{}",
            SocketAddr::new(options.address, options.nats_port)
        )
    });
    let server = ServerUrl::parse(&url).map_err(|source| Error::Nats {
        url: url.clone(),
        source: source.into(),
    })?;
    let bus = Bus::start(warren_director_bus::Options {
        servers: vec![server],
        tls: Some(Tls {
            ca: home.nats_ca.certificate.clone(),
            certificate: home.nats_director.certificate.clone(),
            private_key: home.nats_director.key.clone(),
            common_name: None,
        }),
        process: uuid::new(),
    })?;
    let engine = Engine::new(Parts {
        config: config(options, home),
        store: store.clone(),
        outputs: outputs.clone(),
        bus: bus.clone(),
        users: Some(home.users()),
        cpi: Cpi::new(
            Settings {
                command: options.cpi.clone(),
                director_uuid: home.secrets.uuid.clone(),
                properties: Map::new(),
                preferred_version: 3,
            },
            Arc::new(|_| ()),
        ),
        blobs: blobs.clone(),
        templates: Pool::new(warren_director_templates::Options {
            command: options.ruby.clone(),
            ..warren_director_templates::Options::default()
        }),
    });
    // What a killed one left is taken up before anything new is.
    let presence = Presence::new(&home.path("workers"))?;
    for process in presence.departed()? {
        tasks::abandon(store.pool(), &process).await?;
        presence.forget(&process)?;
    }
    for queue in ["normal", "urgent"] {
        for _ in 0..options.workers.max(1) {
            let (engine, ended) = (engine.clone(), ended.clone());
            let worker = Worker::new(queue, presence.name());
            running.spawn(async move {
                warren_director_engine::run(engine, worker, until(ended)).await;
                Ok(())
            });
        }
    }
    let there = ended.clone();
    running.spawn(async move {
        until(there).await;
        drop(presence);
        Ok(())
    });
    // Machines that there are must be able to come back after the bus was away.
    let ended = ended.clone();
    running.spawn(async move {
        let keep = async {
            loop {
                if let Err(error) = engine.write_users().await {
                    eprintln!("users of the bus: {}", error.story());
                }
                tokio::time::sleep(Duration::from_secs(5)).await;
            }
        };
        tokio::select! {
            () = until(ended) => {}
            () = keep => {}
        }
        Ok(())
    });
    Ok(())
}

fn config(options: &Options, home: &Home) -> Config {
    let endpoint = format!(
        "https://{}",
        SocketAddr::new(options.address, options.blobstore_listen.port())
    );
    let mut agent_env = Map::new();
    agent_env.insert(
        "blobstores".into(),
        json!([{
            "provider": "dav",
            "options": {
                "endpoint": endpoint,
                "user": "agent",
                "password": home.secrets.blobstore_agent_password,
                "tls": {"cert": {"ca": home.ca.certificate}},
            },
        }]),
    );
    agent_env.insert("ntp".into(), json!([]));
    Config {
        name: options.name.clone(),
        uuid: home.secrets.uuid.clone(),
        domain: "bosh".to_owned(),
        use_dns_addresses: false,
        ignore_missing_gateway: true,
        own_ips: vec![options.address],
        nats: Some(Nats {
            server_ca: home.nats_ca.certificate.clone(),
            client_ca: home.nats_ca.certificate.clone(),
            client_ca_key: home.nats_ca.key.clone(),
        }),
        agent_env,
        trusted_certs: String::new(),
        work: home.path("work"),
        max_threads: 32,
        agent_patience: Duration::from_secs(600),
        silent_after: Duration::from_secs(20),
        keep_unreachable_vms: false,
        resize_disks: true,
    }
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
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(ended)?;
    runtime.block_on(async {
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
