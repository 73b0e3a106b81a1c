//! A depot, groups and a root directory for one test; nothing of it may be left.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warren_container_runtime::groups;
use warren_container_runtime::host::Host;
use warren_container_shim::frame::{Frame, Stream};
use warren_container_shim::spec::{ContainerSpec, Place, ProcessSpec};
use warren_container_shim::{Depot, Outcome, Session};
use warren_tests_harness::Leaks;

/// No test waits longer than this for what has to come.
pub const DEADLINE: Duration = Duration::from_secs(30);
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_warren-shim-test");

pub struct World {
    pub depot: Depot,
    pub folder: TempDir,
    pub place: Place,
    parent: Place,
    name: String,
    leaks: Leaks<'static>,
}

impl World {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let leaks = Leaks::snapshot();
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("warren-test-{}-{count}", std::process::id());
        let parent = Place::own().unwrap();
        drop(parent.open().unwrap().create(&name).unwrap());
        let folder = tempfile::tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Self {
            depot: Depot::open(&folder.path().join("depot"), PROGRAM.into()).unwrap(),
            place: parent.child(&name),
            folder,
            parent,
            name,
            leaks,
        }
    }

    /// A second depot on the same directory: a server that has been started anew.
    pub fn again(&self) -> Depot {
        Depot::open(&self.folder.path().join("depot"), PROGRAM.into()).unwrap()
    }

    /// A root directory with busybox, owned by `owner`.
    fn rootfs(&self, owner: u32) -> PathBuf {
        let root = self.folder.path().join(format!("rootfs-{owner}"));
        if root.exists() {
            return root;
        }
        for name in ["bin", "etc", "root", "home/alice", "usr/bin", "tmp"] {
            std::fs::create_dir_all(root.join(name)).unwrap();
        }
        let busybox = ["/usr/bin/busybox", "/bin/busybox"];
        let busybox = busybox.iter().find(|path| Path::new(path).exists());
        let busybox = busybox.expect("busybox is missing: apt-get install busybox-static");
        warren_tests_harness::copy_executable(busybox.as_ref(), &root.join("bin/busybox"));
        let list = Command::new(busybox).arg("--list").output().unwrap().stdout;
        for name in String::from_utf8(list).unwrap().lines() {
            if name != "busybox" {
                symlink("busybox", root.join("bin").join(name)).unwrap();
            }
        }
        let passwd = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        std::fs::write(root.join("etc/passwd"), passwd).unwrap();
        std::fs::write(root.join("etc/group"), "root:x:0:\nalice:x:1000:\n").unwrap();
        std::fs::set_permissions(root.join("tmp"), PermissionsExt::from_mode(0o1777)).unwrap();
        let status = Command::new("chown")
            .args(["-hR", &format!("{owner}:{owner}")])
            .arg(&root)
            .status();
        assert!(status.unwrap().success());
        std::os::unix::fs::chown(root.join("home/alice"), Some(1000), Some(1000)).unwrap();
        root
    }

    pub fn owner(&self, privileged: bool) -> u32 {
        if privileged {
            0
        } else {
            Host::discover().unwrap().max_id
        }
    }

    pub fn spec(&self, handle: &str, privileged: bool) -> ContainerSpec {
        ContainerSpec {
            privileged,
            ..ContainerSpec::new(
                handle,
                self.rootfs(self.owner(privileged)),
                PROGRAM.into(),
                self.place.clone(),
            )
        }
    }

    /// A container that runs, unprivileged.
    pub fn container<'a>(&'a self, handle: &'a str) -> Container<'a> {
        self.start(handle, &self.spec(handle, false))
    }

    pub fn start<'a>(&'a self, handle: &'a str, spec: &ContainerSpec) -> Container<'a> {
        let created = self.depot.create(spec, &[]);
        let created = created.unwrap_or_else(|error| panic!("{}", chain(&error)));
        assert!(created.pid > 0);
        self.depot.start(handle).unwrap();
        Container {
            depot: &self.depot,
            handle,
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        for found in self.depot.list().unwrap_or_default() {
            let destroyed = self.depot.destroy(&found.handle);
            if !std::thread::panicking() {
                destroyed.unwrap();
            }
        }
        let removed = groups::destroy(&self.parent.child(&self.name), DEADLINE);
        if std::thread::panicking() {
            return;
        }
        assert!(removed.unwrap());
        let left = std::fs::read_dir(self.folder.path().join("depot"));
        assert_eq!(left.unwrap().count(), 0);
        self.leaks.assert_same();
    }
}

/// A container that runs.
#[derive(Clone, Copy)]
pub struct Container<'a> {
    pub depot: &'a Depot,
    pub handle: &'a str,
}

impl Container<'_> {
    pub fn run(&self, spec: &ProcessSpec) -> Session {
        let session = self.depot.run(self.handle, spec);
        let session = session.unwrap_or_else(|error| panic!("{}", chain(&error)));
        session.socket.set_read_timeout(Some(DEADLINE)).unwrap();
        session
    }

    pub fn shell(&self, script: &str) -> Session {
        self.run(&shell(script))
    }

    pub fn attach(&self, id: &str) -> Session {
        let session = self.depot.attach(self.handle, id).unwrap();
        session.socket.set_read_timeout(Some(DEADLINE)).unwrap();
        session
    }

    /// What a command says that succeeds.
    pub fn says(&self, script: &str) -> String {
        let outcome = self.shell(script).wait().unwrap();
        assert_eq!(outcome.exit.code(), 0, "{script}: {outcome:?}");
        String::from_utf8(outcome.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }
}

pub fn shell(script: &str) -> ProcessSpec {
    ProcessSpec {
        path: "sh".into(),
        args: vec!["-c".into(), script.into()],
        ..ProcessSpec::default()
    }
}

pub fn stdout(outcome: &Outcome) -> String {
    String::from_utf8(outcome.stdout.clone()).unwrap()
}

/// Reads output until it ends with `text`.
pub fn read_until(session: &Session, text: &str) -> String {
    let mut all = Vec::new();
    while !all.ends_with(text.as_bytes()) {
        match session.receive().unwrap() {
            Some(Frame::Output(Stream::Stdout, bytes)) => all.extend(bytes),
            other => panic!("{other:?} after {:?}", String::from_utf8_lossy(&all)),
        }
    }
    String::from_utf8(all).unwrap()
}

/// Waits for a condition.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + DEADLINE;
    while !condition() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    warren_lib_errchain::chain(error)
}

/// Whether a process of this number runs.
pub fn is_running(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// Pid of a container's shim, by its record.
pub fn shim_of(depot: &Depot, handle: &str) -> i32 {
    let text = std::fs::read(depot.path(handle).join("shim.json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&text).unwrap();
    record["shim"]["pid"].as_i64().unwrap().try_into().unwrap()
}

/// Takes an orphan's end, as pid 1 of a machine does: the test is the parent of orphans here. An
/// init cannot end before every process of its namespace has been waited for.
pub fn reap(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid);
    let _not_yet = rustix::process::waitpid(pid, rustix::process::WaitOptions::NOHANG);
}

pub fn kill(pid: i32) {
    let pid = rustix::process::Pid::from_raw(pid).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}
