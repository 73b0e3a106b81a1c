//! The Garden server of this machine's level. Those further in are kept by the supervisors there.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use warren_sys_process::daemon::in_own_session;

use crate::container::until;
use crate::{Error, Level, Record, files, forwarding, layers, mounts};

/// Lines of a log that are told.
const TAIL: usize = 15;
/// How long a server may take to end.
const PATIENCE: Duration = Duration::from_secs(30);

/// The flags of a level's server, with paths as that level sees them.
pub(crate) fn flags(level: &Level, record: &Record) -> Vec<String> {
    let own = |name: &str| level.own(name).display().to_string();
    let mut flags = vec![
        "serve".to_owned(),
        "garden".to_owned(),
        "--bind-socket".to_owned(),
        own("garden.sock"),
        "--depot".to_owned(),
        own("garden/depot"),
        "--state".to_owned(),
        own("garden/state"),
        "--store".to_owned(),
        own("garden/store"),
        "--allow-host-access".to_owned(),
    ];
    if !level.has_director(record) {
        flags.extend(["--init-bin".to_owned(), own("init")]);
    }
    // Those further in have everything to themselves, but for what is unpacked already.
    match level.index {
        0 => flags.extend(["--tag".to_owned(), record.tag.to_string()]),
        _ => flags.extend(["--shared-layers".to_owned(), own(layers::SHARED)]),
    }
    flags
}

/// Starts this machine's server unless it answers.
pub(crate) fn ensure(level: &Level, record: &Record, executable: &Path) -> Result<bool, Error> {
    if level.garden().ping().is_ok() {
        return Ok(false);
    }
    files::directory(&level.here("garden"), 0o711)?;
    mounts::keep_inside(&level.here(""))?;
    forwarding::note(&level.here(""))?;
    let log = level.here("garden.log");
    let output = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .map_err(Error::file("open", &log))?;
    let errors = output.try_clone().map_err(Error::file("open", &log))?;
    let mut command = Command::new(executable);
    command
        .args(flags(level, record))
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    let child = in_own_session(&mut command)
        .spawn()
        .map_err(Error::file("start", executable))?;
    let pid = level.here("garden.pid");
    files::write(&pid, child.id().to_string().as_bytes(), 0o644)?;
    answers(level)?;
    Ok(true)
}

/// Waits until a level's server answers.
pub(crate) fn answers(level: &Level) -> Result<(), Error> {
    let client = level.garden();
    until(|| client.ping()).map_err(|source| {
        let log = match level.index {
            0 => level.here("garden.log"),
            _ => level.here("vcap/sys/log/garden/garden.log"),
        };
        Error::Garden {
            level: level.index,
            tail: files::tail(&log, TAIL),
            log,
            source: Box::new(source),
        }
    })
}

/// Ends this machine's server; containers live on.
pub(crate) fn stop(level: &Level, executable: &Path) -> Result<(), Error> {
    let path = level.here("garden.pid");
    let Some(pid) = fs::read_to_string(&path)
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .and_then(Pid::from_raw)
    else {
        return Ok(());
    };
    let failed = |errno: rustix::io::Errno| Error::file("end the server of", &path)(errno.into());
    // A descriptor first, then the look: a number that was given to another is not killed.
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(server) if is_ours(pid, executable) => {
            match pidfd_send_signal(&server, Signal::TERM) {
                Err(rustix::io::Errno::SRCH) => {}
                sent => sent.map_err(failed)?,
            }
            let end = Instant::now() + PATIENCE;
            while level.garden().ping().is_ok() || is_ours(pid, executable) {
                if Instant::now() >= end {
                    pidfd_send_signal(&server, Signal::KILL).map_err(failed)?;
                    break;
                }
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        Ok(_) | Err(rustix::io::Errno::SRCH) => {}
        Err(errno) => return Err(failed(errno)),
    }
    files::remove(&path)
}

/// Whether the process is a server that was started from here.
fn is_ours(pid: Pid, executable: &Path) -> bool {
    let process = format!("/proc/{}", pid.as_raw_nonzero());
    let line = fs::read(format!("{process}/cmdline")).unwrap_or_default();
    let mut words = line.split(|byte| *byte == 0);
    let first = words.next().unwrap_or_default();
    first == executable.as_os_str().as_encoded_bytes() && words.next() == Some(b"serve")
}
