//! The unit of systemd whose group containers are in.
//!
//! ```text
//! garden[-TAG]-containers.scope       transient, Delegate=yes
//! ├─ keepers/                         shims, and one process that does nothing
//! └─ garden[-TAG]/                    containers, as with the other driver
//! ```
//!
//! One unit has them all. What is below its group is ours, so limits are set there as everywhere,
//! and `systemctl daemon-reload` leaves them alone. Nothing else is asked of systemd while
//! containers come and go. The server stays in its own unit, which needs no delegation.
//!
//! A scope ends with its last process, which would be when the last container goes and the next may
//! be on its way. So a process that does nothing is there from the first moment: our executable in
//! its part as a container's pid 1. The unit outlives the server and whatever unit that is in; a
//! server that finds it goes on with it, and one that ends without containers stops it.
//! `systemctl stop` of it ends all containers.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};

use warren_container_runtime::groups::Place;
use warren_container_runtime::spec::INIT_PATH;
use warren_sys_process::descriptor_limit::as_before;
pub use warren_sys_systemd::SOCKET;
use warren_sys_systemd::{Manager, Property, Value};
use warren_wire_garden::Error;

use super::super::error;
use crate::log::Log;

/// The group of the processes that keep containers.
pub const KEEPERS: &str = "keepers";

/// Microseconds that processes have to end when somebody stops the unit.
const STOP_AFTER: u64 = 10_000_000;
const REMEDY: &str = "use --cgroup-driver cgroupfs";

/// The unit.
#[derive(Debug)]
pub struct Unit {
    socket: PathBuf,
    program: PathBuf,
    name: String,
    /// The process that does nothing, if it is our child, to be buried.
    holder: Mutex<Option<Child>>,
}

impl Unit {
    /// The unit of the server whose containers' group is called `group`; `program` does nothing if
    /// it is called as containers' init is.
    #[must_use]
    pub fn new(socket: &Path, program: &Path, group: &str) -> Self {
        Self {
            socket: socket.to_owned(),
            program: program.to_owned(),
            name: format!("{group}-containers.scope"),
            holder: Mutex::default(),
        }
    }

    /// Finds the unit or starts it; answers its group.
    ///
    /// # Errors
    /// There is no systemd, or it has no whole cgroup v2, or the unit is somebody else's.
    pub fn ensure(&self, log: &Log) -> Result<Place, Error> {
        let own = Place::own().map_err(error::step("find the server's control group"))?;
        if own.v2.is_none() || !own.v1.is_empty() {
            return Err(Error::Plain(format!(
                "ask systemd for the containers' group: limits would be in hierarchies of cgroup \
                 v1 here, and systemd delegates none of those; {REMEDY}"
            )));
        }
        let mut manager = self.manager()?;
        let failed = error::step("ask systemd for the containers' unit");
        let mut found = manager.scope(&self.name).map_err(&failed)?;
        if found.as_ref().is_none_or(|unit| unit.state != "active") {
            self.start(&mut manager)?;
            log.info(
                "started a unit of systemd for containers",
                &[("unit", &self.name)],
            );
            found = manager.scope(&self.name).map_err(&failed)?;
        }
        let Some(unit) = found.filter(|unit| !unit.group.is_empty()) else {
            return Err(Error::Plain(format!(
                "systemd gave the unit {} no control group; {REMEDY}",
                self.name
            )));
        };
        if !unit.transient || !unit.delegate {
            return Err(Error::Plain(format!(
                "the unit {} is not of our making: systemd delegates nothing below it to us; end \
                 it, or give the server another --tag",
                self.name
            )));
        }
        Ok(Place {
            v2: Some(unit.group),
            v1: Vec::new(),
        })
    }

    fn start(&self, manager: &mut Manager) -> Result<(), Error> {
        let mut child = as_before(&mut Command::new(&self.program))
            .arg0(INIT_PATH)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Keys pressed at the server's terminal are not meant for it.
            .process_group(0)
            .current_dir("/")
            .spawn()
            .map_err(error::step("start a process for the containers' unit"))?;
        let started = manager.start(&self.name, &properties(child.id()));
        if started.is_err() {
            // Whether it is dead already does not matter.
            let _ = child.kill();
            let _ = child.wait();
        } else {
            self.hold(Some(child));
        }
        started.map_err(error::step("start the containers' unit"))
    }

    /// Keeps the new child and buries the one before, which has ended with its unit.
    fn hold(&self, child: Option<Child>) {
        let mut holder = self.holder.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mut before) = std::mem::replace(&mut *holder, child) {
            let _ = before.wait();
        }
    }

    /// Stops the unit, with all that is in it.
    ///
    /// # Errors
    /// systemd does not answer, or it does not go.
    pub fn stop(&self) -> Result<(), Error> {
        self.manager()?
            .stop(&self.name)
            .map_err(error::step("stop the containers' unit"))?;
        self.hold(None);
        Ok(())
    }

    fn manager(&self) -> Result<Manager, Error> {
        Manager::connect(&self.socket).map_err(|error| {
            let text = warren_lib_errchain::chain(&error);
            Error::Plain(format!("{text}; where there is no systemd {REMEDY}"))
        })
    }
}

/// What is wanted of it.
fn properties(holder: u32) -> [Property<'static>; 6] {
    let property = |name, value| Property { name, value };
    [
        property("Description", Value::Text("Containers of a Garden server")),
        property("PIDs", Value::Process(holder)),
        property("Delegate", Value::Is(true)),
        // The usual limit of a unit is meant for one program.
        property("TasksMax", Value::Number(u64::MAX)),
        property("TimeoutStopUSec", Value::Number(STOP_AFTER)),
        // A failure leaves nothing that has to be reset.
        property("CollectMode", Value::Text("inactive-or-failed")),
    ]
}
