//! A server in a sandbox of its own: control group, network, mounts.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use serde_json::{Value, json};
use tempfile::TempDir;
use warren_tests_harness::{Actor, Ns, RootfsTar, Sandbox};

use crate::client::{Client, LONG};

/// An address of the sandbox's host, at which mapped ports are reached.
pub const EXTERNAL: &str = "192.0.2.1";

/// A sandbox with a server in it. Fields are dropped in order: the server, then where it lived.
pub struct World {
    pub client: Client,
    server: Option<u32>,
    actor: Actor,
    pub sandbox: Sandbox,
    pub directory: TempDir,
    rootfs: Arc<RootfsTar>,
}

impl World {
    pub fn new(name: &str) -> Self {
        Self::with(name, &[])
    }

    /// A server with more settings; `ulimit=N` is for its process: how many descriptors it may have, and
    /// `ulimit=-S N` how many without asking for more.
    pub fn with(name: &str, settings: &[&str]) -> Self {
        let sandbox = Sandbox::new(name);
        sandbox.net().address("lo", &format!("{EXTERNAL}/32"));
        let actor = sandbox.actor_in("server").unshare(&[Ns::Mount]).spawn();
        let directory = tempfile::tempdir().unwrap();
        let mut world = Self {
            client: Client::new(&directory.path().join("garden.sock")),
            server: None,
            actor,
            sandbox,
            directory,
            rootfs: rootfs(),
        };
        world.start(settings);
        world
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The sandbox's name, for the groups in hierarchies that are not its own.
    fn group(&self) -> String {
        let name = self.sandbox.cgroup().file_name().unwrap();
        name.to_str().unwrap().to_owned()
    }

    /// Starts a server, which must not be running, and waits until it answers.
    #[track_caller]
    pub fn start(&mut self, settings: &[&str]) {
        let path = |name: &str| self.path(name).display().to_string();
        let (log, ready) = (path("server.log"), path("ready"));
        _ = std::fs::remove_file(&ready);
        let mut words = vec![
            PROGRAM.to_owned(),
            "serve".to_owned(),
            format!("bind-socket={}", path("garden.sock")),
            format!("depot={}", path("depot")),
            format!("state={}", path("state")),
            format!("store={}", path("store")),
            format!("external-ip={EXTERNAL}"),
            format!("group={}", self.group()),
            format!("default-rootfs={}", self.rootfs.path().display()),
        ];
        let (limits, settings): (Vec<&str>, Vec<&str>) = settings
            .iter()
            .partition(|word| word.starts_with("ulimit="));
        words.extend(settings.iter().map(|word| (*word).to_owned()));
        let words: Vec<String> = words.iter().map(|word| format!("'{word}'")).collect();
        let limits: Vec<String> = limits
            .iter()
            .map(|word| format!("ulimit -n {}\n", &word["ulimit=".len()..]))
            .collect();
        let script = format!(
            "{}{} >{ready} 2>>{log} </dev/null & echo $!",
            limits.concat(),
            words.join(" ")
        );
        let output = self.actor.run(&["/bin/sh", "-c", &script]);
        let pid = output.success().stdout.trim().to_owned();
        self.server = Some(pid.parse().unwrap());
        let began = Instant::now();
        while std::fs::read_to_string(&ready).unwrap_or_default() != "ready\n" {
            let log = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(self.is_alive(), "the server ended:\n{log}");
            assert!(began.elapsed() < LONG, "the server is not ready:\n{log}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
    }

    fn is_alive(&self) -> bool {
        let Some(pid) = self.server else { return false };
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let state = stat.rsplit(") ").next().unwrap_or("Z");
        !state.is_empty() && !state.starts_with(['Z', 'X'])
    }

    /// Ends the server with a signal and waits until it is gone.
    #[track_caller]
    pub fn end(&mut self, signal: &str) {
        let pid = self.server.expect("a server").to_string();
        self.actor
            .run(&["/bin/kill", &format!("-{signal}"), &pid])
            .success();
        let began = Instant::now();
        while self.is_alive() {
            assert!(began.elapsed() < LONG, "the server does not end");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        self.server = None;
    }

    /// What the server said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.path("server.log")).unwrap_or_default()
    }

    /// Runs a program where the server is, which must succeed.
    #[track_caller]
    pub fn run(&self, argv: &[&str]) {
        self.actor.run(argv).success();
    }

    /// How many threads the server has.
    pub fn threads(&self) -> usize {
        let pid = self.server.expect("a server");
        let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
        threads.count()
    }

    /// The server's own limits.
    pub fn limits(&self) -> String {
        let pid = self.server.expect("a server");
        std::fs::read_to_string(format!("/proc/{pid}/limits")).unwrap()
    }

    /// The server's resident memory in KiB.
    pub fn resident(&self) -> u64 {
        let pid = self.server.expect("a server");
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        let line = status
            .lines()
            .find(|line| line.starts_with("VmRSS"))
            .unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// A privileged container with nothing special.
    #[track_caller]
    pub fn container(&self, handle: &str) -> String {
        self.client
            .create(json!({"handle": handle, "privileged": true}))
    }

    /// Destroys all that there is, and checks that nothing of it is left.
    #[track_caller]
    pub fn close(mut self) {
        for handle in self.client.list("?garden.state=all") {
            self.client.destroy(&handle);
        }
        let left = |name: &str| -> Vec<String> {
            let entries = std::fs::read_dir(self.path(name)).unwrap();
            entries
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect()
        };
        assert_eq!(left("depot"), Vec::<String>::new(), "{}", self.log());
        assert_eq!(left("state/containers"), Vec::<String>::new());
        assert_eq!(left("store/images"), Vec::<String>::new());
        // Links go in the background.
        let deadline = Instant::now() + std::time::Duration::from_secs(30);
        loop {
            let links = self.sandbox.net().ip(&["-o", "link"]);
            if links.lines().count() == 1 {
                break;
            }
            assert!(Instant::now() < deadline, "{links}");
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        self.end("TERM");
        assert!(!self.log().contains("left behind"), "{}", self.log());
        let mounts = self.actor.read("/proc/self/mountinfo");
        let store = self.path("store").display().to_string();
        assert!(!mounts.contains(&store), "{mounts}");
    }
}

/// The program that is server, shim and init.
const PROGRAM: &str = env!("CARGO_BIN_EXE_warren-test-garden");

/// A root file system of busybox, the same for all who have it at a time; it goes with the last of them.
pub fn rootfs() -> Arc<RootfsTar> {
    static SHARED: Mutex<Weak<RootfsTar>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
    shared.upgrade().unwrap_or_else(|| {
        let made = Arc::new(RootfsTar::new());
        *shared = Arc::downgrade(&made);
        made
    })
}

/// The properties of a container.
#[track_caller]
pub fn info(client: &Client, handle: &str) -> Value {
    client.get(&format!("/containers/{handle}/info"))
}
