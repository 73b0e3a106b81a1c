//! The home as a mount of its own where the machine's mounts are shared.
//!
//! Garden binds directories into privileged containers as peers of what is outside, as stock's does,
//! so that what is mounted on one side later appears on the other. Machines with systemd have all of
//! their mounts shared: what is mounted inside a level would appear on the machine, below the home,
//! and stay there. A mount that is private has no peers.

use std::fs;
use std::path::Path;

use rustix::mount::{MountPropagationFlags, UnmountFlags, mount_bind, mount_change, unmount};

use crate::Error;

const TABLE: &str = "/proc/self/mountinfo";

/// What the table of mounts says of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Seen {
    /// It is the place of a mount, and not only below one.
    is_place: bool,
    /// That mount has peers.
    is_shared: bool,
}

/// Makes the home a private mount, if it is on a shared one.
pub(crate) fn keep_inside(home: &Path) -> Result<bool, Error> {
    let failed = || Error::file("make a private mount of", home);
    let home = fs::canonicalize(home).map_err(failed())?;
    if !look(&home)?.is_some_and(|seen| seen.is_shared) {
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
    match look(&home)? {
        Some(Seen {
            is_place: true,
            is_shared: false,
        }) => unmount(&home, UnmountFlags::DETACH).map_err(|errno| failed()(errno.into())),
        _ => Ok(()),
    }
}

fn look(path: &Path) -> Result<Option<Seen>, Error> {
    let table = fs::read_to_string(TABLE).map_err(Error::file("read", Path::new(TABLE)))?;
    Ok(find(&table, path))
}

/// The mount that a path is on: the longest place, and of several at one place the last.
fn find(table: &str, path: &Path) -> Option<Seen> {
    let mut found: Option<(usize, Seen)> = None;
    for line in table.lines() {
        let mut fields = line.split(' ');
        let Some(place) = fields.nth(4) else { continue };
        let place = place.replace("\\040", " ");
        let place = Path::new(&place);
        if !path.starts_with(place) {
            continue;
        }
        let options = fields.skip(1).take_while(|field| *field != "-");
        let seen = Seen {
            is_place: place == path,
            is_shared: options
                .into_iter()
                .any(|field| field.starts_with("shared:")),
        };
        let depth = place.components().count();
        if found.is_none_or(|(deepest, _)| depth >= deepest) {
            found = Some((depth, seen));
        }
    }
    found.map(|(_, seen)| seen)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHARED: &str = "21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw\n\
                          22 21 0:5 / /var/lib rw shared:7 master:1 - ext4 /dev/sdb rw\n";

    #[test]
    fn the_deepest_and_last_mount_counts() {
        let home = Path::new("/var/lib/warren/up");
        let seen = find(SHARED, home).unwrap();
        assert!(seen.is_shared && !seen.is_place);
        let bound =
            format!("{SHARED}30 22 0:5 /warren/up /var/lib/warren/up rw - ext4 /dev/sdb rw\n");
        let seen = find(&bound, home).unwrap();
        assert!(!seen.is_shared && seen.is_place);
        assert_eq!(find("", home), None);
    }
}
