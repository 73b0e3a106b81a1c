//! A program on a terminal, which script(1) makes.

use std::io::Read;
use std::process::{Child, ChildStdout, Command, Stdio};

/// Runs a shell line until what it has written is as it should be, for most of a minute at most; what it
/// has written, and it, still running.
#[track_caller]
pub fn run_until(line: &str, is_seen: impl Fn(&[u8]) -> bool) -> (Vec<u8>, Child, ChildStdout) {
    let mut child = Command::new("timeout")
        .args(["50", "script", "-qec", line, "/dev/null"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let (mut seen, mut buffer) = (Vec::new(), [0; 256]);
    while !is_seen(&seen) {
        let read = stdout.read(&mut buffer).unwrap();
        assert!(read > 0, "{line}: {}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..read]);
    }
    (seen, child, stdout)
}
