//! The end: services one after the other, then, as pid 1, everything.

use std::time::{Duration, Instant};

use rustix::process::{Signal, WaitOptions, kill_process_group, wait};

use super::service::Kept;
use crate::say;

/// For each service, and for all others together.
const GRACE: Duration = Duration::from_secs(10);
const LOOK: Duration = Duration::from_millis(10);

pub(super) fn all(kept: &mut [Kept], is_first: bool) {
    for at in 0..kept.len() {
        kept[at].signal(Signal::TERM);
        if !gone(kept, at) {
            say!("init", "{} does not end, killing it", kept[at].name());
            kept[at].signal(Signal::KILL);
            gone(kept, at);
        }
    }
    if !is_first {
        return;
    }
    for signal in [Signal::TERM, Signal::KILL] {
        if everyone(signal).is_err() || nobody_left() {
            return;
        }
    }
}

/// Group 1 stands for every process but pid 1 itself: kill(2) with -1.
fn everyone(signal: Signal) -> Result<(), rustix::io::Errno> {
    rustix::process::Pid::from_raw(1).map_or(Ok(()), |first| kill_process_group(first, signal))
}

/// Waits for a service's end, taking those of others meanwhile.
fn gone(kept: &mut [Kept], at: usize) -> bool {
    let deadline = Instant::now() + GRACE;
    while kept[at].pid().is_some() {
        super::reap(kept);
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(LOOK);
    }
    true
}

/// Waits until there are no children.
fn nobody_left() -> bool {
    let deadline = Instant::now() + GRACE;
    loop {
        match wait(WaitOptions::NOHANG) {
            Err(_) => return true,
            Ok(Some(_)) => {}
            Ok(None) if Instant::now() >= deadline => return false,
            Ok(None) => std::thread::sleep(LOOK),
        }
    }
}
