//! The server's process and its surroundings.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warren_garden_client::{Client, Target, Tls};
use warren_tests_harness::{Actor, NetNs, RootfsTar, has_ended, programs};
use warren_wire_garden::container::{ContainerSpec, ImageRef};

use super::{Container, Remains};
use crate::machine::{Machine, NEIGHBOUR};

const PATIENCE: Duration = Duration::from_secs(60);

/// The environment variable that names an external runtime for every server, to ask all that is
/// asked of the built-in engine of it too.
pub const RUNTIME: &str = "WARREN_TEST_RUNTIME";

/// How a server is to be.
#[derive(Debug, Default)]
pub struct ServerBuilder {
    arguments: Vec<String>,
    tls: Option<Tls>,
    run: Option<TempDir>,
}

/// Where a server with TLS listens, in its own network.
pub const ADDRESS: &str = "127.0.0.1:7777";

impl ServerBuilder {
    /// With more arguments of `warren serve garden`.
    #[must_use]
    pub fn arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments
            .extend(arguments.iter().map(|each| (*each).to_owned()));
        self
    }

    /// Listening at [`ADDRESS`] with TLS, instead of at a socket. The server's own flags for it are
    /// to be among the arguments; `tls` is its client's side.
    #[must_use]
    pub fn tls(mut self, tls: Tls) -> Self {
        self.tls = Some(tls);
        self
    }

    /// With its depot and its records in memory, where they are on most machines: `/run` is a tmpfs.
    ///
    /// # Panics
    /// If there is no room in `/dev/shm`.
    #[must_use]
    #[track_caller]
    pub fn run_in_memory(mut self) -> Self {
        match tempfile::tempdir_in("/dev/shm") {
            Ok(run) => self.run = Some(run),
            Err(error) => panic!("cannot make a directory in /dev/shm: {error}"),
        }
        self
    }

    /// Starts it and waits until it answers.
    #[must_use]
    #[track_caller]
    pub fn start(self) -> Server {
        let directory = match tempfile::tempdir() {
            Ok(directory) => directory,
            Err(error) => panic!("cannot make a directory: {error}"),
        };
        // Containers of an external runtime go to their root by path.
        for directory in [Some(&directory), self.run.as_ref()].into_iter().flatten() {
            let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
            if let Err(error) = fs::set_permissions(directory.path(), open) {
                panic!("cannot open {}: {error}", directory.path().display());
            }
        }
        let mut server = Server {
            machine: Machine::new("garden"),
            rootfs: RootfsTar::new(),
            directory,
            run: self.run,
            arguments: self.arguments,
            tls: self.tls,
            pid: None,
            before: None,
            group: None,
            others: None,
        };
        server.start();
        server.before = Some(Remains::of(&server));
        server
    }
}

/// A running server; it and its containers go with the value. That nothing of a container is left on its
/// machine is checked then, unless the test has failed anyway.
pub struct Server {
    machine: Machine,
    /// The image that containers get.
    pub rootfs: RootfsTar,
    directory: TempDir,
    /// Its depot and records, if not there too.
    run: Option<TempDir>,
    arguments: Vec<String>,
    tls: Option<Tls>,
    pid: Option<String>,
    /// What there was when it had no container yet.
    before: Option<Remains>,
    /// The group below the machine's that it is started in, if it is not that.
    group: Option<String>,
    /// Below it others may have left mounts.
    others: Option<PathBuf>,
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

    /// Where its depot and its records are.
    #[must_use]
    pub fn run(&self) -> &Path {
        self.run.as_ref().unwrap_or(&self.directory).path()
    }

    /// Its network.
    #[must_use]
    pub fn net(&self) -> &NetNs {
        self.machine.net()
    }

    /// The machine beside the server's.
    #[must_use]
    pub fn neighbour(&self) -> &NetNs {
        &self.machine.neighbour
    }

    /// The control groups that it and its containers are in, in every hierarchy.
    #[must_use]
    pub fn groups(&self) -> Vec<&Path> {
        self.machine.groups()
    }

    /// A process beside it.
    #[must_use]
    #[track_caller]
    pub fn actor(&self) -> &Actor {
        self.machine.actor()
    }

