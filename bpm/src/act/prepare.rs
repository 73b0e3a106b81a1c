//! What has to be there before a process starts: directories, shared mounts, logs, the bundle.

use std::fs::File;
use std::path::Path;

use rustix::mount::{MountPropagationFlags, mount_bind, mount_change};
use warren_sys_mount::MountTable;

use super::Bpm;
use crate::Step;
use crate::files::{self, Owner};
use crate::host::User;
use crate::lock::lock;
use crate::plan::Plan;
use crate::root::Name;

/// What a process writes to.
#[derive(Debug)]
pub(super) struct Logs {
    pub stdout: File,
    pub stderr: File,
}

impl Bpm {
    /// Makes all of it.
    pub(super) fn prepare(
        &self,
        name: &Name,
        plan: &Plan,
        persistent: bool,
        user: User,
    ) -> Result<Logs, Step> {
        let pid_file = self.root.pid_file(name);
        if let Some(directory) = pid_file.parent() {
            files::root_directory(directory, 0o700)?;
        }
        if persistent && !self.root.path().join("store").exists() {
            return Err(Step::NoPersistentDisk);
        }
        let owner = Owner::from(user);
        for directory in &plan.directories {
            files::directory(directory, owner)?;
        }
        for volume in &plan.shared {
            self.share(volume)?;
        }
        let bundle = self.root.bundle(name);
        files::root_directory(&bundle, 0o700)?;
        files::root_directory(&bundle.join("rootfs"), 0o755)?;
        let config = bundle.join("config.json");
        let text = serde_json::to_vec_pretty(&plan.bundle)
            .map_err(|error| Step::file("write", &config)(error.into()))?;
        files::replace(&config, &text, 0o600)?;
        Ok(Logs {
            stdout: files::open_log(&self.root.stdout(name), owner)?,
            stderr: files::open_log(&self.root.stderr(name), owner)?,
        })
    }

    /// Makes a directory a mount whose peers see what is mounted below it, for good.
    fn share(&self, volume: &Path) -> Result<(), Step> {
        let _held = lock(&self.root.volume_lock(volume))?;
        let real = volume
            .canonicalize()
            .map_err(Step::file("look at", volume))?;
        let mounts = MountTable::read("/proc".as_ref(), "self")?;
        if !mounts.iter().any(|mount| mount.mount_point == real) {
            mount_bind(&real, &real).map_err(Step::errno("bind", &real))?;
        }
        mount_change(&real, MountPropagationFlags::SHARED).map_err(Step::errno("share", &real))
    }
}
