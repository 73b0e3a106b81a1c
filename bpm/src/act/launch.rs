//! Making a process, for `start` and `run`.
//!
//! ```text
//! plan ─► record "making" ─► directories, logs, bundle ─► hook ─► groups, container ─► program
//!      ─► pid file ─► record "running"
//! ```
//!
//! Whoever finds a record that says "making" removes all that it names.

use std::fs::File;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::process::Pid;
use warren_container_runtime::engine::{Container, First, Options};
use warren_container_runtime::groups::Place;
use warren_wire_bpm::{Process, Volume};

use super::Bpm;
use super::hook::Hook;
use crate::files::{self, replace};
use crate::host::{Host, User};
use crate::lock::lock;
use crate::log::Log;
use crate::plan::{self, Plan, Wanted};
use crate::root::Name;
use crate::settings::{Driver, Isolation};
use crate::state::{Identity, Phase, Record};
use crate::{Step, glob, groups, scope};

/// What it is for.
#[derive(Debug)]
pub(super) enum How {
    /// To go on alone, with its output in the logs.
    Start,
    /// For the caller, who gets its output.
    Run {
        /// Its standard output.
        stdout: OwnedFd,
        /// Its standard error.
        stderr: OwnedFd,
    },
}

/// What was made.
#[derive(Debug)]
pub(super) struct Launched {
    /// Its first process.
    pub init: Pid,
    /// Its groups.
    pub place: Place,
    /// The unit of systemd that they are in.
    pub unit: Option<String>,
}

impl Bpm {
    /// Makes it; nothing is left of it if that fails.
    pub(super) fn launch(
        &self,
        name: &Name,
        process: &Process,
        user: User,
        how: How,
        log: &mut Log,
    ) -> Result<Launched, Step> {
        let host = Host::discover(self.settings.isolation)?;
        let unrestricted = self.expand(&process.unsafe_options.unrestricted_volumes);
        let plan = plan::plan(&Wanted {
            root: &self.root,
            name,
            process,
            unrestricted: &unrestricted,
            user,
            host: &host,
            isolation: self.settings.isolation,
            program: &self.program,
        })?;
        for remark in &plan.remarks {
            log.note("remark", &[("remark", remark)]);
        }
        let (parent, unit) = match self.settings.driver {
            Driver::Cgroupfs => (self.parent(&plan, log)?, None),
            Driver::Systemd => {
                let unit = scope::unit(&self.root, name)?;
                scope::within_reach(&unit)?;
                (None, Some(unit))
            }
        };
        let place = match &parent {
            Some(parent) => parent.child(&plan.bundle.linux.cgroups_path),
            None => Place::default(),
        };
        let mut record = Record {
            job: name.job().to_owned(),
            process: name.process().to_owned(),
            phase: Phase::Making,
            init: None,
            hook: None,
            place,
            unit,
            shutdown_signal: process.shutdown_signal.clone(),
        };
        record.save(&self.root, name)?;
        let made = self.make(name, process, user, how, &plan, parent, &mut record, log);
        made.inspect_err(|_| {
            if let Some(init) = &record.init {
                // What cannot be ended now, the next start or stop ends.
                let _secondary = super::clean::kill(init);
            }
            if let Err(error) = self.remove(name, &record.place, record.unit.as_deref()) {
                log.error("cleanup-failed", &error);
            }
        })
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "it is the second half of one function"
    )]
    fn make(
        &self,
        name: &Name,
        process: &Process,
        user: User,
        how: How,
        plan: &Plan,
        mut parent: Option<Place>,
        record: &mut Record,
        log: &mut Log,
    ) -> Result<Launched, Step> {
        let logs = self.prepare(name, plan, process.persistent_disk, user)?;
        if let Some(hooks) = &process.hooks {
            log.info("pre-start-hook");
            let environment = &plan.environment;
            let hook = Hook::prepare(&self.root, &self.program, hooks, environment, &logs)?;
            record.hook.clone_from(&hook.identity);
            // If that fails it is never told, and ends.
            record.save(&self.root, name)?;
            hook.run(self.times.hook)?;
            record.hook = None;
        }
        let is_start = matches!(how, How::Start);
        let null = File::open("/dev/null").map_err(Step::file("open", "/dev/null"))?;
        let (stdout, stderr) = match how {
            How::Start => (logs.stdout.into(), logs.stderr.into()),
            How::Run { stdout, stderr } => (stdout, stderr),
        };
        let holder = match &record.unit {
            Some(unit) => {
                let (place, holder) = scope::start(unit, &self.program)?;
                record.place = place.child(&plan.bundle.linux.cgroups_path);
                record.save(&self.root, name)?;
                parent = Some(place);
                Some(holder)
            }
            None => None,
        };
        let mut options = Options {
            parent: parent.clone().unwrap_or_default(),
            devices: self.settings.devices,
            first: First {
                stdio: Some(Arc::new([null.into(), stdout, stderr])),
                outlives_keeper: is_start,
                is_the_work: true,
                rlimits: plan.rlimits.clone(),
            },
            ..Options::default()
        };
        if parent.is_none() {
            options.devices = warren_container_runtime::engine::Devices::Inherited;
        }
        let held = lock(&self.root.groups_lock())?;
        if let (Some(parent), None) = (&parent, &holder) {
            groups::make(parent, limits(plan))?;
        }
        let mut container = Container::create(&plan.bundle, &options)?;
        // The container's first process is in the unit from here on.
        drop((held, options, holder));
        for remark in container.remarks() {
            log.note("remark", &[("remark", remark)]);
        }
        let init = container.init();
        record.init = Identity::of(init);
        record.save(&self.root, name)?;
        container.start()?;
        if is_start {
            let pid = init.as_raw_nonzero().to_string();
            replace(&self.root.pid_file(name), pid.as_bytes(), 0o644)?;
        } else {
            files::remove(&self.root.pid_file(name))?;
        }
        record.phase = Phase::Running;
        record.save(&self.root, name)?;
        Ok(Launched {
            init,
            place: record.place.clone(),
            unit: record.unit.clone(),
        })
    }

    /// Where its groups are to be; `None` for a process that can do without any.
    fn parent(&self, plan: &Plan, log: &mut Log) -> Result<Option<Place>, Step> {
        let found = groups::place(&self.root).and_then(|place| {
            let usable = place.v2.is_some() || !place.v1.is_empty();
            match usable {
                true => groups::probe(&self.root, &place).map(|()| place),
                false => Err(Step::Unsupported("there are no control groups".to_owned())),
            }
        });
        match found {
            Ok(place) => Ok(Some(place)),
            Err(error) if self.settings.isolation == Isolation::Direct && !limits(plan) => {
                log.error("no-control-group", &error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// The unrestricted volumes, with patterns expanded.
    fn expand(&self, volumes: &[Volume]) -> Vec<Volume> {
        let on_host = |path: &std::path::Path| self.root.on_host(path);
        let one = |volume: &Volume| {
            let found = glob::expand(&volume.path, on_host);
            let volume = volume.clone();
            found.into_iter().map(move |path| Volume {
                path: path.display().to_string(),
                ..volume.clone()
            })
        };
        volumes.iter().flat_map(one).collect()
    }
}

fn limits(plan: &Plan) -> bool {
    let resources = &plan.bundle.linux.resources;
    resources.memory.is_some() || resources.pids.is_some()
}
