//! The home as a mount of its own where the machine's mounts are shared.
//!
//! Garden binds directories into privileged containers as peers of what is outside, as stock's does,
//! so that what is mounted on one side later appears on the other. Machines with systemd have all of
//! their mounts shared: what is mounted inside a level would appear on the machine, below the home,
//! and stay there. A mount that is private has no peers.
//!
//! Somebody else may have mounted something at the home: a disk, a volume of Docker's. That stays. Ours
//! is known by what it is: the home, bound onto itself.

use std::fs;
use std::path::Path;

use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};
use warren_sys_mount::{Mount, MountTable};

use crate::Error;

/// Makes the home a private mount, if it is on a shared one.
pub(crate) fn keep_inside(home: &Path) -> Result<bool, Error> {
    let failed = || Error::file("make a private mount of", home);
    let home = fs::canonicalize(home).map_err(failed())?;
    if !look()?.covering(&home).is_some_and(is_shared) {
        return Ok(false);
    }
    mount_bind(&home, &home).map_err(|errno| failed()(errno.into()))?;
    mount_change(&home, MountPropagationFlags::PRIVATE).map_err(|errno| failed()(errno.into()))?;
    Ok(true)
}

/// Takes that mount away, with what is still mounted below it.
pub(crate) fn let_go(home: &Path) -> Result<(), Error> {
    let failed = || Error::file("unmount", home);
    let home = match fs::canonicalize(home) {
        Ok(home) => home,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(failed()(error)),
    };
    match is_ours(&look()?, &home) {
        true => unmount(&home, UnmountFlags::DETACH).map_err(|errno| failed()(errno.into())),
        false => Ok(()),
    }
}

/// Whether something is mounted at the home.
pub(crate) fn is_place(home: &Path) -> Result<bool, Error> {
    let covering = |home: &Path| look().map(|table| has_at(&table, home).is_some());
    fs::canonicalize(home).map_or(Ok(false), |home| covering(&home))
}

fn look() -> Result<MountTable, Error> {
    MountTable::read(Path::new("/proc"), "self").map_err(Error::Mounts)
}

fn is_shared(mount: &Mount) -> bool {
    mount.propagation.shared.is_some()
}

/// What is mounted at a place and seen there.
fn has_at<'a>(table: &'a MountTable, place: &Path) -> Option<&'a Mount> {
    let covering = table.covering(place);
    covering.filter(|mount| mount.mount_point == place)
}

/// Whether the mount at the home is the home itself, as the mount around it shows it.
fn is_ours(table: &MountTable, home: &Path) -> bool {
    let Some(mount) = has_at(table, home) else {
        return false;
    };
    let around = table.iter().find(|around| around.id == mount.parent);
    around.is_some_and(|around| {
        let inside = home.strip_prefix(&around.mount_point);
        let is_same = inside.is_ok_and(|inside| around.root.join(inside) == mount.root);
        is_same && around.device == mount.device && !is_shared(mount)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: &str = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                          22 21 0:5 /@var /var/lib rw shared:7 master:1 - ext4 /dev/sdb rw\n";
    const HOME: &str = "/var/lib/warren/up";

    fn table(more: &str) -> MountTable {
        MountTable::parse(format!("{SHARED}{more}").as_bytes()).unwrap()
    }

    #[test]
    fn the_home_bound_onto_itself_is_ours_and_nothing_else_is() {
        let home = Path::new(HOME);
        let before = table("");
        assert!(before.covering(home).is_some_and(is_shared));
        assert!(!is_ours(&before, home));
        for (mount, ours) in [
            ("30 22 0:5 /@var/warren/up HOME rw - ext4 /dev/sdb rw", true),
            // A volume of Docker's, and a disk.
            (
                "30 22 8:1 /volumes/v/_data HOME rw - ext4 /dev/sda1 rw",
                false,
            ),
            ("30 22 8:7 / HOME rw - ext4 /dev/sdc rw", false),
            // Another directory of the same file system; the same of another.
            ("30 22 0:5 /@var/other HOME rw - ext4 /dev/sdb rw", false),
            (
                "30 22 0:6 /@var/warren/up HOME rw - ext4 /dev/sde rw",
                false,
            ),
            // Ours is never shared.
            (
                "30 22 0:5 /@var/warren/up HOME rw shared:9 - ext4 /dev/sdb rw",
                false,
            ),
            // Around the home, or inside it.
            (
                "30 22 0:5 /@var/warren /var/lib/warren rw - ext4 /dev/sdb rw",
                false,
            ),
            (
                "30 22 0:5 /@var/warren/up/next HOME/next rw - ext4 /dev/sdb rw",
                false,
            ),
            // Around it is what this process does not see.
            (
                "30 99 0:5 /@var/warren/up HOME rw - ext4 /dev/sdb rw",
                false,
            ),
        ] {
            let mount = mount.replace("HOME", HOME) + "\n";
            assert_eq!(is_ours(&table(&mount), home), ours, "{mount}");
        }
    }
}
