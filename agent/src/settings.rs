//! The settings in force, where they come from, and how they change.
//!
//! ```text
//! source (a file of the CPI) ──► settings.json (0600, the last that was read)
//! director, update_settings ───► update_settings.json (0600)
//! ```
//!
//! At boot the source may not be there yet: it is waited for with inotify. If there are older
//! settings and the source fails, those are taken. What stays wrong with it is told to the director ([`crate::hope`]).

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::inotify;
use warren_wire_agent::JsonError;
use warren_wire_agent::config::AgentConfig;
use warren_wire_agent::settings::{
    Blobstore, Effective, Settings, UpdateSettings, effective_blobstore, effective_mbus,
};

use crate::files::{self, FileError};
use crate::hope::Hope;
use crate::paths::Paths;
use crate::say;

/// There are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file that is something else.
    #[error("{} does not hold what an agent expects", path.display())]
    Malformed {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: JsonError,
    },
    /// Settings without an id.
    #[error("the settings in {} name no agent_id", .0.display())]
    NoAgent(PathBuf),
    /// No source that can be read.
    #[error("the agent's configuration names no source of settings of the kind File; {0}")]
    NoSource(String),
    /// The sources stay empty.
    #[error("there are no settings after {0:?}: {1}")]
    TimedOut(Duration, String),
}

/// How long settings are waited for.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Until the agent ends without them.
    pub wait: Duration,
    /// Until it says that something stays wrong.
    pub hopeless_after: Duration,
}

/// The settings in force.
pub struct Store {
    paths: Paths,
    sources: Vec<PathBuf>,
    now: Mutex<(Settings, UpdateSettings)>,
}

impl Store {
    /// Waits for the settings.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn open(
        paths: &Paths,
        config: &AgentConfig,
        patience: Patience,
    ) -> Result<Self, SettingsError> {
        let sources = sources(paths, config)?;
        let settings = wait(paths, &sources, patience)?;
        let update = match files::read_if_there(&paths.update_settings())? {
            None => UpdateSettings::default(),
            Some(bytes) => {
                UpdateSettings::parse(&bytes).map_err(|source| SettingsError::Malformed {
                    path: paths.update_settings(),
                    source,
                })?
            }
        };
        let now = Mutex::new((settings, update));
        Ok(Self {
            paths: paths.clone(),
            sources,
            now,
        })
    }

    fn lock(&self) -> MutexGuard<'_, (Settings, UpdateSettings)> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings.
    #[must_use]
    pub fn settings(&self) -> Settings {
        self.lock().0.clone()
    }

    /// What the director sent last.
    #[must_use]
    pub fn update(&self) -> UpdateSettings {
        self.lock().1.clone()
    }

    /// The agent's id.
    #[must_use]
    pub fn agent_id(&self) -> String {
        self.lock().0.agent_id.clone()
    }

    /// The bus in force.
    #[must_use]
    pub fn mbus(&self) -> Effective {
        let now = self.lock();
        effective_mbus(&now.0, &now.1)
    }

    /// The blobstore in force.
    #[must_use]
    pub fn blobstore(&self) -> Blobstore {
        let now = self.lock();
        effective_blobstore(&now.0, &now.1).clone()
    }

    /// Reads the source again, as before disks are looked for: attaching a disk changes it.
    ///
    /// # Errors
    /// [`SettingsError`]; the settings stay as they were.
    pub fn reload(&self) -> Result<(), SettingsError> {
        let settings = read_now(&self.paths, &self.sources)?;
        self.lock().0 = settings;
        Ok(())
    }

    /// Keeps what the director sent.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, update: UpdateSettings) -> Result<(), FileError> {
        files::write_json(&self.paths.update_settings(), &update, 0o600)?;
        self.lock().1 = update;
        Ok(())
    }
}

/// The files that may hold settings.
fn sources(paths: &Paths, config: &AgentConfig) -> Result<Vec<PathBuf>, SettingsError> {
    let (mut files, mut others) = (Vec::new(), Vec::new());
    for source in &config.infrastructure.settings.sources {
        if source.r#type.eq_ignore_ascii_case("File") {
            files.push(paths.within(&source.settings_path));
        } else {
            others.push(source.r#type.clone());
        }
    }
    if files.is_empty() && !paths.settings().exists() {
        let others = match &others[..] {
            [] => "it names none at all".to_owned(),
            others => format!("those it names are not supported: {}", others.join(", ")),
        };
        return Err(SettingsError::NoSource(others));
    }
    for other in others {
        say!(
            "settings",
            "sources of the kind {other} are not supported and passed over"
        );
    }
    Ok(files)
}

