//! What the two processes may do: as little as can be.

use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::Pid;
use rustix::thread::{CapabilitySet, remove_capability_from_bounding_set, set_no_new_privs};
use warren_sys_process::{capabilities, lifecycle};

/// The user that owns nothing, and its group.
const NOBODY: u32 = 65534;

/// Takes all rights from what is started from now on and is not user 0; ours stay.
pub(super) fn close_bounding() -> io::Result<()> {
    let bounding = capabilities::bounding().map_err(io::Error::other)?;
    for bit in bounding.iter() {
        match remove_capability_from_bounding_set(bit) {
            // Without the right to do so; what is not user 0 gets nothing of it anyway.
            Ok(()) | Err(Errno::PERM) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    Ok(())
}

/// Keeps what ends a process of another user, which the kernel asks for when it ends it in our place.
pub(super) fn keep_only_to_end_others() -> io::Result<()> {
    // What cannot be removed from the bounding set was left there before.
    let sets = rustix::thread::capabilities(None)?;
    let kept = rustix::thread::CapabilitySets {
        effective: sets.effective & CapabilitySet::KILL,
        permitted: sets.permitted & CapabilitySet::KILL,
        inheritable: CapabilitySet::empty(),
    };
    rustix::thread::set_capabilities(None, kept)?;
    Ok(set_no_new_privs(true)?)
}

/// Users to answer as, with their groups, the first one that can be had: nobody, or a user of jobs.
/// Both are in the group that may read the files of jobs, where there is one.
pub(super) fn users(groups: &Path) -> Vec<(u32, u32)> {
    let text = std::fs::read_to_string(groups).unwrap_or_default();
    let vcap = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == "vcap")
            .then(|| fields.nth(1)?.parse().ok())
            .flatten()
    });
    match vcap {
        Some(group) => vec![(NOBODY, group), (group, group)],
        None => vec![(NOBODY, NOBODY)],
    }
}

/// For the process that answers, at its begin: checks that it has no rights, sees to it that it gets
/// none, and that it ends with its keeper.
///
/// # Errors
/// It is user 0, or has a capability, or its keeper is gone already.
pub(crate) fn answerer(keeper: u32) -> io::Result<()> {
    let has = capabilities::effective().map_err(io::Error::other)?;
    if rustix::process::geteuid().is_root() || !has.is_empty() {
        return Err(io::Error::other(
            "this process has rights that it must not have",
        ));
    }
    set_no_new_privs(true)?;
    let keeper = i32::try_from(keeper).ok().and_then(Pid::from_raw);
    Ok(lifecycle::die_with_parent(keeper)?)
}
