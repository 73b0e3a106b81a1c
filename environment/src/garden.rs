//! The Garden server of this machine's level. Those further in are kept by the supervisors there.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use warren_sys_process::daemon::in_own_session;

use crate::container::until;
use crate::{Error, Level, Record, files, forwarding, layers, mounts, server};

/// Lines of a log that are told.
const TAIL: usize = 15;
/// How long its log may become, in bytes.
const LONGEST: u64 = 20 << 20;
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

/// Starts this machine's server unless it answers, or is about to.
pub(crate) fn ensure(level: &Level, record: &Record, executable: &Path) -> Result<bool, Error> {
    if is_there(level, executable)? {
        return Ok(false);
    }
    files::directory(&level.here("garden"), 0o711)?;
    mounts::keep_inside(&level.here(""))?;
    forwarding::note(&level.here(""))?;
    let log = level.here("garden.log");
    cut(&log)?;
    let output = File::options()
        .create(true)
        .append(true)
        .open(&log)
        .map_err(Error::file("open", &log))?;
    let errors = output.try_clone().map_err(Error::file("open", &log))?;
    let mut command = Command::new(executable);
    command
        .args(flags(level, record))
        // Whoever reaches the socket is root here, and the way to it is open for containers' mapped users;
        // further in it is not. An executable of before does not know this, and would refuse a flag.
        .env("WARREN_BIND_SOCKET_MODE", "600")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(output)
        .stderr(errors);
    let child = in_own_session(&mut command)
        .spawn()
        .map_err(Error::file("start", executable))?;
    note(level, child.id().cast_signed())?;
    answers(level)?;
    Ok(true)
}

/// Whether this machine's server answers. One that was started by a call that was broken off is waited
/// for: another beside it would only end, and leave its own number behind.
fn is_there(level: &Level, executable: &Path) -> Result<bool, Error> {
    let end = Instant::now() + PATIENCE;
    loop {
        if level.garden().ping().is_ok() {
            cut(&level.here("garden.log"))?;
            if let [pid] = server::all(level, executable).as_slice() {
                note(level, pid.as_raw_nonzero().get())?;
            }
            return Ok(true);
        }
        if server::all(level, executable).is_empty() {
            return Ok(false);
        }
        if Instant::now() >= end {
            return answers(level).map(|()| true);
        }
        sleep(Duration::from_millis(10));
    }
}

/// Cuts the log when it is long, with one older file. This server says a few lines of each start and little
/// else, as it has one container; whoever writes keeps its descriptor, so the file is emptied.
fn cut(log: &Path) -> Result<(), Error> {
    if fs::metadata(log).is_ok_and(|about| about.is_file() && about.len() > LONGEST) {
        let old = log.with_added_extension("1");
        fs::copy(log, &old).map_err(Error::file("write", &old))?;
        File::options()
            .write(true)
            .open(log)
            .and_then(|file| file.set_len(0))
            .map_err(Error::file("empty", log))?;
    }
    Ok(())
}

/// Keeps a server's number for people: nothing here trusts it.
fn note(level: &Level, pid: i32) -> Result<(), Error> {
    let path = level.here("garden.pid");
    files::write(&path, pid.to_string().as_bytes(), 0o644).map(drop)
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
    let failed = |errno: Errno| Error::file("end the server of", &path)(errno.into());
    for pid in server::all(level, executable) {
        end(pid, || server::is_ours(pid, level, executable)).map_err(failed)?;
    }
    files::remove(&path)
}

/// Ends a process: with TERM, and after a while with KILL.
fn end(pid: Pid, is_it: impl Fn() -> bool) -> rustix::io::Result<()> {
    // A descriptor first, then the look: a number that was given to another is not killed.
    let process = match pidfd_open(pid, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(()),
        opened => opened?,
    };
    let mut signal = Signal::TERM;
    let mut deadline = Instant::now() + PATIENCE;
    while is_it() {
        match pidfd_send_signal(&process, signal) {
            Err(Errno::SRCH) => return Ok(()),
            sent => sent?,
        }
        while is_it() && Instant::now() < deadline {
            sleep(Duration::from_millis(10));
        }
        // The kernel ends it, but not at once.
        signal = Signal::KILL;
        deadline = Instant::now() + Duration::from_millis(10);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_log_is_cut() {
        let home = tempfile::tempdir().unwrap();
        let log = home.path().join("garden.log");
        cut(&log).unwrap();
        let file = File::create(&log).unwrap();
        for (length, left, old) in [
            (LONGEST, LONGEST, None),
            (LONGEST + 1, 0, Some(LONGEST + 1)),
        ] {
            file.set_len(length).unwrap();
            cut(&log).unwrap();
            assert_eq!(file.metadata().unwrap().len(), left);
            let kept = fs::metadata(home.path().join("garden.log.1"));
            assert_eq!(kept.ok().map(|about| about.len()), old);
        }
    }
}
