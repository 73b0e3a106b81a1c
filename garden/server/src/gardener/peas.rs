//! Processes with a root file system of their own. Upstream calls them peas.
//!
//! ```text
//! run      record ─► image pulled ─► root, groups and process, by the shim ─► watched
//! its end  killed by the shim: what it has left ─► groups ─► image ─► record
//! ```
//!
//! A start watches what records name; a process that has ended meanwhile, or was never begun, is
//! cleared away at once. What goes with its container is the container's affair.

use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use warren_container_runtime::groups::{self, Place};
use warren_container_runtime::spec::{Bind, Limits, OwnRoot};
use warren_container_shim::Session;
use warren_lib_errchain::chain;
use warren_wire_garden::Error;
use warren_wire_garden::container::{BindMount, BindMountMode};
use warren_wire_garden::process::ProcessSpec;

use super::container::Container;
use super::image::Pulled;
use super::process::wanted;
use super::state::{Pea, file_name, pea_name, process_name};
use super::{Gardener, error, unique};

/// How long what is in a process's groups may take to die.
const PATIENCE: Duration = Duration::from_secs(10);

/// A process whose end is waited for.
pub struct Watch {
    container: Arc<Container>,
    id: String,
    /// Something comes on it at the process's end. None: it has ended.
    socket: Option<UnixStream>,
}

/// Watches that nobody follows yet.
pub(super) struct Watches {
    new: UnboundedSender<Watch>,
    taken: Mutex<Option<UnboundedReceiver<Watch>>>,
}

impl Default for Watches {
    fn default() -> Self {
        let (new, all) = unbounded_channel();
        Self {
            new,
            taken: Mutex::new(Some(all)),
        }
    }
}

impl Watch {
    /// Waits for the process's end.
    pub async fn ended(&mut self) {
        let socket = self.socket.take().map(|socket| {
            socket.set_nonblocking(true)?;
            tokio::net::UnixStream::from_std(socket)
        });
        // A socket that cannot be waited for leaves things to the container's end.
        match socket {
            None => {}
            Some(Ok(socket)) => told(&socket).await,
            Some(Err(_)) => std::future::pending().await,
        }
    }
}

/// Waits until something has come, or the end.
async fn told(socket: &tokio::net::UnixStream) {
    // That it can be read may be a false alarm.
    while socket.readable().await.is_ok() {
        match socket.try_read(&mut [0]) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            _ => return,
        }
    }
}

/// The name of a process's groups in those of its container.
fn name_inside(id: &str) -> String {
    format!("pea-{}", process_name(id))
}

impl Gardener {
    /// The processes that are to be watched, now and later; the second time there is nothing.
    #[must_use]
    pub fn watches(&self) -> Option<UnboundedReceiver<Watch>> {
        let mut taken = self.watches.taken.lock();
        taken
            .as_mut()
            .map_or_else(|broken| broken.get_mut().take(), |taken| taken.take())
    }

    pub(super) fn run_pea(
        &self,
        container: &Arc<Container>,
        mut spec: ProcessSpec,
    ) -> Result<Session, Error> {
        let handle = container.handle.as_str();
        if spec.id.is_empty() {
            spec.id = unique::uuid().map_err(error::step("make a process id"))?;
        }
        let id = spec.id.clone();
        self.note_pea(container, &spec)?;
        // Whoever else wants the container does not wait for a registry.
        let image = self.pull_of_process(&spec.image);
        let _turn = container.turn();
        if !self.has(container) {
            // It took the record with it.
            return Err(unknown(handle));
        }
        match image.and_then(|image| self.make_pea(container, spec, image)) {
            Ok(session) => {
                self.watch_pea(container, &id);
                Ok(session)
            }
            Err(failure) => {
                self.remove_pea(container, &id);
                Err(failure)
            }
        }
    }

    /// Takes the process's id.
    fn note_pea(&self, container: &Arc<Container>, spec: &ProcessSpec) -> Result<(), Error> {
        let handle = container.handle.as_str();
        let _turn = container.turn();
        if !self.has(container) {
            return Err(unknown(handle));
        }
        let id = &spec.id;
        if container.pea(id).is_some() || self.depot.has_process(handle, id) {
            return Err(Error::process_id_in_use(id));
        }
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let pea = Pea {
            created: since.map_or(0, |since| {
                u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
            }),
            cpu_shares: spec.limits.as_ref().map_or(0, |limits| limits.cpu.shares()),
        };
        let noted = container.update(&self.records, |record| {
            record.peas.insert(id.clone(), pea);
        });
        noted.map_err(error::step("write down the process"))
    }

