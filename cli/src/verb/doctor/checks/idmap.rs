//! Mounts that show shifted owners, which spare a copy of each layer per mapping.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt;

use rustix::fs::{Mode, OFlags, fstat, openat};
use rustix::mount::MountAttrFlags;
use warren_lib_errchain::chain;
use warren_sys_mount::{clone_of, detached};
use warren_sys_process::idmap;
use warren_sys_process::user_namespace::{Error, Map, scratch};

use super::{Facts, Finding, store};

/// The usual shift, if we have so many ids.
const SHIFT: Map = Map {
    inside: 0,
    outside: 100_000,
    count: 65_536,
};

/// What is had without any: another id shown as ours.
fn own_id_alone() -> Map {
    Map {
        inside: 1,
        outside: rustix::process::geteuid().as_raw(),
        count: 1,
    }
}

pub fn works(_: &Facts) -> Finding {
    let remedy = "nothing depends on it: layers are copied once per mapping instead (needs \
                  CAP_SYS_ADMIN over the file system, and Linux 5.12; overlay layers 5.19, tmpfs \
                  6.3)";
    let made = match scratch(SHIFT) {
        Err(Error::Map { .. }) => scratch(own_id_alone()).map(|made| (made, own_id_alone())),
        other => other.map(|made| (made, SHIFT)),
    };
    let (namespace, map): (OwnedFd, Map) = match made {
        Ok((made, map)) => (made.namespace.into(), map),
        Err(error) => return Finding::warn(chain(&error), remedy),
    };
    let mut any = false;
    let mut lines = Vec::new();
    for place in store::places() {
        let outcome = clone_of(&place)
            .map_err(|errno| format!("cloning the mount: {errno}"))
            .and_then(|mount| shifted(mount.as_fd(), namespace.as_fd(), map, &place));
        any |= outcome.is_ok();
        let kind = store::kind(&place);
        let told = outcome.err().unwrap_or_else(|| "works".to_owned());
        lines.push(format!("{} ({kind}): {told}", place.display()));
    }
    let tmpfs = detached("tmpfs", &[], MountAttrFlags::empty())
        .map_err(|error| chain(&error))
        .and_then(|mount| {
            idmap::apply(mount.as_fd(), namespace.as_fd()).map_err(|errno| errno.to_string())
        });
    let told = tmpfs.err().unwrap_or_else(|| "works".to_owned());
    lines.push(format!("a new tmpfs: {told}"));
    let finding = if any {
        Finding::pass("a place for stores can show shifted owners")
    } else {
        Finding::warn("no place for stores can show shifted owners", remedy)
    };
    finding.and_all(lines)
}

/// Whether the mount's root really shows another owner.
fn shifted(
    mount: std::os::fd::BorrowedFd<'_>,
    namespace: std::os::fd::BorrowedFd<'_>,
    map: Map,
    place: &std::path::Path,
) -> Result<(), String> {
    idmap::apply(mount, namespace).map_err(|errno| errno.to_string())?;
    let owner = std::fs::metadata(place)
        .map_err(|error| error.to_string())?
        .uid();
    let flags = OFlags::PATH | OFlags::CLOEXEC;
    let shown = openat(mount, ".", flags, Mode::empty())
        .and_then(fstat)
        .map_err(|errno| errno.to_string())?
        .st_uid;
    match owner.checked_sub(map.inside) {
        Some(nth) if nth < map.count && shown != map.outside + nth => {
            Err(format!("owner {owner} is shown as {shown}"))
        }
        _ => Ok(()),
    }
}
