//! The agent's life.
//!
//! ```text
//! configuration ─► settings (waited for) ─► bootstrap ─► firewall ─► bus ─► resumed tasks
//!                                                                     ├─► heartbeats
//!                                                                     └─► mails of the supervisor
//! ```
//!
//! Where the settings name an https mbus, as create-env does, its listener stands for the bus, and
//! nobody hears heartbeats and mails.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use warren_wire_agent::JsonError;
use warren_wire_agent::config::AgentConfig;
use warren_wire_agent::envelope::Response;

use crate::agent::{Agent, Uplink, UplinkError};
use crate::bootstrap::{self, BootstrapError};
use crate::bus::Bus;
use crate::dispatch::Dispatcher;
use crate::files::{FileError, failed};
use crate::firewall::{Guard, Missing, Mode};
use crate::hope::Hope;
use crate::listener::{self, Listener, ListenerError};
use crate::monit::Monit;
use crate::monit::reload::Ways;
use crate::paths::Paths;
use crate::process::Cancel;
use crate::{alerts, heartbeat, say, settings, spec};

/// How an agent is to live.
#[derive(Debug, Clone)]
pub struct Options {
    /// The root of all paths.
    pub root: PathBuf,
    /// `agent.json`.
    pub config: PathBuf,
    /// How long settings are waited for.
    pub patience: Duration,
    /// How long it is refused what it needs until it says that it cannot get on; it tries on.
    pub hopeless_after: Duration,
    /// The firewall.
    pub firewall: Mode,
    /// Where the supervisor listens.
    pub monit: String,
    /// How a supervisor that cannot be asked is made to read its files.
    pub reload: Ways,
    /// Where mails of the supervisor are taken; none: nowhere.
    pub alerts: Option<String>,
}

impl Options {
    /// As stock agents live, with this configuration.
    #[must_use]
    pub fn new(config: PathBuf) -> Self {
        Self {
            root: PathBuf::from("/"),
            config,
            patience: Duration::from_secs(600),
            hopeless_after: Duration::from_secs(30),
            firewall: Mode::default(),
            monit: "127.0.0.1:2822".to_owned(),
            reload: Ways::of_system(),
            alerts: Some(alerts::PLACE.to_owned()),
        }
    }
}

/// The agent could not live.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The configuration.
    #[error("{} is not an agent's configuration", path.display())]
    Config {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: JsonError,
    },
    /// Settings.
    #[error(transparent)]
    Settings(#[from] settings::SettingsError),
    /// The spec.
    #[error(transparent)]
    Spec(#[from] spec::SpecError),
    /// A step of the boot.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapError),
    /// The firewall.
    #[error(transparent)]
    Firewall(#[from] Missing),
    /// The bus.
    #[error(transparent)]
    Bus(#[from] UplinkError),
    /// Create-env's own listener.
    #[error(transparent)]
    Listener(#[from] ListenerError),
    /// Signals.
    #[error("cannot wait for signals")]
    Signals(#[source] std::io::Error),
}

/// An agent that lives.
pub struct Running {
    /// Its parts.
    pub agent: Arc<Agent>,
    /// Its bus, if it is NATS.
    pub bus: Option<Arc<Bus>>,
    /// Create-env's listener, if it is that.
    pub listener: Option<Listener>,
    dispatcher: Dispatcher,
    cancel: Cancel,
    heartbeats: Option<JoinHandle<()>>,
}

/// Starts an agent.
///
/// # Errors
/// [`ServeError`].
pub fn start(options: &Options) -> Result<Running, ServeError> {
    let begun = Instant::now();
    let paths = Paths::new(&options.root);
    let path = &options.config;
    let bytes = std::fs::read(path).map_err(failed("read", path))?;
    let config = AgentConfig::parse(&bytes).map_err(|source| ServeError::Config {
        path: path.clone(),
        source,
    })?;
    let patience = settings::Patience {
        wait: options.patience,
        hopeless_after: options.hopeless_after,
    };
    let settings = settings::Store::open(&paths, &config, patience)?;
    let spec = spec::Store::open(&paths)?;
    let mbus = settings.mbus();
    let monit = Monit::new(paths.clone(), &options.monit, options.reload.clone());
    let has_own_rules = config.platform.linux.use_monit_iptables_firewall;
    let agent = Arc::new(Agent::new(paths, config, settings, spec, monit));
    let settled = begun.elapsed();
    bootstrap::run(&agent)?;
    let booted = begun.elapsed();
    let urls = mbus.urls.iter().map(|url| url.0.clone()).collect();
    let guard = Arc::new(Guard::start(options.firewall, !has_own_rules, urls)?);
    let guarded = begun.elapsed();
    let dispatcher = Dispatcher::new(Arc::clone(&agent));
    // They are known, and in the queue before all others, when the first request comes.
    let (there_is_a_bus, told) = channel();
    dispatcher.resume(told);
    let https = mbus.urls.iter().find(|url| url.0.starts_with("https://"));
    let (bus, listener) = match https {
        Some(url) => {
            let listener = Listener::start(&agent, dispatcher.clone(), &url.0)?;
            (None, Some(listener))
        }
        None => {
            let id = agent.settings.agent_id();
            let hope = Hope::new(options.hopeless_after);
            let bus = Bus::start(&id, &mbus, dispatcher.clone(), guard, hope)?;
            agent.set_uplink(Some(Arc::clone(&bus) as Arc<dyn Uplink>));
            (Some(bus), None)
        }
    };
    say!(
        "serve",
        "agent {}: settings after {} ms, bootstrap {} ms, firewall {} ms",
        agent.settings.agent_id(),
        settled.as_millis(),
        (booted - settled).as_millis(),
        (guarded - booted).as_millis()
    );
    // Nobody listens where nothing is to be resumed.
    let _listens = there_is_a_bus.send(());
    let cancel = Cancel::default();
    let (theirs, wish) = (Arc::clone(&agent), cancel.clone());
    let heartbeats = std::thread::Builder::new()
        .name("heartbeat".to_owned())
        .spawn(move || heartbeat::run(&theirs, &wish))
        .map_err(|error| ServeError::Bus(UplinkError::Start(error)))?;
    if let Some(place) = &options.alerts
        && let Err(error) = alerts::start(&agent, place)
    {
        say!(
            "alerts",
            "mails of the supervisor are not taken at {place}: {error}"
        );
    }
    Ok(Running {
        agent,
        bus,
        listener,
        dispatcher,
        cancel,
        heartbeats: Some(heartbeats),
    })
}

impl Running {
    /// Answers a request that came over something other than NATS.
    #[must_use]
    pub fn answer(&self, payload: &[u8]) -> Option<Response> {
        listener::answer(&self.dispatcher, payload)
    }

    /// Ends the agent; jobs go on.
    pub fn stop(mut self) {
        self.cancel.cancel();
        if let Some(thread) = self.heartbeats.take() {
            // A panic there was reported by the runtime already.
            let _ = thread.join();
        }
        if let Some(bus) = &self.bus {
            let _ = bus.flush(Duration::from_secs(1));
        }
        self.agent.set_uplink(None);
    }
}

/// Lives until SIGTERM or SIGINT.
///
/// # Errors
/// [`ServeError`].
pub fn run(options: &Options) -> Result<(), ServeError> {
    let mut signals = Signals::new([SIGTERM, SIGINT]).map_err(ServeError::Signals)?;
    let running = start(options)?;
    if signals.forever().next().is_some() {
        say!("serve", "ending");
    }
    running.stop();
    Ok(())
}
