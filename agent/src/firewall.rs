//! Who may talk to monit and NATS: the agent alone, by its cgroup.
//!
//! The agent enters a cgroup of its own first, so that nothing else in this VM is taken for it.
//! Then the crate `firewall` puts the rules in force; while the agent goes on, it proves them. Before
//! each attempt to connect, the rules are brought up to date with the addresses of the servers.

use std::path::Path;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use rustix::process::getpid;
use warren_firewall::dns::SystemResolver;
use warren_firewall::endpoint::Mbus;
use warren_firewall::identity::AgentRef;
use warren_firewall::policy::{MONIT_PORT, Policy};
use warren_firewall::setup::{InForce, Request, enforce};
use warren_firewall::table::Kernel;
use warren_lib_errchain::chain;
use warren_sys_cgroup::Process;
use warren_sys_cgroup::locate::locate_writable;

use crate::say;

/// Name of the agent's own cgroup, below the one it was started in.
const GROUP: &str = "warren-agent";
/// Rules are not looked at more often than this while connections fail.
const AGAIN: Duration = Duration::from_secs(5);

/// What to do about the firewall.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mode {
    /// Cgroup where it can be had, else user id 0, else none, each with a line in the log.
    #[default]
    BestEffort,
    /// Cgroup, or the agent does not start.
    Required,
    /// No rules.
    Off,
}

/// The firewall cannot be had.
#[derive(Debug, thiserror::Error)]
#[error(
    "the firewall cannot be set up: {0}; start the agent with --firewall best-effort to go without"
)]
pub struct Missing(String);

/// Keeps the rules up to date.
pub struct Guard {
    mode: Mode,
    monit: bool,
    urls: Mutex<Vec<String>>,
    last: Mutex<Option<Instant>>,
}

impl Guard {
    /// Enters the cgroup, and protects monit and these servers.
    ///
    /// # Errors
    /// [`Missing`], where it is required.
    pub fn start(mode: Mode, monit: bool, urls: Vec<String>) -> Result<Self, Missing> {
        let guard = Self {
            mode,
            monit,
            urls: Mutex::new(urls),
            last: Mutex::new(None),
        };
        if mode == Mode::Off {
            say!("firewall", "switched off");
            return Ok(guard);
        }
        if let Err(why) = enter() {
            say!(
                "firewall",
                "no cgroup of our own, those who share ours pass as well: {why}"
            );
        }
        match guard.apply() {
            Err(why) if mode == Mode::Required => Err(Missing(why)),
            Err(why) => {
                say!("firewall", "NOT IN FORCE: {why}");
                Ok(guard)
            }
            Ok(()) => Ok(guard),
        }
    }

    /// Other servers are to be protected from now on.
    pub fn set_urls(&self, urls: Vec<String>) {
        *self.urls.lock().unwrap_or_else(PoisonError::into_inner) = urls;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = None;
        self.before_connect();
    }

    /// Brings the rules up to date; a failure leaves those in force.
    pub fn before_connect(&self) {
        let is_recent = {
            let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
            last.is_some_and(|last| last.elapsed() < AGAIN)
        };
        if self.mode != Mode::Off
            && !is_recent
            && let Err(why) = self.apply()
        {
            say!("firewall", "the rules stay as they are: {why}");
        }
    }

    fn apply(&self) -> Result<(), String> {
        let urls = self
            .urls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let mut nats = Vec::new();
        for url in urls {
            // A text that is no URL may hold a password.
            match url.parse::<Mbus>() {
                Ok(Mbus::Nats(endpoint)) => nats.push(endpoint),
                Ok(Mbus::Listener) => {}
                Err(error) => say!("firewall", "an mbus URL is passed over: {error}"),
            }
        }
        let policy = Policy {
            monit: self.monit.then_some(MONIT_PORT),
            nats,
            ..Policy::default()
        };
        let request = Request {
            policy,
            agent: AgentRef::Current,
            may_degrade: self.mode == Mode::BestEffort,
        };
        let mut kernel = Kernel::open().map_err(|error| chain(&error))?;
        let mut resolver = SystemResolver::new(Path::new("/"));
        let rules = enforce(&mut kernel, &request, &mut resolver).map_err(|error| chain(&error))?;
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        if let Some(why) = &rules.agent.degraded {
            say!(
                "firewall",
                "user id 0 is let through instead of our cgroup: {why}"
            );
        }
        // Neither the proof nor the end of the connection to nftables, for which the kernel takes tens
        // of milliseconds, is anything that a director waits for.
        let proving = std::thread::Builder::new().name("firewall".to_owned());
        let spawned = proving.spawn(move || prove(&mut kernel, rules));
        if let Err(error) = spawned {
            say!("firewall", "in force, and not proved: {error}");
        }
        Ok(())
    }
}

/// Proves rules, and tells if they are new.
fn prove(kernel: &mut Kernel, rules: InForce) {
    let outcome = rules.prove(kernel);
    if outcome.changes.is_empty() {
        return;
    }
    let proved = if outcome.proof.holds() {
        "proved"
    } else {
        "NOT PROVED"
    };
    say!(
        "firewall",
        "in force, {proved}, {} processes share our cgroup",
        outcome.agent.sharing
    );
}

/// Moves this process to a cgroup of its own, unless it is there.
fn enter() -> Result<(), String> {
    let located = locate_writable(Process::Myself, None).map_err(|error| chain(&error))?;
    if located.path.to_string().ends_with(&format!("/{GROUP}")) {
        return Ok(());
    }
    let group = located
        .group
        .create_or_open(GROUP)
        .map_err(|error| chain(&error))?;
    group.add(getpid()).map_err(|error| chain(&error))
}
