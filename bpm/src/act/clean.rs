//! Removing what is left of a process that does not run.

use std::time::{Duration, Instant};

use rustix::process::{Signal, kill_process, kill_process_group};
use warren_container_runtime::groups::Place;
use warren_sys_mount::MountTable;

use super::Bpm;
use crate::files::{self, Owner};
use crate::host::User;
use crate::log::Log;
use crate::process::descendants;
use crate::root::Name;
use crate::settings::Driver;
use crate::state::{self, Identity, Known};
use crate::{Error, Step, groups, scope};

/// How long what is killed may take to go: with the wait before it, less than monit's 30 seconds.
const PATIENCE: Duration = Duration::from_secs(10);

impl Bpm {
    /// Kills and removes whatever there may be of it, whether there is a record or not.
    pub(super) fn clean(&self, name: &Name, known: &Known, log: &mut Log) -> Result<(), Step> {
        let place = match known {
            Known::Record(record) => record.place.clone(),
            // Nobody wrote down where; what is there under this name is its own all the same.
            // Where the group of all of them is not, there is none of this one either.
            Known::Absent | Known::Corrupt => groups::place(&self.root)
                .and_then(|all| groups::within_reach(&all).map(|()| all.child(&name.container())))
                .unwrap_or_default(),
        };
        let unit = match known {
            Known::Record(record) => record.unit.clone(),
            // systemd is not asked where nothing hints at it.
            Known::Absent if self.settings.driver != Driver::Systemd => None,
            Known::Absent | Known::Corrupt => scope::unrecorded(&self.root, name)?,
        };
        if *known != Known::Absent {
            log.info("cleaning-up-stale-process");
        }
        if let Known::Record(record) = known
            && let Some(hook) = &record.hook
        {
            kill_hook(hook)?;
        }
        if let Known::Record(record) = known
            && let Some(init) = &record.init
        {
            kill(init)?;
        }
        self.remove(name, &place, unit.as_deref())
    }

    /// Removes all that is kept of a process; its record goes last, so that this can be done again.
    pub(super) fn remove(
        &self,
        name: &Name,
        place: &Place,
        unit: Option<&str>,
    ) -> Result<(), Step> {
        groups::destroy(&self.root, place, PATIENCE)?;
        if let Some(unit) = unit {
            scope::release(unit)?;
        }
        let bundle = self.root.bundle(name);
        let mounts = MountTable::read("/proc".as_ref(), "self")?;
        if let Some(mount) = mounts
            .iter()
            .find(|each| each.mount_point.starts_with(&bundle))
        {
            let at = mount.mount_point.display();
            let reason =
                format!("{at} is a mount inside a bundle that is to be removed: unmount it");
            return Err(Step::Unsupported(reason));
        }
        files::remove_tree(&bundle)?;
        files::remove(&self.root.pid_file(name))?;
        state::forget(&self.root, name)
    }

    pub(super) fn log(&self, name: &Name, verb: &'static str, user: User) -> Result<Log, Error> {
        let owner = Owner::from(user);
        files::directory(&self.root.logs(name.job()), owner).map_err(Error::Prepare)?;
        Log::open(&self.root, name, verb, owner).map_err(Error::Prepare)
    }
}

/// Kills a process and all that descend from it: for one without a group of its own.
pub(super) fn kill(init: &Identity) -> Result<(), Step> {
    let Some(process) = init.open() else {
        return Ok(());
    };
    let deadline = Instant::now() + PATIENCE;
    // While it lives it is the parent of all orphans below it, so nobody is lost sight of.
    loop {
        let below = descendants(init.pid);
        if below.is_empty() {
            break;
        }
        for pid in &below {
            let _gone = kill_process(*pid, Signal::KILL);
        }
        if Instant::now() > deadline {
            return Err(Step::Left(below.len()));
        }
        std::thread::sleep(Duration::from_millis(2));
        if !init.is_alive() {
            return Ok(());
        }
    }
    let _gone = rustix::process::pidfd_send_signal(&process, Signal::KILL);
    let left = deadline.saturating_duration_since(Instant::now());
    match crate::process::ended(&process, left) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Step::Left(1)),
        Err(errno) => Err(Step::Kernel("wait for a process", errno)),
    }
}

/// Kills a hook with its process group, and whoever has left that but descends from it.
pub(super) fn kill_hook(hook: &Identity) -> Result<(), Step> {
    let (Some(process), Some(pid)) = (hook.open(), hook.pid()) else {
        return Ok(());
    };
    let below = descendants(hook.pid);
    let _gone = kill_process_group(pid, Signal::KILL);
    for pid in below {
        let _gone = kill_process(pid, Signal::KILL);
    }
    match crate::process::ended(&process, PATIENCE) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Step::Left(1)),
        Err(errno) => Err(Step::Kernel("wait for the hook", errno)),
    }
}

impl From<User> for Owner {
    fn from(User { uid, gid }: User) -> Self {
        Self { uid, gid }
    }
}
