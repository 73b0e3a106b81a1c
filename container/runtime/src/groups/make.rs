//! Making a container's groups: limited and filtered before anything is in them.
//!
//! The order matters:
//!
//! ```text
//! NAME made ─► v1 device list ─► v2 device program ─► limits ─► controllers for below ─► init made,
//!                                                                                         limits shown
//! ```
//!
//! The v1 device list can be reset only while there is no child, and nothing may ever run
//! unfiltered.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::fs::{Gid, Uid};
use rustix::io::Errno;
use warren_sys_cgroup::error::Error as CgroupError;
use warren_sys_cgroup::limits::{ApplyError, Bound, LimitError};
use warren_sys_cgroup::limits::{Cpu, CpuQuota, CpuShare, Io, Limits, Memory};
use warren_sys_cgroup::{Cgroup, GroupSet};
use warren_sys_devicefilter::attach::{AttachError, Owned};
use warren_sys_devicefilter::policy::PolicyError;
use warren_sys_devicefilter::{Defaults, Policy, Program, Style, install, v1};

use super::destroy::{DestroyError, destroy};
use super::place::{Place, PlaceError};
use crate::engine::Devices;
use crate::oci::Resources;

/// The group that a container's processes are in, below the one that has its limits.
pub const INIT: &str = "init";

/// How long an empty group of a failed attempt may take to go.
const REMOVE: Duration = Duration::from_secs(5);

/// The groups of one container.
#[derive(Debug)]
pub struct Groups {
    /// Where they are.
    pub place: Place,
    /// With the limits and the device filter.
    pub outer: GroupSet,
    /// With the processes.
    pub init: GroupSet,
    /// The device program on the outer v2 group.
    pub program: Option<Owned>,
    /// What could not be had and was not asked for by name.
    pub remarks: Vec<String>,
}

