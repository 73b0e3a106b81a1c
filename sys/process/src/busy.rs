//! Programs that somebody still writes.
//!
//! A script that was written a moment ago may still be open for writing in a child that another
//! thread, or another program, has forked and that has not executed its own program yet. execve(2)
//! then answers ETXTBSY, which says nothing about the script and is over in a moment.

use std::io;
use std::time::{Duration, Instant};

/// How long a file may be busy. Whoever really writes it takes longer, and is told.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// How long until it is tried again.
pub const PAUSE: Duration = Duration::from_millis(10);

/// Starts a program, again while its file is busy, at most for [`PATIENCE`].
///
/// # Errors
/// Those of `start`.
pub fn retry<T>(mut start: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        match start() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy
                    && Instant::now() < deadline =>
            {
                std::thread::sleep(PAUSE);
            }
            done => return done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::OpenOptionsExt;
    use std::process::Command;

    #[test]
    fn a_script_that_is_open_for_writing_runs_once_it_is_not() {
        use std::io::Write;
        let directory = std::env::temp_dir().join(format!("warren-test-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let path = directory.join("busy");
        let mut options = std::fs::OpenOptions::new();
        let mut file = options.write(true).create(true).mode(0o755).open(&path);
        file.as_mut().unwrap().write_all(b"#!/bin/sh\n").unwrap();
        let (mut file, mut tries) = (file.ok(), 0);
        let status = retry(|| {
            tries += 1;
            let status = Command::new(&path).status();
            // It was busy; now it is not.
            drop(file.take());
            status
        });
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(status.unwrap().success());
        assert!(tries > 1);
    }

    #[test]
    fn other_errors_are_told_at_once() {
        let mut tries = 0;
        let missing = retry(|| {
            tries += 1;
            Command::new("/nonexistent/program").status()
        });
        assert_eq!(missing.unwrap_err().kind(), io::ErrorKind::NotFound);
        assert_eq!(tries, 1);
    }
}