/// The first source that can be read, kept for later; else what was kept.
fn read_now(paths: &Paths, sources: &[PathBuf]) -> Result<Settings, SettingsError> {
    let mut first = None;
    for source in sources {
        match read(source) {
            Ok((settings, bytes)) => {
                let kept = files::read_if_there(&paths.settings()).ok().flatten();
                if kept.as_deref() != Some(&bytes) {
                    // The source has them at the next boot, as it has them now.
                    let lasting = files::Lasting::UntilReboot;
                    let owner = crate::owner::Owner::ROOT;
                    files::store(&paths.settings(), &bytes, 0o600, owner, lasting)?;
                }
                return Ok(settings);
            }
            Err(error) => first = first.or(Some(error)),
        }
    }
    match read(&paths.settings()) {
        Ok((settings, _)) => {
            if let Some(error) = first {
                let why = warren_lib_errchain::chain(&error);
                say!("settings", "taking the settings of the last boot: {why}");
            }
            Ok(settings)
        }
        Err(error) => Err(first.unwrap_or(error)),
    }
}

fn read(path: &Path) -> Result<(Settings, Vec<u8>), SettingsError> {
    let bytes = std::fs::read(path).map_err(files::failed("read", path))?;
    let mut settings = Settings::parse(&bytes).map_err(|source| SettingsError::Malformed {
        path: path.to_owned(),
        source,
    })?;
    if settings.agent_id.is_empty() {
        return Err(SettingsError::NoAgent(path.to_owned()));
    }
    crate::address::fill(&mut settings, crate::address::own);
    Ok((settings, bytes))
}

fn wait(paths: &Paths, sources: &[PathBuf], patience: Patience) -> Result<Settings, SettingsError> {
    let deadline = Instant::now() + patience.wait;
    let mut hope = Hope::new(patience.hopeless_after);
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK);
    let mut before = None;
    loop {
        // Watched before it is read, so that nothing is missed in between.
        for directory in sources.iter().filter_map(|path| path.parent()) {
            if let Ok(watch) = &watch {
                use inotify::WatchFlags;
                let flags = WatchFlags::CREATE | WatchFlags::CLOSE_WRITE | WatchFlags::MOVED_TO;
                // A directory that is not there is looked for again after the pause.
                let _ = inotify::add_watch(watch, directory, flags);
            }
        }
        let error = match read_now(paths, sources) {
            Ok(settings) => return Ok(settings),
            Err(error) => warren_lib_errchain::chain(&error),
        };
        let now = Instant::now();
        // Another reason is progress: somebody writes the file.
        if before.as_ref().is_some_and(|before| *before != error) {
            hope.revive();
        }
        match hope.refused(now) {
            Some(time) => say!(
                "settings",
                "FATAL: no settings after {} s: {error}; they are waited for: have the CPI write them there",
                time.as_secs()
            ),
            None if before.is_none() => say!("settings", "waiting for settings: {error}"),
            None => {}
        }
        let left = deadline.saturating_duration_since(now);
        if left.is_zero() {
            return Err(SettingsError::TimedOut(patience.wait, error));
        }
        before = Some(error);
        let pause = left.min(Duration::from_millis(200));
        pause_until(watch.as_ref().ok(), pause);
    }
}

/// Waits for a change, or for the time to pass.
fn pause_until(watch: Option<&rustix::fd::OwnedFd>, pause: Duration) {
    let Some(watch) = watch else {
        return std::thread::sleep(pause);
    };
    let limit = Timespec {
        tv_sec: 0,
        tv_nsec: pause.subsec_nanos().into(),
    };
    let mut one = [PollFd::new(watch, PollFlags::IN)];
    if poll(&mut one, Some(&limit)).is_ok_and(|count| count > 0) {
        let mut events = [0u8; 4096];
        // What changed does not matter: all is read again.
        let _ = rustix::io::read(watch, &mut events);
    }
}
