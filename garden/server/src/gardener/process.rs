//! Processes in containers.

use std::collections::BTreeMap;

use warren_container_runtime::ProcessSpec as Wanted;
use warren_container_runtime::spec::{OwnRoot, Resource, Terminal};
use warren_container_shim::Session;
use warren_wire_garden::Error;
use warren_wire_garden::process::{ProcessSpec, ResourceLimits};

use super::{Gardener, error, unique};

impl Gardener {
    /// Starts a process; answers when its program has been executed.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], [`Error::ExecutableNotFound`], a user or working directory
    /// that cannot be, an id that is taken, an image of its own that cannot be had.
    pub fn run(&self, handle: &str, spec: ProcessSpec) -> Result<Session, Error> {
        let container = self.container(handle)?;
        if spec.has_own_image() {
            return self.run_pea(&container, spec);
        }
        if spec.limits.is_some() {
            return Err(Error::plain(
                "limits of a process are only possible with an image of its own",
            ));
        }
        if !spec.bind_mounts.is_empty() {
            return Err(Error::plain(
                "bind mounts of a process are only possible with an image of its own",
            ));
        }
        let user = spec.user.clone();
        self.depot
            .run(handle, &wanted(spec, None)?)
            .map_err(error::depot("run process", &user))
    }

    /// Joins a process.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], [`Error::ProcessNotFound`].
    pub fn attach(&self, handle: &str, id: &str) -> Result<Session, Error> {
        self.container(handle)?;
        self.depot
            .attach(handle, id)
            .map_err(error::depot("attach to process", ""))
    }

    /// Sends a signal to a process.
    ///
    /// # Errors
    /// As [`attach`](Self::attach).
    pub fn signal(&self, handle: &str, id: &str, signal: i32) -> Result<(), Error> {
        self.depot
            .signal(handle, id, signal)
            .map_err(error::depot("signal process", ""))
    }

    /// Ends all processes but init.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`], or that some survive.
    pub fn stop(&self, handle: &str, kill: bool) -> Result<(), Error> {
        self.container(handle)?;
        self.depot
            .stop(handle, kill)
            .map_err(error::depot("stop container", ""))
    }
}

/// What is wanted of the engine.
pub(super) fn wanted(spec: ProcessSpec, own_root: Option<OwnRoot>) -> Result<Wanted, Error> {
    let id = match spec.id.as_str() {
        "" => unique::uuid().map_err(error::step("make a process id"))?,
        id => id.to_owned(),
    };
    Ok(Wanted {
        id,
        path: spec.path,
        args: spec.args,
        env: spec.env,
        dir: (!spec.dir.is_empty()).then(|| spec.dir.into()),
        user: spec.user,
        rlimits: rlimits(&spec.rlimits),
        terminal: spec.tty.map(|tty| {
            let (columns, rows) = tty.size();
            Terminal { columns, rows }
        }),
        own_root,
    })
}

fn rlimits(limits: &ResourceLimits) -> BTreeMap<Resource, u64> {
    let all = [
        (Resource::As, limits.address_space),
        (Resource::Core, limits.core),
        (Resource::Cpu, limits.cpu),
        (Resource::Data, limits.data),
        (Resource::Fsize, limits.fsize),
        (Resource::Locks, limits.locks),
        (Resource::Memlock, limits.memlock),
        (Resource::Msgqueue, limits.msgqueue),
        (Resource::Nice, limits.nice),
        (Resource::Nofile, limits.nofile),
        (Resource::Nproc, limits.nproc),
        (Resource::Rss, limits.rss),
        (Resource::Rtprio, limits.rtprio),
        (Resource::Sigpending, limits.sigpending),
        (Resource::Stack, limits.stack),
    ];
    let given = all.into_iter();
    given
        .filter_map(|(resource, value)| Some((resource, value?)))
        .collect()
}