/// The groups could not be made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Where they are to be.
    #[error("cannot open the groups in which the container's are to be made")]
    Parent(#[from] PlaceError),
    /// There are groups of this name with processes.
    #[error("the container's group {0} exists and is in use")]
    InUse(String),
    /// What an earlier attempt left could not be removed.
    #[error("cannot remove what is left of earlier groups")]
    Left(#[source] DestroyError),
    /// A group.
    #[error("cannot make the container's groups")]
    Create(#[source] CgroupError),
    /// The device rules.
    #[error("the device rules have no filter")]
    Policy(#[from] PolicyError),
    /// The v2 program.
    #[error("cannot put up the device filter")]
    Program(#[from] AttachError),
    /// The v1 list.
    #[error("cannot put up the device filter of cgroup v1")]
    Devices(#[from] v1::V1Error),
    /// There is neither cgroup v2 nor the devices controller.
    #[error(
        "there is no way to filter devices: neither cgroup v2 nor the v1 devices controller can be used"
    )]
    NoFilter,
    /// A limit.
    #[error("the container's limits are not in force")]
    Limits(#[source] ApplyError),
    /// Handing `init` over.
    #[error("cannot hand the container's group to its root user")]
    Delegate(#[source] CgroupError),
}

/// Makes the groups `name` in `parent` and `init` in it, the latter owned by `owner`.
///
/// # Errors
/// [`MakeError`]; then none is left.
pub fn make(
    parent: &Place,
    name: &str,
    resources: &Resources,
    devices: Devices,
    owner: Option<(Uid, Gid)>,
) -> Result<Groups, MakeError> {
    let place = parent.child(name);
    let above = parent.open()?;
    match left(&above, name) {
        Left::Nothing => {}
        Left::Processes => return Err(MakeError::InUse(name.to_owned())),
        Left::Groups => {
            destroy(&place, REMOVE).map_err(MakeError::Left)?;
        }
    }
    if let Some(v2) = &above.v2 {
        hand_down(v2).map_err(MakeError::Create)?;
    }
    let outer = above.create(name).map_err(MakeError::Create)?;
    match fill(place.clone(), outer, resources, devices, owner) {
        Ok(groups) => Ok(groups),
        Err(error) => {
            // The first error is the one to tell; what is left now, the next attempt removes.
            let _secondary = destroy(&place, REMOVE);
            Err(error)
        }
    }
}

/// Makes the groups `name` in these, with no limits but theirs, owned by `owner`.
///
/// # Errors
/// [`MakeError`]; then none is left.
pub fn beside_init(
    container: &Groups,
    name: &str,
    owner: Option<(Uid, Gid)>,
) -> Result<GroupSet, MakeError> {
    let place = container.place.child(name);
    if !matches!(left(&container.outer, name), Left::Nothing) {
        destroy(&place, REMOVE).map_err(MakeError::Left)?;
    }
    let made = container.outer.create(name).map_err(MakeError::Create)?;
    if let (Some(v2), Some((uid, gid))) = (&made.v2, owner)
        && let Err(error) = v2.delegate(uid, gid)
    {
        let _secondary = destroy(&place, REMOVE);
        return Err(MakeError::Delegate(error));
    }
    Ok(made)
}

/// What there is of groups that are to be made.
enum Left {
    Nothing,
    /// In some of the hierarchies.
    Groups,
    /// And somebody is in one.
    Processes,
}

/// Groups are made in cgroup v2 first and removed there last, so it alone tells what is left. Without
/// it every hierarchy may have a group that the others have not.
fn left(above: &GroupSet, name: &str) -> Left {
    if let Some(v2) = &above.v2 {
        return match v2.child(name) {
            Err(_) => Left::Nothing,
            Ok(group) if group.state().is_ok_and(|state| state.populated) => Left::Processes,
            Ok(_) => Left::Groups,
        };
    }
    let groups = above.v1.iter().filter_map(|group| group.child(name).ok());
    groups.fold(Left::Nothing, |before, group| match before {
        Left::Processes => before,
        _ if group.procs_below().is_ok_and(|all| !all.is_empty()) => Left::Processes,
        _ => Left::Groups,
    })
}

fn fill(
    place: Place,
    outer: GroupSet,
    resources: &Resources,
    devices: Devices,
    owner: Option<(Uid, Gid)>,
) -> Result<Groups, MakeError> {
    let program = match devices {
        Devices::Own => filter(&outer, resources)?,
        Devices::Inherited => None,
    };
    let mut remarks = Vec::new();
    limit(&outer, resources, &mut remarks)?;
    if let Some(v2) = &outer.v2 {
        hand_down(v2).map_err(MakeError::Create)?;
    }
    let init = outer.create(INIT).map_err(MakeError::Create)?;
    show(&init, resources, &mut remarks);
    if let (Some(v2), Some((uid, gid))) = (&init.v2, owner) {
        v2.delegate(uid, gid).map_err(MakeError::Delegate)?;
    }
    Ok(Groups {
        place,
        outer,
        init,
        program,
        remarks,
    })
}

/// Enables what controllers there are for the groups below. One that cannot be enabled is missed
/// by the limit that needs it, which then says so.
fn hand_down(group: &Cgroup) -> Result<(), CgroupError> {
    let available = group.controllers()?;
    let names: Vec<&str> = available.iter().map(String::as_str).collect();
    group.enable(&names).map(drop)
}

fn filter(outer: &GroupSet, resources: &Resources) -> Result<Option<Owned>, MakeError> {
    let policy = Policy::for_container(&resources.devices, &Defaults::default())?;
    let devices = outer
        .v1
        .iter()
        .find(|group| group.has_controller("devices"));
    if let Some(group) = devices {
        v1::apply(group.path(), &policy)?;
    }
    let Some(group) = &outer.v2 else {
        return if devices.is_some() {
            Ok(None)
        } else {
            Err(MakeError::NoFilter)
        };
    };
    let program = Program::new(&policy, Style::default());
    let mut record: Option<Owned> = None;
    install(group.as_fd(), &program, &mut record)?;
    Ok(record)
}

/// Puts the limits in force on a group. What could not be had and was not asked for by name goes to
/// the remarks.
///
/// # Errors
/// [`MakeError::Limits`].
pub fn limit(
    outer: &GroupSet,
    resources: &Resources,
    remarks: &mut Vec<String>,
) -> Result<(), MakeError> {
    let bytes = |value: Option<i64>| value.and_then(|value| u64::try_from(value).ok());
    let memory = resources.memory.unwrap_or_default();
    let max = bytes(memory.limit);
    let swap = bytes(memory.swap).map(|both| both.saturating_sub(max.unwrap_or(0)));
    let pids = resources.pids.map(|pids| pids.limit);
    let mut limits = Limits {
        memory: Memory {
            max: max.map(Bound::At),
            swap: swap.map(Bound::At),
            ..Memory::default()
        },
        cpu: Cpu {
            share: resources
                .cpu
                .and_then(|cpu| cpu.shares)
                .map(CpuShare::Shares),
            quota: resources.cpu.and_then(quota),
        },
        io: Io {
            weight: resources.block_io.and_then(|io| io.weight).map(Into::into),
            ..Io::default()
        },
        pids: bytes(pids).map(Bound::At),
        ..Limits::default()
    };
    let failed = match outer.limit(&limits) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    if swap.is_none() || !failed.failures.iter().all(no_swap_accounting) {
        return Err(MakeError::Limits(failed));
    }
    // Nothing limits swap on a kernel that does not count it. The rest has to hold.
    remarks.push(format!("swap is not limited: {failed}"));
    limits.memory.swap = None;
    outer.limit(&limits).map(drop).map_err(MakeError::Limits)
}

/// Puts the limits that programs read on `init` too. It is the root of what a container sees, and
/// whoever sizes itself by its limits (Java, Go, a server of containers) looks at the root's files. What
/// holds is the same limit above, so a failure is only told. Shares and weights count among siblings,
/// which `init` has none of.
pub fn show(init: &GroupSet, resources: &Resources, remarks: &mut Vec<String>) {
    let shown = Resources {
        memory: resources.memory,
        pids: resources.pids,
        cpu: resources.cpu.map(|cpu| crate::oci::Cpu {
            shares: None,
            ..cpu
        }),
        ..Resources::default()
    };
    // Swap that is not counted has been told of.
    if let Err(error) = limit(init, &shown, &mut Vec::new()) {
        let why = warren_lib_errchain::chain(&error);
        remarks.push(format!(
            "programs inside do not see the container's limits: {why}"
        ));
    }
}

/// The ceiling of CPU time, if there is one.
fn quota(cpu: crate::oci::Cpu) -> Option<CpuQuota> {
    let quota = u64::try_from(cpu.quota?).ok()?;
    Some(CpuQuota {
        quota_us: Bound::At(quota),
        period_us: cpu.period.unwrap_or(crate::bundle::resources::PERIOD),
    })
}

/// Whether the limit failed because the kernel has no file for it.
fn no_swap_accounting(failure: &warren_sys_cgroup::limits::Failure) -> bool {
    let LimitError::Group(error) = &failure.error else {
        return false;
    };
    failure.controller == "memory" && error.errno() == Some(Errno::NOENT)
}
