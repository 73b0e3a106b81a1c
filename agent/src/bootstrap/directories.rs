//! The directories that everything else expects, with their modes and owners.

use rustix::mount::{MountFlags, mount};
use warren_wire_agent::settings::TmpfsOptions;

use crate::files::{self, FileError};
use crate::owner::Owner;
use crate::paths::Paths;
use crate::say;

/// Size of the file system for pid files, where the settings do not say.
const RUN_SIZE: &str = "16m";
/// Mode of the directory for pid files: jobs that run as somebody else make theirs in it.
const RUN_MODE: u32 = 0o1777;

/// Makes them.
///
/// # Errors
/// [`FileError`].
pub fn make(paths: &Paths, run: &TmpfsOptions) -> Result<(), FileError> {
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
    run_directory(paths, vcap, size(&run.tmpfs_size))?;
    let sys = paths.data().join("sys");
    files::link(
        &crate::install::apply::link_target(paths, &sys),
        &paths.sys(),
    )
}

/// A size that cannot be another option as well, such as `32m` or `5%`.
fn size(wanted: &str) -> &str {
    let can_be = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'%';
    match wanted {
        "" => RUN_SIZE,
        fine if fine.bytes().all(can_be) => fine,
        other => {
            say!(
                "bootstrap",
                "{other:?} is no size, pid files have {RUN_SIZE}"
            );
            RUN_SIZE
        }
    }
}

/// Pid files are in memory, so that none is there after a reboot.
fn run_directory(paths: &Paths, vcap: Owner, size: &str) -> Result<(), FileError> {
    let run = paths.run();
    files::directory(&run, RUN_MODE, vcap)?;
    if !paths.is_system() || crate::disk::is_mount_point(&run) {
        return Ok(());
    }
    let options = std::ffi::CString::new(format!("size={size}")).ok();
    match mount(
        "tmpfs",
        &run,
        "tmpfs",
        MountFlags::empty(),
        options.as_deref(),
    ) {
        Ok(()) => files::directory(&run, RUN_MODE, vcap),
        Err(errno) => {
            say!(
                "bootstrap",
                "pid files are on disk, no tmpfs of {size} for them: {errno}"
            );
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn a_size_is_one_word() {
        assert_eq!((size(""), size("32m"), size("5%")), ("16m", "32m", "5%"));
        assert_eq!(size("1m,mode=0777"), "16m");
    }
}
