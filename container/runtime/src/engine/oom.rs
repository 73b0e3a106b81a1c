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

use crate::oci::Resources;

/// Of init: below everything that is not protected outright.
const PROTECTED: i32 = -900;
/// How much higher the others' is at least: thousandths of the limit, or of the machine's memory.
const STEP: i32 = 100;
/// More than any init has, in bytes, its executable's pages among them, which others pay for.
const INIT: u64 = 4 << 20;
/// The kernel's highest.
const HIGHEST: i32 = 1000;

/// Lowers init's score; or else the score that the others are to get.
pub(super) fn protect(init: Pid, resources: &Resources) -> io::Result<Option<i32>> {
    let file = format!("/proc/{}/oom_score_adj", init.as_raw_nonzero());
    let own = fs::read_to_string(&file)?;
    let own: i32 = own.trim().parse().unwrap_or(0);
    if own <= PROTECTED || fs::write(&file, PROTECTED.to_string()).is_ok() {
        return Ok(None);
    }
    let limit = resources.memory.and_then(|memory| memory.limit);
    Ok(Some((own + step(limit)).min(HIGHEST)))
}

/// So much that it outweighs init, which takes more of a small limit.
fn step(limit: Option<i64>) -> i32 {
    let limit = limit.and_then(|limit| u64::try_from(limit).ok());
    let of = |limit: u64| (INIT * 1000).div_ceil(limit.max(1)).try_into();
    limit.map_or(STEP, |limit| {
        of(limit).unwrap_or(HIGHEST).clamp(STEP, HIGHEST)
    })
}

/// In a child, while it still sees its keeper's `/proc`: takes the score.
pub(super) fn offer(score: Option<i32>) -> io::Result<()> {
    match score {
        None => Ok(()),
        Some(score) => fs::write("/proc/self/oom_score_adj", score.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_limit_takes_a_larger_step() {
        const MIB: i64 = 1 << 20;
        for (limit, expected) in [
            (None, 100),
            (Some(-1), 100),
            (Some(i64::MAX), 100),
            (Some(1024 * MIB), 100),
            (Some(8 * MIB), 500),
            (Some(4 * MIB), 1000),
            (Some(MIB), 1000),
            (Some(0), 1000),
        ] {
            assert_eq!(step(limit), expected, "{limit:?}");
        }
    }
}
