//! Files to be executed.
//!
//! A file that this process writes may not be executed for a moment after it has closed it: another
//! thread may have forked meanwhile, and its child has the descriptor until it executes its own
//! program (`ETXTBSY`). So somebody else writes.

use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::gate::shared;

/// Writes a file that may be executed at once.
#[track_caller]
pub fn executable(path: &Path, text: &[u8]) {
    if let Err(error) = write(path, text) {
        panic!("cannot write {}: {error}", path.display());
    }
}

fn write(path: &Path, text: &[u8]) -> io::Result<()> {
    // Whoever looks for leaks is not to see who writes.
    let _gate = shared();
    let mut child = Command::new("/bin/sh")
        .args(["-c", "cat >\"$0\" && chmod 755 \"$0\""])
        .arg(path)
        .stdin(Stdio::piped())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        input.write_all(text)?;
    }
    match child.wait()? {
        status if status.success() => Ok(()),
        status => Err(io::Error::other(status.to_string())),
    }
}

/// Copies a file to be executed.
#[track_caller]
pub fn copy_executable(from: &Path, to: &Path) {
    let _gate = shared();
    let copied = Command::new("cp").arg(from).arg(to).status();
    let copied = copied.is_ok_and(|status| status.success());
    assert!(copied, "cannot copy {} to {}", from.display(), to.display());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_runs_whatever_others_fork() {
        let directory = tempfile::tempdir().unwrap();
        let (one, two) = (directory.path().join("one"), directory.path().join("two"));
        std::thread::scope(|scope| {
            scope.spawn(|| (0..100).all(|_| Command::new("true").status().is_ok()));
            for _ in 0..20 {
                executable(&one, b"#!/bin/sh\nexit 7\n");
                copy_executable(&one, &two);
                for path in [&one, &two] {
                    assert_eq!(Command::new(path).status().unwrap().code(), Some(7));
                }
            }
        });
    }
}
