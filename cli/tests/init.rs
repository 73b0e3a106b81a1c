//! The executable as pid 1 of a container: it stays, reaps, takes next to nothing and ends when it
//! is killed.
//!
//! Needs root and `unshare` and `nsenter` (Debian: util-linux).
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const WARREN: &str = env!("CARGO_BIN_EXE_warren");

/// Waits until `found` finds something.
fn eventually<T>(what: &str, mut found: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = found() {
            return found;
        }
        assert!(Instant::now() < deadline, "never came: {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn children(pid: u32) -> Vec<u32> {
    let text = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    let text = text.unwrap_or_default();
    text.split_whitespace()
        .map(|pid| pid.parse().unwrap())
        .collect()
}

fn status(pid: u32, field: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap();
    line.trim_matches([':', '\t', ' ']).to_owned()
}

/// KiB of a process that no other shares: in mappings of its executable, and elsewhere.
fn anonymous(pid: u32) -> (u64, u64) {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps")).unwrap();
    let (mut executable, mut elsewhere, mut inside) = (0, 0, false);
    for line in text.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[..] {
            [range, _, _, _, inode, ..] if range.contains('-') => inside = inode != "0",
            ["Anonymous:", size, "kB"] => {
                let sum = if inside {
                    &mut executable
                } else {
                    &mut elsewhere
                };
                *sum += size.parse::<u64>().unwrap();
            }
            _ => {}
        }
    }
    assert!(executable > 0, "no mapping of the executable");
    (executable, elsewhere)
}

/// A pid namespace with the executable as its init.
struct Namespace {
    unshare: Child,
    init: u32,
}

impl Namespace {
    fn new() -> Self {
        let program = fs::canonicalize(WARREN).unwrap();
        let place = tempfile::tempdir().unwrap();
        let init = place.path().join("garden-init");
        symlink(WARREN, &init).unwrap();
        let unshare = Command::new("unshare")
            .args(["--pid", "--fork", "--kill-child"])
            .arg(&init)
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        let pid = unshare.id();
        let init = eventually("init", || {
            let child = children(pid).first().copied()?;
            // Executed and waiting, not merely forked.
            let is_executed = fs::read_link(format!("/proc/{child}/exe")).ok()? == program;
            (is_executed && status(child, "State").starts_with('S')).then_some(child)
        });
        Self { unshare, init }
    }

    fn run(&self, line: &str) {
        let status = Command::new("nsenter")
            .args([
                "--target",
                &self.init.to_string(),
                "--pid",
                "--",
                "sh",
                "-c",
                line,
            ])
            .status();
        assert!(status.unwrap().success(), "{line}");
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Its own child; the kernel ends the namespace with it.
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

#[test]
fn orphans_are_reaped() {
    let namespace = Namespace::new();
    let place = tempfile::tempdir().unwrap();
    let end = place.path().join("end");
    // The shell ends first, so what it has started becomes init's.
    namespace.run(&format!(
        "for i in 1 2 3; do sh -c 'until [ -e {} ]; do sleep 0.02; done' & done; sleep 1000 &",
        end.display()
    ));
    eventually("four orphans", || {
        (children(namespace.init).len() == 4).then_some(())
    });
    fs::write(end, "").unwrap();
    let left = eventually("the end of three", || {
        let left = children(namespace.init);
        (left.len() == 1).then_some(left)
    });
    // No zombie: the one that is left runs.
    assert!(status(left[0], "State").starts_with('S'));
}

#[test]
fn it_is_small_and_does_not_end_by_itself() {
    let namespace = Namespace::new();
    namespace.run("kill -TERM 1; kill -INT 1; kill -HUP 1; kill -USR1 1; true");
    // The executable has a fixed address, so that its constants are the file's and shared.
    eventually(
        "less than 1024 KiB of the executable written, and 256 KiB of its own",
        || {
            let (written, own) = anonymous(namespace.init);
            println!("{written} KiB of the executable written, {own} KiB of its own");
            (written < 1024 && own < 256).then_some(())
        },
    );
    assert_eq!(status(namespace.init, "Threads"), "1");
    assert!(!status(namespace.init, "State").starts_with('Z'));
    namespace.run("true");
}
