//! Whether a director's process does its work, by what it does: so that nobody has to wait until its
//! supervisor has watched it for a while.
//!
//! | process | evidence |
//! |---|---|
//! | nats | takes the director's certificate |
//! | the director's roles | the log says that all of the role is begun, and the process that said so lives |
//! | postgres | the API answers, which it does not without its database |
//!
//! A role's process holds a lock for as long as it lives (`workers/NAME` in the director's home) and
//! names itself in the log when it has started. One that ended since, however it did, holds none.

use std::fs::{File, TryLockError};
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use crate::status::bus;
use crate::{Level, Record, jobs};

/// Bytes of a log that are looked through.
const END: u64 = 1 << 16;

/// Whether the process of this name at the director's level does its work. `false` only says that it
/// is not known.
pub(crate) fn works(inside: &Level, record: &Record, name: &str) -> bool {
    match name {
        "nats" => bus::connects(inside, record).is_ok(),
        // Whoever asks has had the API's answer.
        jobs::POSTGRES => true,
        name => jobs::logs(name).iter().any(|log| {
            let text = end(&inside.here(&format!("vcap/sys/log/{log}")));
            started(&text).is_some_and(|process| {
                lives(&inside.here(&format!("vcap/store/director/workers/{process}")))
            })
        }),
    }
}

/// The name of the process that was the last to say that it has started.
fn started(log: &str) -> Option<&str> {
    let lines = log.lines().rev();
    let mut words = lines.map(|line| line.split(' '));
    let mut words = words.find(|words| words.clone().nth(2) == Some("started"))?;
    let name = words.find_map(|word| word.strip_prefix("process="))?;
    // It becomes a file's name.
    let is_plain = |byte: u8| byte.is_ascii_hexdigit() || byte == b'-';
    (!name.is_empty() && name.bytes().all(is_plain)).then_some(name)
}

/// Whether somebody holds the lock on this file.
fn lives(path: &Path) -> bool {
    let held = File::open(path).map(|file| file.try_lock_shared());
    matches!(held, Ok(Err(TryLockError::WouldBlock)))
}

/// The end of a text file.
fn end(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| {
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(END)))?;
        file.take(END).read_to_end(&mut bytes)
    });
    // What is not there says nothing.
    read.map_or_else(
        |_| String::new(),
        |_| String::from_utf8_lossy(&bytes).into_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_process_that_started_counts() {
        let log = "2026-01-02T03:04:05.678Z info started roles=worker process=0a-1 version=\"1\"\n\
                   what a library says\n\
                   2026-01-02T03:04:06.678Z info started roles=worker process=0b-2 version=\"1\"\n\
                   2026-01-02T03:04:07.678Z info task_begun type=x process=0c-3\n";
        assert_eq!(started(log), Some("0b-2"));
        assert_eq!(started("a b started process=../x"), None);
        assert_eq!(started("a b started process="), None);
        assert_eq!(started("a b ended process=0a"), None);
        assert_eq!(started(""), None);
    }

    #[test]
    fn a_lock_says_who_lives() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("0a-1");
        assert!(!lives(&path));
        let held = File::create_new(&path).unwrap();
        assert!(!lives(&path));
        held.lock().unwrap();
        assert!(lives(&path));
        drop(held);
        assert!(!lives(&path));
    }
}
