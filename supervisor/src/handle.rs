//! The supervisor as a value: started with options, asked by a handle.

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};
use rustix::pipe::{PipeFlags, pipe_with};

use crate::engine::{Engine, Input, Start, Target};
use crate::error::{Error, Refused};
use crate::fleet::{Command, Millis};
use crate::groups::Grouping;
use crate::http::server::Server;
use crate::log::Log;
use crate::monitrc::load::{LoadError, load};
use crate::teller::{OnEvent, Teller};
use crate::view::{Snapshot, Status};

/// Where BOSH keeps the main control file.
pub const CONTROL_FILE: &str = "/var/vcap/bosh/etc/monitrc";

/// Where the state is kept if the control file does not say.
pub const STATE_FILE: &str = "/var/vcap/monit/supervisor.json";

/// How long a process must have lived after its start before its service counts as running.
pub const SETTLE: Duration = Duration::from_secs(2);

/// Whether and where to answer over HTTP.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Http {
    /// As the control file says.
    #[default]
    AsConfigured,
    /// Not at all.
    Off,
    /// Here, whatever the control file says; who may is as it says.
    At(SocketAddr),
}

/// What a supervisor is started with.
#[derive(Clone)]
pub struct Options {
    /// The main control file.
    pub control_file: PathBuf,
    /// Where its state is kept, whatever the control file says.
    pub state_file: Option<PathBuf>,
    /// Where its log is written, whatever the control file says.
    pub log_file: Option<PathBuf>,
    /// The HTTP interface.
    pub http: Http,
    /// Length of a cycle, whatever the control file says.
    pub interval: Option<Duration>,
    /// See [`SETTLE`].
    pub settle: Duration,
    /// Control groups of services.
    pub grouping: Grouping,
    /// Called with everything that happens.
    pub on_event: Option<OnEvent>,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            control_file: CONTROL_FILE.into(),
            state_file: None,
            log_file: None,
            http: Http::AsConfigured,
            interval: None,
            settle: SETTLE,
            grouping: Grouping::default(),
            on_event: None,
        }
    }
}

/// What the engine shows.
#[derive(Default)]
pub(crate) struct Shared {
    shown: Mutex<Shown>,
    changed: Condvar,
}

#[derive(Default)]
struct Shown {
    snapshot: Arc<Snapshot>,
    stopped: bool,
}

impl Shared {
    pub fn publish(&self, snapshot: Snapshot) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        shown.snapshot = Arc::new(snapshot);
        self.changed.notify_all();
    }

    fn stop(&self) {
        self.shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .stopped = true;
        self.changed.notify_all();
    }

    fn get(&self) -> Arc<Snapshot> {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(&shown.snapshot)
    }
}

/// A running supervisor. Dropping it stops it; processes go on.
pub struct Supervisor {
    handle: Handle,
    engine: Option<JoinHandle<()>>,
    server: Option<Server>,
    _lock: fs::File,
}

impl Supervisor {
    /// Reads the configuration and begins.
    ///
    /// # Errors
    /// [`Error`]. Mistakes in included files are none: see [`Snapshot::problems`].
    pub fn start(options: Options) -> Result<Supervisor, Error> {
        let mut configuration = load(&options.control_file)?;
        let settings = &mut configuration.settings;
        if let Some(path) = &options.log_file {
            settings.log_file = Some(path.clone());
        }
        let state_path = options
            .state_file
            .clone()
            .or_else(|| settings.state_file.clone())
            .unwrap_or_else(|| STATE_FILE.into());
        let lock = lock(&state_path)?;
        let listener = match &options.http {
            Http::Off => None,
            Http::At(address) => Some(*address),
            Http::AsConfigured => match &settings.httpd {
                Some(httpd) => Some(address(httpd.address.as_deref(), httpd.port)?),
                None => None,
            },
        };
        let listener = listener.map(Server::bind).transpose()?;
        let address = listener.as_ref().map(|(_, address)| *address);
        let log = Log::default();
        log.open(settings.log_file.as_deref());
        let host = rustix::system::uname()
            .nodename()
            .to_string_lossy()
            .into_owned();
        let begin = |what| move |error| Error::Begin(what, error);
        let teller =
            Teller::start(options.on_event, log.clone()).map_err(begin("a thread for events"))?;
        let (wake, waker) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)
            .map_err(|errno| Error::Begin("a pipe", errno.into()))?;
        let waker = Arc::new(waker);
        let (outbox, inbox) = mpsc::channel();
        let shared = Arc::new(Shared::default());
        let handle = Handle {
            inputs: outbox.clone(),
            waker: Arc::clone(&waker),
            shared: Arc::clone(&shared),
        };
        let httpd = settings.httpd.clone();
        match address {
            Some(address) => log.info(&format!("supervisor started, answers on {address}")),
            None => log.info("supervisor started, without HTTP"),
        }
        let engine = Engine::new(Start {
            control_file: options.control_file,
            state_path,
            interval: options.interval,
            settle: options.settle,
            grouping: options.grouping,
            configuration,
            httpd: address.map(|address| (address.ip().to_string(), address.port())),
            host,
            log: log.clone(),
            teller,
            inbox,
            outbox,
            wake,
            waker,
            shared: Arc::clone(&shared),
        });
        let engine = std::thread::Builder::new()
            .name("supervisor".to_owned())
            .spawn(move || {
                engine.run();
                shared.stop();
            })
            .map_err(begin("the engine's thread"))?;
        let server = match listener {
            Some((listener, address)) => {
                let allow = httpd.map(|httpd| httpd.allow).unwrap_or_default();
                let server = Server::start(listener, address, allow, handle.clone(), log);
                Some(server.map_err(begin("a thread for HTTP"))?)
            }
            None => None,
        };
        Ok(Supervisor {
            handle,
            engine: Some(engine),
            server,
            _lock: lock,
        })
    }

    /// What to ask it by.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Where it answers over HTTP.
    #[must_use]
    pub fn http_address(&self) -> Option<SocketAddr> {
        self.server.as_ref().map(Server::address)
    }

    /// Waits until somebody has it stopped.
    pub fn wait(mut self) {
        if let Some(engine) = self.engine.take() {
            let _ = engine.join();
        }
    }
}

