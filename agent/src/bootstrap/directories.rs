//! The directories that everything else expects, with their modes and owners.

use rustix::mount::{MountFlags, mount};

use crate::files::{self, FileError};
use crate::owner::Owner;
use crate::paths::Paths;
use crate::say;

/// Size of the file system for pid files.
const RUN_SIZE: &str = "size=16m,mode=0750";

/// Makes them.
///
/// # Errors
/// [`FileError`].
pub fn make(paths: &Paths) -> Result<(), FileError> {
    let vcap = Owner::vcap(paths);
    let all = [
        (paths.bosh(), 0o755, Owner::ROOT),
        (paths.etc_bosh(), 0o755, Owner::ROOT),
        (paths.agent_logs(), 0o755, Owner::ROOT),
        (paths.data(), 0o755, Owner::ROOT),
        (paths.data().join("sys"), 0o755, vcap),
        (paths.logs(), 0o750, vcap),
        (paths.data_jobs(), 0o750, vcap),
        (paths.data_packages(), 0o755, vcap),
        (paths.jobs(), 0o750, vcap),
        (paths.packages(), 0o755, vcap),
        (paths.blobs(), 0o700, vcap),
        (paths.sensitive_blobs(), 0o700, vcap),
        (paths.dynamic_disks(), 0o700, vcap),
        (paths.tmp(), 0o755, Owner::ROOT),
        (paths.monit(), 0o755, Owner::ROOT),
        (paths.monit_jobs(), 0o755, Owner::ROOT),
        (paths.instance(), 0o755, Owner::ROOT),
        (paths.instance().join("dns"), 0o755, Owner::ROOT),
        (paths.ssh_homes(), 0o755, Owner::ROOT),
    ];
    for (path, mode, owner) in all {
        files::directory(&path, mode, owner)?;
    }
    run_directory(paths, vcap)?;
    let sys = paths.data().join("sys");
    files::link(
        &crate::install::apply::link_target(paths, &sys),
        &paths.sys(),
    )
}

/// Pid files are in memory, so that none is there after a reboot.
fn run_directory(paths: &Paths, vcap: Owner) -> Result<(), FileError> {
    let run = paths.run();
    files::directory(&run, 0o750, vcap)?;
    if !paths.is_system() || crate::disk::is_mount_point(&run) {
        return Ok(());
    }
    let options = std::ffi::CString::new(RUN_SIZE).ok();
    match mount(
        "tmpfs",
        &run,
        "tmpfs",
        MountFlags::empty(),
        options.as_deref(),
    ) {
        Ok(()) => vcap.give(&run),
        Err(errno) => {
            say!(
                "bootstrap",
                "pid files are on disk, no tmpfs for them: {errno}"
            );
            Ok(())
        }
    }
}
