//! What is written down, so that a supervisor that was killed goes on where it was.
//!
//! One JSON file, by default `supervisor.json` beside the directory of job files, replaced as a
//! whole (written beside it, then renamed):
//!
//! ```json
//! {"version": 1, "id": "9f…", "incarnation": 1795341780, "boot": "2c1f…",
//!  "services": {"redis": {"monitor": "yes", "restarts": [3], "stop": false, "start": false,
//!    "seen": [{"pid": 12, "started": 345}, {"pid": 12, "inode": 6, "changed": 7}],
//!    "programs": [{"purpose": "start", "live": {"pid": 11, "started": 340}}]}}}
//! ```
//!
//! It is written at the end of each turn of the engine, and before each program begins: a program that
//! is not in it has not begun, so whoever comes after a supervisor that was killed starts none twice.
//!
//! Names of services are in small letters. Pids mean something only in the same boot. A file that
//! cannot be read is as good as none, which costs the knowledge of what was not monitored, and is
//! said in the log.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use crate::fleet::{Live, Purpose, Record};
use crate::procfs::PidFile;

/// All of it.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct State {
    pub version: u32,
    pub id: String,
    pub incarnation: u64,
    pub boot: String,
    pub services: BTreeMap<String, Saved>,
}

/// One service.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(crate) struct Saved {
    #[serde(flatten)]
    pub record: Record,
    /// The process that was seen last, and the pidfile that named it.
    #[serde(default)]
    pub seen: Option<(Live, Option<PidFile>)>,
    /// Programs of ours that were running.
    #[serde(default)]
    pub programs: Vec<SavedProgram>,
}

/// A program of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(crate) struct SavedProgram {
    pub purpose: Purpose,
    pub live: Live,
}

/// The layout this code writes.
const VERSION: u32 = 1;

/// Largest file that is read.
const LARGEST: u64 = 1 << 24;

impl State {
    /// Reads it. Without a file it is empty, with a new identity.
    pub fn read(path: &Path) -> (State, Option<String>) {
        let (mut state, complaint) = match read(path) {
            Ok(state) => (state, None),
            Err(error) if error.kind() == io::ErrorKind::NotFound => (State::default(), None),
            Err(error) => {
                let text = format!("cannot read the state in {}: {error}", path.display());
                (State::default(), Some(text))
            }
        };
        state.version = VERSION;
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let boot = boot.trim();
        if state.boot != boot {
            state.boot = boot.to_owned();
            for saved in state.services.values_mut() {
                (saved.seen, saved.programs) = (None, Vec::new());
            }
        }
        if state.id.is_empty() {
            state.id = new_id();
        }
        (state, complaint)
    }

    /// Writes it.
    pub fn write(&self, path: &Path) -> io::Result<()> {
        use std::os::unix::fs::OpenOptionsExt;
        let mut name = path.as_os_str().to_owned();
        name.push(".new");
        let text = serde_json::to_vec(self)?;
        let mut options = fs::OpenOptions::new();
        let options = options.write(true).create(true).truncate(true).mode(0o600);
        io::Write::write_all(&mut options.open(&name)?, &text)?;
        fs::rename(&name, path)
    }
}

fn read(path: &Path) -> io::Result<State> {
    use io::Read;
    let mut text = Vec::new();
    fs::File::open(path)?.take(LARGEST).read_to_end(&mut text)?;
    parse(&text)
}

/// Reads the text of a state file.
pub(crate) fn parse(text: &[u8]) -> io::Result<State> {
    let state: State = serde_json::from_slice(text)?;
    if state.version != VERSION {
        let text = format!("version {} is not {VERSION}", state.version);
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok(state)
}

/// 32 hexadecimal digits, as monit's.
fn new_id() -> String {
    let mut bytes = [0_u8; 16];
    // Without random numbers the time will do: it only tells supervisors apart.
    if rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty()).is_err() {
        let (seconds, micros) = crate::date::since_epoch(std::time::SystemTime::now());
        bytes[..8].copy_from_slice(&seconds.to_le_bytes());
        bytes[8..12].copy_from_slice(&micros.to_le_bytes());
    }
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("state");
        let (mut state, complaint) = State::read(&path);
        assert_eq!(complaint, None);
        assert_eq!(state.id.len(), 32);
        let live = Live { pid: 1, started: 2 };
        let record = Record {
            monitor: crate::fleet::Monitor::No,
            restarts: vec![1, 2],
            stop: true,
            start: false,
        };
        let file = PidFile {
            pid: 1,
            inode: 3,
            changed: -4,
        };
        let saved = Saved {
            record,
            seen: Some((live, Some(file))),
            programs: vec![SavedProgram {
                purpose: Purpose::Start,
                live,
            }],
        };
        state.services.insert("a".to_owned(), saved);
        state.write(&path).unwrap();
        assert_eq!(State::read(&path).0, state);
        state.boot = "another".to_owned();
        state.write(&path).unwrap();
        let read = State::read(&path).0;
        assert_eq!(read.services["a"].seen, None);
        assert_eq!(read.services["a"].record.monitor, crate::fleet::Monitor::No);
        fs::write(&path, "{").unwrap();
        assert!(State::read(&path).1.is_some());
    }
}
