//! Becoming the user that a program is executed as.
//!
//! The order is forced: a filter needs `CAP_SYS_ADMIN`, the bounding set `CAP_SETPCAP`, ids
//! `CAP_SETUID`, and each step after the filter has to be among the calls it allows.

use rustix::process::{Gid, Uid};
use rustix::thread::{
    CapabilitySets, capabilities, clear_ambient_capability_set,
    configure_capability_in_ambient_set, remove_capability_from_bounding_set, set_capabilities,
    set_keep_capabilities, set_no_new_privs, set_thread_groups, set_thread_res_gid,
    set_thread_res_uid,
};
use warren_sys_process::capabilities::bounding;

use super::error::Failure;
use super::seccomp::Filter;
use crate::apparmor;
use crate::bundle::capabilities::{ambient, of_user};
use crate::oci::Spec;
use crate::users::User;

/// Puts on the bundle's filter and becomes the user, with the capabilities that it has there.
pub(super) fn assume(bundle: &Spec, filter: &Filter, user: &User) -> Result<(), Failure> {
    if let Some(profile) = &bundle.process.apparmor_profile {
        // First: the filter may forbid it, and the next program is ours to choose.
        apparmor::on_exec(profile)
            .map_err(|e| Failure::because("apply", format!("AppArmor profile {profile:?}"), &e))?;
    }
    if bundle.process.no_new_privileges {
        set_no_new_privs(true).map_err(|e| Failure::new("set", "no_new_privs", e))?;
    }
    filter
        .install()
        .map_err(|e| Failure::new("install", "the system call filter", e))?;
    become_user(bundle, user)
}

/// Becomes the user, with the capabilities that it has in the container.
pub(super) fn become_user(bundle: &Spec, user: &User) -> Result<(), Failure> {
    let available = bounding().map_err(|e| Failure::because("read", "capabilities", &e))?;
    let set = of_user(bundle, user.uid, available);
    let kept = ambient(bundle, user.uid, available) & set;
    for bit in (available - set).iter() {
        remove_capability_from_bounding_set(bit)
            .map_err(|e| Failure::new("drop", "a capability from the bounding set", e))?;
    }
    // EINVAL: a kernel without ambient capabilities has none to clear.
    match clear_ambient_capability_set() {
        Ok(()) | Err(rustix::io::Errno::INVAL) => {}
        Err(e) => return Err(Failure::new("clear", "ambient capabilities", e)),
    }
    let now = capabilities(None).map_err(|e| Failure::new("read", "capabilities", e))?;
    apply(CapabilitySets {
        inheritable: set,
        ..now
    })?;
    let ids = |step, e| Failure::new(step, format!("{}:{}", user.uid, user.gid), e);
    let groups: Vec<Gid> = user.groups.iter().map(|id| Gid::from_raw(*id)).collect();
    set_thread_groups(&groups).map_err(|e| ids("set the groups of", e))?;
    let gid = Gid::from_raw(user.gid);
    set_thread_res_gid(gid, gid, gid).map_err(|e| ids("become the group of", e))?;
    let uid = Uid::from_raw(user.uid);
    if !kept.is_empty() {
        set_keep_capabilities(true).map_err(|e| Failure::new("keep", "capabilities", e))?;
    }
    set_thread_res_uid(uid, uid, uid).map_err(|e| ids("become the user of", e))?;
    let in_force = if user.uid == 0 { set } else { kept };
    apply(CapabilitySets {
        inheritable: set,
        permitted: in_force,
        effective: in_force,
    })?;
    for bit in kept.iter() {
        configure_capability_in_ambient_set(bit, true)
            .map_err(|e| Failure::new("set", "ambient capabilities", e))?;
    }
    Ok(())
}

/// Becomes root of a user namespace just entered, with nothing of outside left.
pub(super) fn become_root() -> Result<(), Failure> {
    let failed = |e| Failure::new("become", "root of the container's user namespace", e);
    set_thread_res_gid(Gid::ROOT, Gid::ROOT, Gid::ROOT).map_err(failed)?;
    set_thread_res_uid(Uid::ROOT, Uid::ROOT, Uid::ROOT).map_err(failed)?;
    set_thread_groups(&[]).map_err(failed)
}

fn apply(sets: CapabilitySets) -> Result<(), Failure> {
    set_capabilities(None, sets).map_err(|e| Failure::new("set", "capabilities", e))
}
