//! Whom the kernel kills when a container's memory is used up: never its first process.
//!
//! What fills memory may belong to no process, a file in `/dev/shm` for instance; the kernel then
//! takes the largest process of the group, which in a container that does little is init, and with
//! init everything goes. So init gets a lower score. That needs `CAP_SYS_RESOURCE`; without it every
//! other process gets a higher one instead, which anybody may do.
//!
//! Source: `Documentation/filesystems/proc.rst` of the kernel, section 3.1.

use std::fs;
use std::io;

use rustix::process::Pid;

/// Of init: below everything that is not protected outright.
const PROTECTED: i32 = -900;
/// How much higher the others' is: a tenth of the limit outweighs any init.
const STEP: i32 = 100;
/// The kernel's highest.
const HIGHEST: i32 = 1000;

/// Lowers init's score; or else the score that the others are to get.
pub(super) fn protect(init: Pid) -> io::Result<Option<i32>> {
    let file = format!("/proc/{}/oom_score_adj", init.as_raw_nonzero());
    let own = fs::read_to_string(&file)?;
    let own: i32 = own.trim().parse().unwrap_or(0);
    if own <= PROTECTED || fs::write(&file, PROTECTED.to_string()).is_ok() {
        return Ok(None);
    }
    Ok(Some((own + STEP).min(HIGHEST)))
}

/// In a child, while it still sees its keeper's `/proc`: takes the score.
pub(super) fn offer(score: Option<i32>) -> io::Result<()> {
    match score {
        None => Ok(()),
        Some(score) => fs::write("/proc/self/oom_score_adj", score.to_string()),
    }
}
