//! The server's process and its surroundings.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warren_garden_client::{Client, Target};
use warren_sys_cgroup::locate::Process;
use warren_sys_cgroup::{GroupSet, V1Group};
use warren_tests_harness::{Actor, NetNs, Ns, RootfsTar, Sandbox, programs, veth};
use warren_wire_garden::container::{ContainerSpec, ImageRef};

use super::Container;

const PATIENCE: Duration = Duration::from_secs(60);

/// How a server is to be.
#[derive(Debug, Default)]
pub struct ServerBuilder {
    arguments: Vec<String>,
}

impl ServerBuilder {
    /// With more arguments of `warren serve garden`.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|each| (*each).to_owned()));
        self
    }

    /// Starts it and waits until it answers.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Server {
        let sandbox = Sandbox::new("garden");
        let neighbour = NetNs::new();
        veth(
            (sandbox.net(), "up0", Some("192.0.2.1/24")),
            (&neighbour, "down0", Some("192.0.2.2/24")),
        );
        sandbox.net().route("default", "192.0.2.2");
        let directory = match tempfile::tempdir() {
            Ok(directory) => directory,
            Err(error) => panic!("cannot make a directory: {error}"),
        };
        let mut server = Server {
            actor: Some(sandbox.actor().unshare(&[Ns::Mount]).spawn()),
            sandbox,
            neighbour,
            rootfs: RootfsTar::new(),
            directory,
            arguments: self.arguments,
            pid: None,
            groups: v1_groups(),
        };
        server.start();
        server
    }
}

/// A running server; it and its containers go with the value.
pub struct Server {
    actor: Option<Actor>,
    sandbox: Sandbox,
    /// The machine beside the server's.
    pub neighbour: NetNs,
    /// The image that containers get.
    pub rootfs: RootfsTar,
    directory: TempDir,
    arguments: Vec<String>,
    pid: Option<String>,
    /// Its control groups in the hierarchies of cgroup v1, where there are any.
    groups: Vec<V1Group>,
}

impl Server {
    /// One without special wishes.
    #[must_use]
    #[track_caller]
    pub fn new() -> Self {
        Self::builder().start()
    }

    /// One with wishes.
    #[must_use]
    pub fn builder() -> ServerBuilder {
        ServerBuilder::default()
    }

    /// Where its files are.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Its network.
    #[must_use]
    pub fn net(&self) -> &NetNs {
        self.sandbox.net()
    }

    /// A process beside it.
    #[must_use]
    #[track_caller]
    pub fn actor(&self) -> &Actor {
        match &self.actor {
            Some(actor) => actor,
            None => panic!("the server's surroundings are gone"),
        }
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory().join("garden.sock")
    }

    /// A new client of it.
    #[must_use]
    pub fn client(&self) -> Client {
        let socket = self.socket();
        Client::new(Target::parse(&socket.display().to_string()))
    }

    /// Its process, as the machine sees it.
    #[must_use]
    #[track_caller]
    pub fn pid(&self) -> &str {
        match &self.pid {
            Some(pid) => pid,
            None => panic!("the server is not running"),
        }
    }