    fn make_pea(
        &self,
        container: &Container,
        spec: ProcessSpec,
        image: Pulled,
    ) -> Result<Session, Error> {
        let handle = container.handle.as_str();
        let name = pea_name(handle, &spec.id);
        let root = self.make_process_root(image, &name, container.record().privileged)?;
        let some = |value: u64| (value > 0).then_some(value);
        let limits = spec.limits.as_ref().map(|limits| Limits {
            memory: some(limits.memory.limit_in_bytes),
            swap: self.config.swap,
            cpu_shares: some(limits.cpu.shares()),
            cpu_quota: self.config.cpu_quota(limits.cpu.shares()),
            io_weight: self.config.io_weight,
            pids: None,
        });
        let own = OwnRoot {
            rootfs: root.path,
            env: root.environment,
            binds: spec.bind_mounts.iter().map(bind).collect(),
            cgroup: match limits {
                Some(_) => name,
                None => name_inside(&spec.id),
            },
            limits,
        };
        let user = spec.user.clone();
        self.depot
            .run(handle, &wanted(spec, Some(own))?)
            .map_err(error::depot("run process", &user))
    }

    pub(super) fn watch_pea(&self, container: &Arc<Container>, id: &str) {
        let watch = Watch {
            container: Arc::clone(container),
            id: id.to_owned(),
            // Without a shim nothing of the container runs.
            socket: self.depot.watch(&container.handle, id).ok(),
        };
        // The other end lives as long as the server.
        let _nobody = self.watches.new.send(watch);
    }

    /// Clears away what a process has left that has ended.
    pub fn bury(&self, watch: &Watch) {
        let _turn = watch.container.turn();
        // Unless its container went, perhaps to come back as another one.
        if self.has(&watch.container) {
            self.remove_pea(&watch.container, &watch.id);
        }
    }

    /// Removes all of a process; what cannot be removed goes with its container.
    fn remove_pea(&self, container: &Container, id: &str) {
        let handle = container.handle.as_str();
        let inside = self.parent_of(handle).and_then(|parent| {
            let place = parent.child(&file_name(handle)).child(&name_inside(id));
            groups::destroy(&place, PATIENCE)
                .map_err(error::step("remove its control groups"))
                .map(|_| parent)
        });
        let removed = inside
            .and_then(|parent| self.remove_pea_parts(&parent, handle, id))
            .and_then(|()| {
                let noted = container.update(&self.records, |record| {
                    record.peas.remove(id);
                });
                noted.map_err(error::step("forget it"))
            });
        if let Err(error) = removed {
            let text = error.to_string();
            let values = [("handle", handle), ("process", id), ("error", &text)];
            self.log.error("not all of a process was removed", &values);
        }
    }

    /// Removes what a process has outside of its container's parts; `parent` is what its container's
    /// groups are below.
    pub(super) fn remove_pea_parts(
        &self,
        parent: &Place,
        handle: &str,
        id: &str,
    ) -> Result<(), Error> {
        let name = pea_name(handle, id);
        groups::destroy(&parent.child(&name), PATIENCE)
            .map_err(error::step("remove its control groups"))?;
        // While processes live in it, its root cannot be unmounted for good.
        let removed = self.store.destroy_soon(&name);
        removed.map(drop).map_err(|error| {
            Error::Plain(format!("remove its root file system: {}", chain(&error)))
        })
    }

    /// The container that has a process of this id with a root file system of its own.
    ///
    /// # Errors
    /// [`Error::ContainerNotFound`]: clients ask for such processes as if they were containers. Or
    /// that several have one: which of them is meant cannot be told.
    pub(super) fn container_of_pea(&self, id: &str) -> Result<(Arc<Container>, Pea), Error> {
        let all = self.all();
        let ready = all.values().filter(|container| container.is_ready());
        let mut found = ready.filter_map(|one| Some((Arc::clone(one), one.pea(id)?)));
        let first = found.next().ok_or_else(|| unknown(id))?;
        match found.next() {
            None => Ok(first),
            Some((other, _)) => Err(Error::Plain(format!(
                "process ID '{id}' is used in several containers, {} and {} among them",
                first.0.handle, other.handle
            ))),
        }
    }

    /// A process's groups.
    pub(super) fn groups_of_pea(
        &self,
        handle: &str,
        id: &str,
    ) -> Result<warren_sys_cgroup::GroupSet, Error> {
        let parent = self.parent_of(handle)?;
        let apart = |parent: &Place| parent.child(&pea_name(handle, id));
        let inside = |parent: &Place| parent.child(&file_name(handle)).child(&name_inside(id));
        self.groups_in_reach(&parent, apart)
            .or_else(|_| self.groups_in_reach(&parent, inside))
            .map_err(error::step("open the process's control group"))
    }
}

fn unknown(handle: &str) -> Error {
    Error::ContainerNotFound {
        handle: handle.to_owned(),
    }
}

fn bind(bind: &BindMount) -> Bind {
    Bind {
        source: bind.src_path.clone().into(),
        destination: bind.dst_path.clone().into(),
        writable: bind.mode == BindMountMode::READ_WRITE,
        private: false,
    }
}
