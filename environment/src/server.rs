//! Which processes are this machine's Garden server of a home.
//!
//! It is not remembered but looked for: whoever starts one may be killed before it has written anything
//! down. The lock on the home is held until a child that was begun under it has become the server, as the
//! child has it open until then, so whoever has the lock sees it. Usually there is one, or none.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustix::process::Pid;
use warren_sys_process::stat::Stat;

use crate::Level;
use crate::neighbours::Other;

/// All there are, those as well that do not answer yet or any more.
pub(crate) fn all(level: &Level, executable: &Path) -> Vec<Pid> {
    pids()
        .filter(|pid| is_ours(*pid, level, executable))
        .collect()
}

/// Servers of other homes in this network, each with its letter; those in containers have networks of their own.
pub(crate) fn others(level: &Level) -> Vec<Other> {
    let own = resolved(&level.own("garden.sock"));
    pids().filter_map(|pid| other(pid, &own)).collect()
}

fn other(pid: Pid, own: &Path) -> Option<Other> {
    let line = line(pid);
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).collect();
    let [_, b"serve", b"garden", b"--bind-socket", socket, flags @ ..] = words.as_slice() else {
        return None;
    };
    let socket = resolved(Path::new(OsStr::from_bytes(socket)));
    let network = |process: &str| fs::metadata(format!("{process}/ns/net")).map(|at| at.ino());
    let process = format!("/proc/{}", pid.as_raw_nonzero());
    let is_here = network(&process).ok()? == network("/proc/self").ok()?;
    let mut flags = flags.iter();
    flags.find(|flag| **flag == b"--tag")?;
    let tag = std::str::from_utf8(flags.next()?).ok()?.chars().next()?;
    let home = socket.parent()?.to_owned();
    (is_here && socket != own).then_some(Other { home, tag })
}

fn pids() -> impl Iterator<Item = Pid> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
}

/// The words of a process.
fn line(pid: Pid) -> Vec<u8> {
    fs::read(format!("/proc/{}/cmdline", pid.as_raw_nonzero())).unwrap_or_default()
}

/// Whether a process is a server that was started for this home, and has not ended.
pub(crate) fn is_ours(pid: Pid, level: &Level, executable: &Path) -> bool {
    let process = format!("/proc/{}", pid.as_raw_nonzero());
    let line = line(pid);
    let words: Vec<&[u8]> = line.split(|byte| *byte == 0).take(5).collect();
    let [program, b"serve", b"garden", b"--bind-socket", socket] = words.as_slice() else {
        return false;
    };
    let is =
        |word: &[u8], path: &Path| resolved(Path::new(OsStr::from_bytes(word))) == resolved(path);
    // An environment inside a container may have a home of the same name.
    let namespace = |process: &str| fs::metadata(format!("{process}/ns/pid")).map(|at| at.ino());
    is(program, executable)
        && is(socket, &level.own("garden.sock"))
        && namespace(&process).ok() == namespace("/proc/self").ok()
        && Stat::of_running(pid.as_raw_nonzero().get()).is_some()
}

/// One of the ways to write it: that of the directory without links, if it is there.
fn resolved(path: &Path) -> PathBuf {
    let directory = path.parent().map(fs::canonicalize);
    match (directory, path.file_name()) {
        (Some(Ok(directory)), Some(name)) => directory.join(name),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::CommandExt;
    use std::process::{Child, Command, Stdio};
    use std::time::{Duration, Instant};

    use super::*;

    /// A shell whose words are those of a server: its script is called `serve`.
    fn begin(home: &Path, executable: &Path, socket: &Path) -> Child {
        let child = Command::new("sh")
            .arg0(executable)
            .args(["serve", "garden", "--bind-socket"])
            .arg(socket)
            .args(["--tag", "x"])
            .current_dir(home)
            .stdin(Stdio::piped())
            .spawn();
        child.unwrap()
    }

    #[test]
    fn a_server_is_known_by_its_words_until_it_has_ended() {
        let home = tempfile::tempdir().unwrap();
        let home = home.path();
        fs::write(home.join("serve"), "read line\n").unwrap();
        fs::create_dir(home.join("bin")).unwrap();
        let level = Level::machine(home);
        let (executable, socket) = (home.join("bin/warren"), home.join("garden.sock"));
        assert_eq!(all(&level, &executable), []);
        let mut ours = begin(home, &executable, &socket);
        let mut another_socket = begin(home, &executable, &home.join("next/garden.sock"));
        let mut another_home = begin(home, Path::new("/elsewhere/bin/warren"), &socket);
        let pid = Pid::from_child(&ours);
        // Until then it has the words of whoever begins it.
        let deadline = Instant::now() + Duration::from_secs(30);
        while all(&level, &executable) != [pid] {
            assert!(Instant::now() < deadline, "it is not seen");
            std::thread::yield_now();
        }
        // The same home by another name.
        std::os::unix::fs::symlink(home, home.join("link")).unwrap();
        let link = home.join("link");
        assert!(is_ours(
            pid,
            &Level::machine(&link),
            &link.join("bin/warren")
        ));
        let next = home.join("next");
        while !others(&level).iter().any(|other| other.home == next) {
            assert!(Instant::now() < deadline, "the other is not seen");
            std::thread::yield_now();
        }
        let others = others(&level);
        let tags = others.iter().filter(|other| other.home == next);
        assert_eq!(tags.map(|other| other.tag).collect::<String>(), "x");
        assert!(others.iter().all(|other| other.home != home));
        ours.kill().unwrap();
        while is_ours(pid, &level, &executable) {
            assert!(Instant::now() < deadline, "it is still seen");
            std::thread::yield_now();
        }
        assert_eq!(all(&level, &executable), []);
        for child in [&mut ours, &mut another_socket, &mut another_home] {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    }
}
