//! `/proc`, and how mounts spread.

use std::path::Path;

use rustix::mount::MountAttrFlags;
use warren_lib_errchain::chain;
use warren_sys_mount::{MountTable, Propagation, detached};

use super::{Facts, Finding};

pub fn fresh(_: &Facts) -> Finding {
    let link = std::fs::read_link("/proc/self");
    match link {
        Err(error) => {
            return Finding::fail(format!("/proc/self: {error}"), "mount -t proc proc /proc");
        }
        Ok(pid) if pid != Path::new(&std::process::id().to_string()) => {
            return Finding::fail(
                format!("/proc/self is {}, we are another", pid.display()),
                "mount a /proc of this pid namespace: mount -t proc proc /proc",
            );
        }
        Ok(_) => {}
    }
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NODEV
        | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    match detached("proc", &[], attributes) {
        Ok(_) => Finding::pass("/proc is ours, and a fresh one can be mounted"),
        Err(error) => Finding::warn(
            format!(
                "/proc is ours, but no fresh one can be mounted: {}",
                chain(&error)
            ),
            "keep the outer container's /proc unmasked (docker: --security-opt \
             systempaths=unconfined), and give it CAP_SYS_ADMIN",
        ),
    }
}

pub fn propagation(_: &Facts) -> Finding {
    let table = match MountTable::read(Path::new("/proc"), "thread-self") {
        Ok(table) => table,
        Err(error) => return Finding::unknown(chain(&error), "mount /proc"),
    };
    match table.covering(Path::new("/")) {
        Some(mount) => Finding::pass(format!(
            "/ is {}, on {}",
            words(&mount.propagation),
            mount.fs_type.to_string_lossy()
        )),
        None => Finding::pass("/ is in no mount table (a chroot)"),
    }
}

fn words(propagation: &Propagation) -> String {
    let mut kinds = Vec::new();
    if propagation.shared.is_some() {
        kinds.push("shared: mounts spread to and from other namespaces");
    }
    if propagation.master.is_some() {
        kinds.push("slave: mounts spread here from outside");
    }
    if propagation.unbindable {
        kinds.push("unbindable");
    }
    if kinds.is_empty() {
        kinds.push("private: mounts do not spread");
    }
    kinds.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn propagation_in_words() {
        let mut some = Propagation::default();
        assert!(words(&some).starts_with("private"));
        some.shared = Some(1);
        some.master = Some(2);
        assert!(words(&some).starts_with("shared"));
        assert!(words(&some).contains("slave"));
    }
}
