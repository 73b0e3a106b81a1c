//! Surroundings in which a server is as alone as on a machine of its own.
//!
//! ```text
//! neighbour 192.0.2.2 ──veth── 192.0.2.1 the machine: network, mounts and groups of its own
//! ```

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use warren_sys_cgroup::locate::Process;
use warren_sys_cgroup::{GroupSet, V1Group};
use warren_tests_harness::{Actor, NetNs, Ns, Sandbox, veth};

const PATIENCE: Duration = Duration::from_secs(60);

/// The address of the machine.
pub const HERE: &str = "192.0.2.1";
/// The address of its neighbour, by way of which it reaches everything else.
pub const NEIGHBOUR: &str = "192.0.2.2";

/// See the module. What still runs in its control groups is killed when it goes.
pub struct Machine {
    actor: Option<Actor>,
    sandbox: Sandbox,
    /// The machine beside it.
    pub neighbour: NetNs,
    /// Its control groups in the hierarchies of cgroup v1, where there are any.
    groups: Vec<V1Group>,
}

impl Machine {
    /// A new one.
    ///
    /// # Panics
    /// If it cannot be made.
    #[must_use]
    #[track_caller]
    pub fn new(name: &str) -> Self {
        let sandbox = Sandbox::new(name);
        let neighbour = NetNs::new();
        let wide = |address: &str| format!("{address}/24");
        veth(
            (sandbox.net(), "up0", Some(&wide(HERE))),
            (&neighbour, "down0", Some(&wide(NEIGHBOUR))),
        );
        sandbox.net().route("default", NEIGHBOUR);
        Self {
            actor: Some(sandbox.actor().unshare(&[Ns::Mount]).spawn()),
            sandbox,
            neighbour,
            groups: v1_groups(name),
        }
    }

    /// Its network.
    #[must_use]
    pub fn net(&self) -> &NetNs {
        self.sandbox.net()
    }

    /// A process of it. Programs that it runs are in the machine's groups of cgroup v1 only if they
    /// [enter](Self::enter) them.
    ///
    /// # Panics
    /// If the machine is off already.
    #[must_use]
    #[track_caller]
    pub fn actor(&self) -> &Actor {
        match &self.actor {
            Some(actor) => actor,
            None => panic!("the machine is off"),
        }
    }

    /// Lines of a shell script with which it enters the groups of cgroup v1.
    #[must_use]
    pub fn enter(&self) -> String {
        self.groups
            .iter()
            .map(|group| format!("echo $$ >{}/cgroup.procs\n", group.path().display()))
            .collect()
    }

    /// Whether a controller is one of cgroup v1 here.
    #[must_use]
    pub fn has_v1(&self, controller: &str) -> bool {
        self.groups
            .iter()
            .any(|group| group.has_controller(controller))
    }

    /// The directories of all its groups.
    #[must_use]
    pub fn groups(&self) -> Vec<&std::path::Path> {
        let v1 = self.groups.iter().map(V1Group::path);
        v1.chain([self.sandbox.cgroup()]).collect()
    }

    /// The directory of its group with that controller.
    #[must_use]
    pub fn group(&self, controller: &str) -> &std::path::Path {
        let has = |group: &&V1Group| group.has_controller(controller);
        let v1 = self.groups.iter().find(has);
        v1.map_or(self.sandbox.cgroup(), |group| group.path())
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        // Before the sandbox, whose cgroup it is in.
        self.actor = None;
        for group in self.groups.drain(..) {
            let path = group.path().to_owned();
            if let Err(error) = group.kill(PATIENCE).and_then(|()| group.remove(PATIENCE)) {
                eprintln!("cannot remove {}: {error}", path.display());
            }
        }
    }
}

/// One group of the test's own in every hierarchy of cgroup v1; the sandbox has that of v2.
#[track_caller]
fn v1_groups(name: &str) -> Vec<V1Group> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("warren-test-{}-{count}-{name}", std::process::id());
    let own = match GroupSet::of(Process::Myself) {
        Ok(own) => own,
        Err(error) => panic!("cannot find the test's own groups: {error}"),
    };
    let made = own.v1.iter().map(|group| group.create_or_open(&name));
    match made.collect() {
        Ok(made) => made,
        Err(error) => panic!("cannot make groups for the machine: {error}"),
    }
}