    /// Its socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.directory().join("garden.sock")
    }

    /// A new client of it. With TLS it is to be used [`inside`](Self::inside).
    ///
    /// # Panics
    /// If the files for TLS cannot be used.
    #[must_use]
    #[track_caller]
    pub fn client(&self) -> Client {
        if let Some(tls) = &self.tls {
            match Client::with_tls(Target::Tls(ADDRESS.to_owned()), tls) {
                Ok(client) => return client,
                Err(error) => panic!("cannot use TLS: {error:?}"),
            }
        }
        let socket = self.socket();
        Client::new(Target::parse(&socket.display().to_string()))
    }

    /// Does something where the server can be reached: with TLS in its network, else anywhere.
    #[track_caller]
    pub fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        match self.tls {
            Some(_) => self.net().inside(work),
            None => work(),
        }
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

    /// Whether this is its process.
    pub(super) fn is_pid(&self, pid: &str) -> bool {
        self.pid.as_deref() == Some(pid)
    }

    /// Mounts below this directory are somebody else's, such as a CPI's, whose machines the test need not
    /// have deleted.
    pub fn leave_to_others(&mut self, directory: PathBuf) {
        self.others = Some(directory);
    }

    /// Waits until there is nothing on its machine that was not there before its first container.
    ///
    /// # Panics
    /// If something stays.
    #[track_caller]
    pub fn assert_nothing_is_left(&self) {
        let Some(before) = &self.before else { return };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let now = Remains::of(self);
            let mut left = now.beyond(before);
            if let Some(others) = &self.others {
                let theirs = format!("mount {}/", others.display());
                left.retain(|each| !each.starts_with(&theirs));
            }
            if let Some(group) = &self.group {
                let own = [format!("/{group}"), format!("/{group}/garden")];
                left.retain(|each| !own.iter().any(|own| each.ends_with(own)));
            }
            if left.is_empty() {
                return;
            }
            assert!(
                Instant::now() < deadline,
                "left of containers: {left:#?}\n{}",
                self.log()
            );
            // Links go in the background.
            std::thread::sleep(Duration::from_millis(10));
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
        let client = self.client();
        while let Err(error) = self.inside(|| client.ping()) {
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
        let (ip, port) = ADDRESS.split_once(':').unwrap_or_default();
        let listening = match self.tls {
            Some(_) => vec![
                ("--bind-ip", ip.to_owned()),
                ("--bind-port", port.to_owned()),
            ],
            None => vec![("--bind-socket", self.socket().display().to_string())],
        };
        for (flag, value) in listening.into_iter().chain([
            ("--depot", self.run().join("depot").display().to_string()),
            ("--state", self.run().join("state").display().to_string()),
            ("--store", at("store")),
            ("--default-rootfs", self.rootfs.path().display().to_string()),
            ("--dns-server", NEIGHBOUR.to_owned()),
        ]) {
            argv.extend([flag.to_owned(), value]);
        }
        if let Ok(runtime) = std::env::var(RUNTIME) {
            argv.extend(["--runtime".to_owned(), runtime]);
        }
        argv.extend(self.arguments.iter().cloned());
        let command = argv
            .iter()
            .map(|each| format!("'{each}'"))
            .collect::<Vec<_>>();
        let log = at("log");
        let enter = self.machine.enter() + &self.below();
        // Root may keep its own files from others; containers have other users.
        let script = format!(
            "{enter}umask 077; {} >>{log} 2>&1 </dev/null & echo $!",
            command.join(" ")
        );
        let started = self.actor().run(&["sh", "-c", &script]).success();
        self.pid = Some(started.stdout.trim().to_owned());
    }

    /// Has it started in a group below the machine's own the next time, in every hierarchy. That group stays.
    pub fn move_on(&mut self, name: &str) {
        self.group = Some(name.to_owned());
    }

    /// Lines of a shell script with which it goes to that group.
    fn below(&self) -> String {
        let Some(name) = &self.group else {
            return String::new();
        };
        let go = |group: &&Path| {
            let path = group.join(name).display().to_string();
            format!("mkdir -p {path} && echo $$ >{path}/cgroup.procs\n")
        };
        self.machine.groups().iter().map(go).collect()
    }

    /// Has it started without its wishes the next time.
    pub fn forget_arguments(&mut self) {
        self.arguments.clear();
    }

    /// A file of a container's group: that of cgroup v1, by the controller its name begins with, or
    /// where there is none that of v2.
    ///
    /// # Panics
    /// If it cannot be read.
    #[must_use]
    #[track_caller]
    pub fn group_file(&self, handle: &str, v1: &str, v2: &str) -> String {
        let controller = v1.split('.').next().unwrap_or_default();
        let file = if self.machine.has_v1(controller) {
            v1
        } else {
            v2
        };
        match self.try_group_file(handle, controller, file) {
            Some(text) => text,
            None => panic!("cannot read {file} of {handle}"),
        }
    }

    /// A file of a container's group with that controller, if it is there.
    #[must_use]
    pub fn try_group_file(&self, handle: &str, controller: &str, file: &str) -> Option<String> {
        let base = self.machine.group(controller);
        fs::read_to_string(base.join("garden").join(handle).join(file)).ok()
    }

    /// Whether its process is there.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        self.pid.as_ref().is_some_and(|pid| !has_ended(pid))
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
        let destroyed = self.inside(|| {
            let mut handles = client.list(&all)?.into_iter();
            handles.try_for_each(|handle| client.destroy(&handle))
        });
        if std::thread::panicking() {
            eprintln!("the server said:\n{}", self.log());
        } else {
            if let Err(error) = destroyed {
                panic!("cannot destroy all containers: {error:?}\n{}", self.log());
            }
            self.assert_nothing_is_left();
        }
        self.end("-TERM");
    }
}
