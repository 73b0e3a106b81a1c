//! From one persistent disk to another.
//!
//! ```text
//! store becomes read-only ─► content to the target ─► both unmounted ─► the new one at store
//! ```
//!
//! A failure before the last step leaves the old disk at `store`, writable again.

use std::process::{Command, Stdio};

use rustix::mount::{MountFlags, mount_move, mount_remount};

use super::mount::detach;
use super::{DiskError, is_mount_point};
use crate::agent::Agent;
use crate::process::{RunError, ToolError};

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
    let failed = |step, path: &std::path::Path| {
        let path = path.to_owned();
        move |source| DiskError::Mount { step, path, source }
    };
    if is_mount_point(&store) {
        // The mount, not the file system: that may be mounted elsewhere as well.
        let read_only = MountFlags::BIND | MountFlags::RDONLY;
        mount_remount(&store, read_only, "").map_err(failed("make read-only", &store))?;
        if let Err(error) = copy(&store, &target) {
            let writable = mount_remount(&store, MountFlags::BIND, "");
            writable.map_err(failed("make writable", &store))?;
            return Err(error);
        }
        detach(&store)?;
    }
    mount_move(&target, &store).or_else(|errno| {
        // Shared mounts cannot be moved; a second bind of the same is the same.
        if errno != rustix::io::Errno::INVAL {
            return Err(failed("move the disk to", &store)(errno));
        }
        rustix::mount::mount_bind(&target, &store).map_err(failed("bind the disk to", &store))?;
        detach(&target)
    })
}

/// `tar` keeps owners, modes, links and attributes.
fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<(), DiskError> {
    let failed = |source| DiskError::Tool {
        step: "copy the disk's content",
        source: ToolError::Run(RunError {
            step: "run",
            program: "tar".to_owned(),
            source,
        }),
    };
    let flags = [
        "--xattrs",
        "--xattrs-include=*.*",
        "--acls",
        "--numeric-owner",
        "-C",
    ];
    let mut reader = Command::new("tar")
        .args(flags)
        .arg(from)
        .args(["-cf", "-", "."])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    let pipe = reader.stdout.take().map_or_else(Stdio::null, Stdio::from);
    let written = Command::new("tar")
        .args(flags)
        .arg(to)
        .args(["-xpf", "-"])
        .stdin(pipe)
        .status();
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
