//! The unit of systemd whose group a process's groups are made in, where systemd is to make them.
//!
//! ```text
//! system.slice/warren-TAG-bpm-bpm-JOB.scope/     transient, Delegate=yes, DevicePolicy=auto
//! ├─ init/                                       a process that does nothing, until the next is there
//! └─ bpm-JOB/                                    limits and device filter, as with the other driver
//!    └─ init/                                    the process
//! ```
//!
//! One unit has one process. systemd writes to the scope's own group alone, so what is set on the one
//! below stays as it is through `systemctl daemon-reload`, and there is one device program, ours.
//!
//! A scope needs a process to begin with. bpm itself is not the one: it would end with a unit that it
//! stops. A child that does nothing is, and goes as soon as the container's first process is in the
//! unit; from then on the unit ends with that. A bpm that is killed in between leaves the child in a
//! unit that its record names, which the next `start` or `stop` ends.
//!
//! The unit's name follows from the job, the process and the place of `/var/vcap`, like that of the
//! groups, so it is found without a record too. It ends as the stock tool's does.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use warren_container_runtime::groups::Place;
use warren_container_runtime::spec::INIT_PATH;
use warren_sys_systemd::{Manager, Property, SOCKET, Value};

use crate::root::{Name, Root};
use crate::{Step, groups};

/// The leaf of the process that does nothing.
const LEAF: &str = "init";
/// How long moving or killing processes may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Microseconds that processes have to end when somebody else stops the unit.
const STOP_AFTER: u64 = 15_000_000;
/// What to do where it cannot be had.
pub(crate) const REMEDY: &str = "use --cgroup-driver cgroupfs";

/// The child that does nothing; it ends when this goes.
#[derive(Debug)]
pub(crate) struct Holder(Child);

impl Drop for Holder {
    fn drop(&mut self) {
        // It may have ended with its unit.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// What the unit of a process is called.
///
/// # Errors
/// The place of `/var/vcap` cannot be looked at.
pub(crate) fn unit(root: &Root, name: &Name) -> Result<String, Step> {
    let tag = groups::tag(root)?;
    Ok(format!("warren-{tag}-bpm-{}.scope", name.container()))
}

/// The unit that a process without a usable record may have; none where there is no systemd.
pub(crate) fn unrecorded(root: &Root, name: &Name) -> Result<Option<String>, Step> {
    match Path::new(SOCKET).exists() {
        true => unit(root, name).map(Some),
        false => Ok(None),
    }
}

/// Whether systemd can be asked for units with limits, before anything is made.
///
/// # Errors
/// It is not pid 1 here, or limits are not its to hand on.
pub(crate) fn within_reach(unit: &str) -> Result<(), Step> {
    manager(unit)?;
    let own = Place::own()?;
    if own.v2.is_none() || !own.v1.is_empty() {
        let reason = format!(
            "cannot ask systemd for the unit {unit}: limits would be in hierarchies of cgroup v1 \
             here, and systemd hands none of those on; {REMEDY}"
        );
        return Err(Step::Unsupported(reason));
    }
    Ok(())
}

/// Starts the unit; answers the group that is ours, with nothing in it but a leaf.
///
/// # Errors
/// systemd refuses, or its group cannot be used. The unit may be there then.
pub(crate) fn start(unit: &str, program: &Path) -> Result<(Place, Holder), Step> {
    let child = Command::new(program)
        .arg0(INIT_PATH)
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Keys pressed at our terminal are not meant for it.
        .process_group(0)
        .current_dir("/")
        .spawn()
        .map_err(Step::file("execute", program))?;
    let holder = Holder(child);
    let mut manager = manager(unit)?;
    let failed = |source| Step::systemd("start", unit, source);
    manager
        .start(unit, &properties(holder.0.id()))
        .map_err(failed)?;
    let found = manager.scope(unit).map_err(failed)?;
    let Some(scope) = found.filter(|scope| scope.delegate && !scope.group.is_empty()) else {
        let reason = format!("systemd gave the unit {unit} no group to make others in; {REMEDY}");
        return Err(Step::Unsupported(reason));
    };
    let place = Place {
        v2: Some(scope.group),
        v1: Vec::new(),
    };
    // Controllers are handed down by groups without a process alone.
    if let Some(group) = &place.open()?.v2 {
        group.evacuate(LEAF, PATIENCE)?;
    }
    Ok((place, holder))
}

/// Ends all that is in the unit, and the unit. One that is not there is fine.
///
/// # Errors
/// systemd does not answer, or the unit does not go.
pub(crate) fn release(unit: &str) -> Result<(), Step> {
    let mut manager = manager(unit)?;
    let failed = |source| Step::systemd("stop", unit, source);
    let Some(scope) = manager.scope(unit).map_err(failed)? else {
        return Ok(());
    };
    if scope.state == "active" && !(scope.transient && scope.delegate) {
        let reason = format!("the unit {unit} is not of bpm's making: end it and try again");
        return Err(Step::Unsupported(reason));
    }
    let place = Place {
        v2: Some(scope.group).filter(|group| !group.is_empty()),
        v1: Vec::new(),
    };
    // The one that does nothing would take its time to hear of it. A group that cannot be opened has
    // gone with its last process.
    if let Ok(groups) = place.open() {
        groups.kill(PATIENCE)?;
    }
    manager.stop(unit).map_err(failed)
}

fn manager(unit: &str) -> Result<Manager, Step> {
    Manager::connect(Path::new(SOCKET)).map_err(|source| Step::systemd("ask for", unit, source))
}

/// What is wanted of it.
fn properties(holder: u32) -> [Property<'static>; 7] {
    let property = |name, value| Property { name, value };
    [
        property("Description", Value::Text("A process of a BOSH job")),
        property("PIDs", Value::Process(holder)),
        property("Delegate", Value::Is(true)),
        // No device program of systemd's: the one below is ours.
        property("DevicePolicy", Value::Text("auto")),
        // The usual limit of a unit is not the job's.
        property("TasksMax", Value::Number(u64::MAX)),
        property("TimeoutStopUSec", Value::Number(STOP_AFTER)),
        // A failure leaves nothing that has to be reset.
        property("CollectMode", Value::Text("inactive-or-failed")),
    ]
}
