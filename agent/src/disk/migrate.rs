//! From one persistent disk to another.
//!
//! ```text
//! store becomes read-only ─► content to the target ─► store unmounted ─► the new one at store ─► kept
//! ```
//!
//! A failure before the last disk is unmounted leaves the old one at `store`, writable again. An agent that
//! is killed in between finds at its next start one of these:
//!
//! | at `store` | at the target | what is done then |
//! |---|---|---|
//! | the old one, read-only | the new one, half full | writable again: `settle` |
//! | nothing | the new one, full | the old one is mounted again, as the one that is kept |
//! | the new one | nothing, or the same one | the new one is kept, and at `store` alone |

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::fs::{StatVfsMountFlags, stat, statvfs};
use rustix::mount::{MountFlags, mount_move, mount_remount};
use rustix::process::{Pid, Signal, kill_process};

use super::mount::{BUSY, detach, keep_what_is_at_store};
use super::{DiskError, is_mount_point, options};
use crate::agent::Agent;
use crate::files;
use crate::process::{RunError, ToolError};
use crate::say;

/// Copies all of `store` to the other disk, and puts that in its place. Without another disk there
/// is nothing to do.
///
/// # Errors
/// [`DiskError`].
pub fn migrate(agent: &Agent) -> Result<(), DiskError> {
    let (store, target) = (agent.paths.store(), agent.paths.migration_target());
    if !is_mount_point(&target) {
        return Ok(());
    }
    replace(&store, &target, BUSY)?;
    keep_what_is_at_store(agent).map(drop)
}

/// Puts the disk at `target` in the place of the one at `store`, with all that is in that. If `store`
/// stays busy for longer than `patience`, all is as it was.
///
/// # Errors
/// [`DiskError`].
pub fn replace(store: &Path, target: &Path, patience: Duration) -> Result<(), DiskError> {
    if is_mount_point(store) {
        remount(store, Access::Read)?;
        let moved = copy(store, target).and_then(|()| detach(store, patience));
        if let Err(error) = moved {
            if let Err(other) = remount(store, Access::Write) {
                say!("disk", "{}", warren_lib_errchain::chain(&other));
            }
            return Err(error);
        }
    }
    mount_move(target, store).or_else(|errno| {
        // Shared mounts cannot be moved; a second bind of the same is the same.
        if errno != rustix::io::Errno::INVAL {
            return Err(failed("move the disk to", store)(errno));
        }
        rustix::mount::mount_bind(target, store).map_err(failed("bind the disk to", store))?;
        detach(target, patience)
    })
}

/// Takes back what a migration has begun whose agent was killed.
///
/// # Errors
/// [`DiskError`].
pub(super) fn settle(agent: &Agent) -> Result<(), DiskError> {
    let (store, target) = (agent.paths.store(), agent.paths.migration_target());
    if !is_mount_point(&store) || !is_mount_point(&target) {
        return Ok(());
    }
    end_copies(&store, &target);
    let of = |path: &Path| stat(path).map_err(failed("look at", path));
    let (here, there) = (of(&store)?, of(&target)?);
    if (here.st_dev, here.st_ino) == (there.st_dev, there.st_ino) {
        return detach(&target, BUSY);
    }
    let is_read_only = flags(&store)?.contains(StatVfsMountFlags::RDONLY);
    if is_read_only && !options::of(agent).flags.contains(MountFlags::RDONLY) {
        remount(&store, Access::Write)?;
        say!(
            "disk",
            "a migration was cut off, {} is writable again",
            store.display()
        );
    }
    Ok(())
}

fn failed(step: &'static str, path: &Path) -> impl FnOnce(rustix::io::Errno) -> DiskError {
    let path = path.to_owned();
    move |source| DiskError::Mount { step, path, source }
}

fn flags(place: &Path) -> Result<StatVfsMountFlags, DiskError> {
    Ok(statvfs(place).map_err(failed("look at", place))?.f_flag)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Access {
    Read,
    Write,
}

/// Changes the mount, not the file system: that may be mounted elsewhere as well. Its other flags stay.
fn remount(store: &Path, access: Access) -> Result<(), DiskError> {
    let now = flags(store)?;
    let stays = [
        (StatVfsMountFlags::NOSUID, MountFlags::NOSUID),
        (StatVfsMountFlags::NODEV, MountFlags::NODEV),
        (StatVfsMountFlags::NOEXEC, MountFlags::NOEXEC),
        (StatVfsMountFlags::NOATIME, MountFlags::NOATIME),
        (StatVfsMountFlags::NODIRATIME, MountFlags::NODIRATIME),
    ];
    let mut wanted = MountFlags::BIND;
    for (_, flag) in stays.iter().filter(|(has, _)| now.contains(*has)) {
        wanted |= *flag;
    }
    let step = match access {
        Access::Read => {
            wanted |= MountFlags::RDONLY;
            "make read-only"
        }
        Access::Write => "make writable",
    };
    mount_remount(store, wanted, "").map_err(failed(step, store))
}

/// What reads a disk, and what writes one: `tar` keeps owners, modes, links and attributes.
fn commands(from: &Path, to: &Path) -> [Vec<OsString>; 2] {
    let flags = [
        "tar",
        "--xattrs",
        "--xattrs-include=*.*",
        "--acls",
        "--numeric-owner",
        "-C",
    ];
    [(from, &["-cf", "-", "."][..]), (to, &["-xpf", "-"])].map(|(place, rest)| {
        let words = flags.iter().map(OsString::from);
        let rest = rest.iter().map(OsString::from);
        words.chain([place.into()]).chain(rest).collect()
    })
}

/// Ends those of an agent that was killed: what they write now would come over newer files.
fn end_copies(from: &Path, to: &Path) {
    let theirs = commands(from, to).map(|words| {
        let bytes = words.iter().flat_map(|word| [word.as_bytes(), b"\0"]);
        bytes.collect::<Vec<_>>().concat()
    });
    for name in files::names(Path::new("/proc")).unwrap_or_default() {
        let pid = name.parse().ok().and_then(Pid::from_raw);
        let words = std::fs::read(Path::new("/proc").join(&name).join("cmdline"));
        if let (Some(pid), Ok(words)) = (pid, words)
            && theirs.contains(&words)
        {
            // It may have ended meanwhile.
            let _gone = kill_process(pid, Signal::KILL);
        }
    }
}

fn copy(from: &Path, to: &Path) -> Result<(), DiskError> {
    let failed = |source| DiskError::Tool {
        step: "copy the disk's content",
        source: ToolError::Run(RunError {
            step: "run",
            program: "tar".to_owned(),
            source,
        }),
    };
    let [read, write] = commands(from, to);
    let mut reader = Command::new("tar")
        .args(&read[1..])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let pipe = reader.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let written = Command::new("tar").args(&write[1..]).stdin(pipe).status();
    let read = reader.wait().map_err(failed)?;
    for status in [written.map_err(failed)?, read] {
        if !status.success() {
            return Err(DiskError::Tool {
                step: "copy the disk's content",
                source: ToolError::Status {
                    program: "tar".to_owned(),
                    code: status.code().unwrap_or(-1),
                    stderr: "see the agent's log".to_owned(),
                },
            });
        }
    }
    Ok(())
}
