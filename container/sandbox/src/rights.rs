//! Who the program is: a user of its own if root starts it, and no capabilities in any case.

use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::process::{DumpableBehavior, geteuid, set_dumpable_behavior, umask};
use rustix::thread::{
    CapabilitySet, set_no_new_privs, set_thread_groups, set_thread_res_gid, set_thread_res_uid,
};
use warren_sys_process::capabilities;

use crate::NOBODY_ELSE;
use crate::inner::Failure;

/// Root becomes a user that owns nothing; anybody else stays who they are.
///
/// The number of processes is bounded for any user but the machine's root, and files of root's stay
/// root's even without capabilities, so that this matters with a root of one's own too. Where the
/// user does not exist, in a user namespace of few ids, root is not the machine's.
pub(crate) fn become_nobody_else() -> Result<(), Failure> {
    if !geteuid().is_root() {
        return Ok(());
    }
    let failed = |what: &str, errno| Failure::new("become", what, errno);
    let user = rustix::process::Uid::from_raw(NOBODY_ELSE);
    let group = rustix::process::Gid::from_raw(NOBODY_ELSE);
    // Needs what is given up next.
    let _old = set_thread_groups(&[]);
    match set_thread_res_gid(group, group, group) {
        Ok(()) => {}
        Err(Errno::INVAL) => return Ok(()),
        Err(errno) => return Err(failed("another group", errno)),
    }
    set_thread_res_uid(user, user, user).map_err(|errno| failed("another user", errno))?;
    // The maps of a user namespace are written through `/proc/self`, which is root's otherwise.
    set_dumpable_behavior(DumpableBehavior::Dumpable).map_err(|errno| failed("its owner", errno))
}

/// Gives up every capability, and for good: nothing executed from here on brings any back.
pub(crate) fn give_up_capabilities() -> Result<(), Failure> {
    // The bounding set is closed to one without CAP_SETPCAP, who gains nothing from it either.
    if capabilities::has(CapabilitySet::SETPCAP).unwrap_or(false) {
        capabilities::keep_only(CapabilitySet::SETUID | CapabilitySet::SETGID)
            .map_err(|error| Failure::because("give up", "capabilities", &error))?;
    }
    set_no_new_privs(true).map_err(|e| Failure::new("give up", "new privileges", e))?;
    umask(Mode::from_raw_mode(0o077));
    Ok(())
}

/// Those that changing the user takes.
pub(crate) fn give_up_the_rest() -> Result<(), Failure> {
    let none = CapabilitySet::empty();
    let sets = rustix::thread::CapabilitySets {
        effective: none,
        permitted: none,
        inheritable: none,
    };
    rustix::thread::set_capabilities(None, sets)
        .map_err(|e| Failure::new("give up", "capabilities", e))
}