    /// What it has said so far.
    #[must_use]
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory().join("log")).unwrap_or_default()
    }

    /// Starts it (again) and waits until it answers.
    ///
    /// # Panics
    /// If it does not.
    #[track_caller]
    pub fn start(&mut self) {
        self.launch();
        let deadline = Instant::now() + PATIENCE;
        while let Err(error) = self.client().ping() {
            let is_over = Instant::now() > deadline || !self.is_alive();
            assert!(!is_over, "no server: {error}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Starts it (again) without waiting for anything.
    ///
    /// # Panics
    /// If there is no process.
    #[track_caller]
    pub fn launch(&mut self) {
        let at = |name: &str| self.directory().join(name).display().to_string();
        let warren = programs::warren().display().to_string();
        let mut argv = vec![warren, "serve".to_owned(), "garden".to_owned()];
        for (flag, value) in [
            ("--bind-socket", self.socket().display().to_string()),
            ("--depot", at("depot")),
            ("--state", at("state")),
            ("--store", at("store")),
            ("--default-rootfs", self.rootfs.path().display().to_string()),
            ("--dns-server", "192.0.2.2".to_owned()),
        ] {
            argv.extend([flag.to_owned(), value]);
        }
        argv.extend(self.arguments.iter().cloned());
        let command = argv
            .iter()
            .map(|each| format!("'{each}'"))
            .collect::<Vec<_>>();
        let log = at("log");
        let enter: String = self
            .groups
            .iter()
            .map(|group| format!("echo $$ >{}/cgroup.procs\n", group.path().display()))
            .collect();
        let script = format!(
            "{enter}{} >>{log} 2>&1 </dev/null & echo $!",
            command.join(" ")
        );
        let started = self.actor().run(&["sh", "-c", &script]).success();
        self.pid = Some(started.stdout.trim().to_owned());
    }

    /// Whether its process is there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let stat = self.pid.as_ref().map(|pid| format!("/proc/{pid}/stat"));
        let stat = stat.and_then(|path| fs::read_to_string(path).ok());
        stat.is_some_and(|stat| !stat.contains(") Z"))
    }

    /// Sends its process a signal and waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    #[track_caller]
    pub fn end(&mut self, signal: &str) {
        let pid = self.pid().to_owned();
        self.actor().run(&["kill", signal, &pid]);
        let deadline = Instant::now() + PATIENCE;
        while self.is_alive() {
            assert!(Instant::now() < deadline, "the server lives on");
            std::thread::sleep(Duration::from_millis(2));
        }
        self.pid = None;
    }

    /// A specification with the busybox image.
    #[must_use]
    pub fn spec(&self, handle: &str) -> ContainerSpec {
        ContainerSpec {
            handle: handle.to_owned(),
            image: ImageRef {
                uri: self.rootfs.path().display().to_string(),
                ..ImageRef::default()
            },
            ..ContainerSpec::default()
        }
    }

    /// Makes a container of it; it is destroyed with the value.
    ///
    /// # Panics
    /// If it cannot be made.
    #[track_caller]
    pub fn create(&self, spec: &ContainerSpec) -> Container {
        match self.client().create(spec) {
            Ok(handle) => Container::new(self.client(), handle),
            Err(error) => panic!("cannot create a container: {error:?}\n{}", self.log()),
        }
    }

    /// Makes an unprivileged container with nothing special.
    ///
    /// # Panics
    /// If it cannot be made.
    #[track_caller]
    pub fn container(&self) -> Container {
        self.create(&self.spec(""))
    }
}

impl Default for Server {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if self.pid.is_none() || !self.is_alive() {
            // Containers outlive their server: another one has to remove them.
            if std::thread::panicking() {
                return;
            }
            self.start();
        }
        let client = self.client();
        let all = warren_wire_garden::container::Properties::from([(
            "garden.state".to_owned(),
            "all".to_owned(),
        )]);
        match client.list(&all) {
            Ok(handles) => {
                for handle in handles {
                    if let Err(error) = client.destroy(&handle) {
                        eprintln!("cannot destroy {handle}: {error:?}");
                    }
                }
            }
            Err(error) => eprintln!("cannot list containers: {error:?}"),
        }
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.log());
        }
        self.end("-TERM");
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
fn v1_groups() -> Vec<V1Group> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let name = format!("warren-test-{}-{count}-garden", std::process::id());
    let own = match GroupSet::of(Process::Myself) {
        Ok(own) => own,
        Err(error) => panic!("cannot find the test's own groups: {error}"),
    };
    let made = own.v1.iter().map(|group| group.create_or_open(&name));
    match made.collect() {
        Ok(made) => made,
        Err(error) => panic!("cannot make groups for the server: {error}"),
    }
}