impl Drop for Supervisor {
    fn drop(&mut self) {
        self.handle.quit();
        if let Some(engine) = self.engine.take() {
            let _ = engine.join();
        }
    }
}

fn address(host: Option<&str>, port: u16) -> Result<SocketAddr, Error> {
    let host = host.unwrap_or("0.0.0.0");
    let failed = |error| Error::Address(host.to_owned(), error);
    let mut found = (host, port).to_socket_addrs().map_err(failed)?;
    let none = || failed(std::io::Error::other("it has none"));
    found.next().ok_or_else(none)
}

fn lock(state: &Path) -> Result<fs::File, Error> {
    let mut path = state.as_os_str().to_owned();
    path.push(".lock");
    let failed = |error| Error::Lock(state.to_owned(), error);
    let mut options = fs::OpenOptions::new();
    let file = options
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Running(state.to_owned())),
        Err(errno) => Err(failed(errno.into())),
    }
}

/// Asks a supervisor, from any thread.
#[derive(Clone)]
pub struct Handle {
    inputs: Sender<Input>,
    waker: Arc<OwnedFd>,
    shared: Arc<Shared>,
}

impl Handle {
    /// Everything, as it is now.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        self.shared.get()
    }

    /// All services, in the order of their files.
    #[must_use]
    pub fn services(&self) -> Vec<Status> {
        self.snapshot().services.clone()
    }

    /// One service.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<Status> {
        self.snapshot().find(name).cloned()
    }

    /// Asks for something of one service. Returns when it is noted, not when it is done.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn ask(&self, name: &str, command: Command) -> Result<(), Refused> {
        self.send(Target::Service(name.to_owned()), command)
    }

    /// Asks for something of all services of a group; nothing, if it has none.
    ///
    /// # Errors
    /// [`Refused::Busy`] with the last one that could not take it; the others have.
    pub fn ask_group(&self, group: &str, command: Command) -> Result<(), Refused> {
        self.send(Target::Group(group.to_owned()), command)
    }

    /// Asks for something of all services.
    ///
    /// # Errors
    /// As [`ask_group`](Handle::ask_group).
    pub fn ask_all(&self, command: Command) -> Result<(), Refused> {
        self.send(Target::All, command)
    }

    /// [`Command::Start`].
    ///
    /// # Errors
    /// [`Refused`].
    pub fn start(&self, name: &str) -> Result<(), Refused> {
        self.ask(name, Command::Start)
    }

    /// [`Command::Stop`].
    ///
    /// # Errors
    /// [`Refused`].
    pub fn stop(&self, name: &str) -> Result<(), Refused> {
        self.ask(name, Command::Stop)
    }

    /// [`Command::Unmonitor`] for all.
    ///
    /// # Errors
    /// [`Refused::Stopped`].
    pub fn unmonitor_all(&self) -> Result<(), Refused> {
        self.ask_all(Command::Unmonitor)
    }

    /// Reads the configuration anew. Processes go on; the incarnation is another one.
    ///
    /// # Errors
    /// What is wrong with the main file: then everything stays as it was. `None` if the
    /// supervisor has stopped.
    pub fn reload(&self) -> Result<(), Option<LoadError>> {
        let (reply, answer) = mpsc::channel();
        self.input(Input::Reload(reply)).map_err(|_| None)?;
        match answer.recv() {
            Ok(answer) => answer.map_err(Some),
            Err(_) => Err(None),
        }
    }

    /// Has the next cycle begin now.
    pub fn validate(&self) {
        let _ = self.input(Input::Validate);
    }

    /// Ends the supervisor; processes go on.
    pub fn quit(&self) {
        let _ = self.input(Input::Quit);
    }

    /// Waits until something holds, or has not held for this long; whether it does.
    pub fn wait_until(&self, patience: Duration, holds: impl Fn(&Snapshot) -> bool) -> bool {
        let until = Instant::now() + patience;
        let mut shown = self
            .shared
            .shown
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        loop {
            if holds(&shown.snapshot) {
                return true;
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() || shown.stopped {
                return false;
            }
            let waited = self.shared.changed.wait_timeout(shown, left);
            shown = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn send(&self, target: Target, command: Command) -> Result<(), Refused> {
        let (reply, answer) = mpsc::channel();
        self.input(Input::Command(target, command, reply))?;
        answer.recv().unwrap_or(Err(Refused::Stopped))
    }

    fn input(&self, input: Input) -> Result<(), Refused> {
        self.inputs.send(input).map_err(|_| Refused::Stopped)?;
        // A full pipe wakes as well as a byte more would.
        let _ = rustix::io::write(&*self.waker, &[1]);
        Ok(())
    }
}

/// A time in milliseconds.
pub(crate) fn millis(time: Duration) -> Millis {
    Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX / 4)
}
