//! A root directory, groups and containers for one test.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use tempfile::TempDir;
use warren_container_runtime::bundle;
use warren_container_runtime::engine::{Container, Options, SpawnError, Stdio};
use warren_container_runtime::groups::{self, Place};
use warren_container_runtime::host::Host;
use warren_container_runtime::{ContainerSpec, ProcessSpec};

/// Nothing here takes this long.
pub const SOON: Duration = Duration::from_secs(30);

/// Where containers may be made, gone when dropped.
pub struct World {
    pub directory: TempDir,
    pub place: Place,
    parent: Place,
    name: String,
}

/// A container that is destroyed when dropped.
pub struct Running {
    pub container: Container,
}

/// What a program said.
#[derive(Debug)]
pub struct Output {
    /// Exit code, or 128 and the signal.
    pub status: i32,
    pub stdout: String,
    pub stderr: String,
}

impl World {
    pub fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("warren-test-{}-{count}", std::process::id());
        let mut parent = Place::own().unwrap();
        // In cgroup v2 a group with processes hands no controllers down, unless it is the root.
        if parent.v1.is_empty() {
            parent.v2 = Some("/".to_owned());
        }
        Self::in_groups(parent, name)
    }

    /// The same with groups in v1 hierarchies alone, as on a machine where cgroup v2 has never been
    /// mounted and the kernel tells of none.
    pub fn of_v1_alone() -> Self {
        let parent = Place {
            v2: None,
            ..Place::own().unwrap()
        };
        assert!(!parent.v1.is_empty(), "mount v1 hierarchies to run this");
        Self::in_groups(parent, format!("warren-test-{}-v1", std::process::id()))
    }

    fn in_groups(parent: Place, name: String) -> Self {
        drop(parent.open().unwrap().create(&name).unwrap());
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        Self {
            directory,
            place: parent.child(&name),
            parent,
            name,
        }
    }

    /// A root directory with busybox, owned by `owner`.
    pub fn rootfs(&self, owner: u32) -> PathBuf {
        let root = self.directory.path().join(format!("rootfs-{owner}"));
        if root.exists() {
            return root;
        }
        for name in ["bin", "etc", "root", "home/alice", "usr/bin"] {
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
        std::fs::write(
            root.join("etc/passwd"),
            "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n",
        )
        .unwrap();
        let groups = "root:x:0:\nalice:x:1000:\nstaff:x:50:alice\n";
        std::fs::write(root.join("etc/group"), groups).unwrap();
        std::fs::create_dir(root.join("tmp")).unwrap();
        std::fs::set_permissions(root.join("tmp"), PermissionsExt::from_mode(0o1777)).unwrap();
        own(&root, owner);
        std::os::unix::fs::chown(root.join("home/alice"), Some(1000), Some(1000)).unwrap();
        root
    }

    /// A container as it is usually wanted.
    pub fn spec(&self, handle: &str, privileged: bool) -> ContainerSpec {
        let owner = if privileged {
            0
        } else {
            Host::discover().unwrap().max_id
        };
        let init = std::env::current_exe().unwrap();
        ContainerSpec {
            privileged,
            ..ContainerSpec::new(handle, self.rootfs(owner), init, self.place.clone())
        }
    }

    /// Makes and starts it.
    pub fn start(&self, spec: &ContainerSpec) -> Running {
        let bundle = bundle::build(spec, &Host::discover().unwrap());
        let container = Container::create(&bundle, &Options::of(spec));
        let container = container.unwrap_or_else(|error| panic!("{}", chain(&error)));
        let mut running = Running { container };
        if let Err(error) = running.container.start() {
            panic!("{}", chain(&error));
        }
        running
    }

    pub fn unprivileged(&self) -> Running {
        self.start(&self.spec("unprivileged", false))
    }

    pub fn privileged(&self) -> Running {
        self.start(&self.spec("privileged", true))
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let removed = groups::destroy(&self.parent.child(&self.name), SOON);
        if !std::thread::panicking() {
            assert!(removed.unwrap());
        }
    }
}

impl Running {
    /// Runs a shell command as root.
    pub fn sh(&self, command: &str) -> Output {
        self.sh_as("", command)
    }

    pub fn sh_as(&self, user: &str, command: &str) -> Output {
        self.run(&ProcessSpec {
            user: user.to_owned(),
            ..shell(command)
        })
    }

    /// What a successful shell command says, without the end of its last line.
    pub fn says(&self, command: &str) -> String {
        let output = self.sh(command);
        assert_eq!(output.status, 0, "{command}: {output:?}");
        output.stdout.trim_end().to_owned()
    }

    /// Runs a process to its end.
    pub fn run(&self, process: &ProcessSpec) -> Output {
        match self.try_run(process) {
            Ok(output) => output,
            Err(error) => panic!("{process:?}: {}", chain(&error)),
        }
    }

    pub fn try_run(&self, process: &ProcessSpec) -> Result<Output, SpawnError> {
        let (out, theirs_out) = pipe();
        let (err, theirs_err) = pipe();
        let stdio = Stdio::Files {
            stdin: File::open("/dev/null").unwrap().into(),
            stdout: theirs_out,
            stderr: theirs_err,
        };
        let (pid, groups) = match process.own_root {
            None => (self.container.spawn(process, stdio)?, None),
            Some(_) => {
                let spawned = self.container.spawn_with_root(process, stdio)?;
                (spawned.pid, Some(spawned.groups))
            }
        };
        let stdout = read(out);
        let stderr = read(err);
        let output = Output {
            status: wait(pid),
            stdout,
            stderr,
        };
        if let Some(groups) = groups {
            groups.kill(SOON).unwrap();
            groups.remove(SOON).unwrap();
        }
        Ok(output)
    }

    /// Starts a shell command and leaves it running.
    pub fn background(&self, command: &str) -> Pid {
        let null = || {
            OwnedFd::from(
                File::options()
                    .read(true)
                    .write(true)
                    .open("/dev/null")
                    .unwrap(),
            )
        };
        let stdio = Stdio::Files {
            stdin: null(),
            stdout: null(),
            stderr: null(),
        };
        self.container.spawn(&shell(command), stdio).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        destroy(&self.container);
    }
}

/// Ends a container and checks that nothing of it is left.
pub fn destroy(container: &Container) {
    let place = container.place().clone();
    let destroyed = groups::destroy(&place, SOON);
    if std::thread::panicking() {
        return;
    }
    destroyed.unwrap_or_else(|error| panic!("{}", chain(&error)));
    for group in &place.v1 {
        assert!(!group.path.exists(), "{}", group.path.display());
    }
    // Init may have been waited for by the test.
    let _status = waitpid(Some(container.init()), WaitOptions::empty());
}

/// A process that runs a command in a shell.
pub fn shell(command: &str) -> ProcessSpec {
    ProcessSpec {
        path: "sh".to_owned(),
        args: vec!["-c".to_owned(), command.to_owned()],
        ..ProcessSpec::default()
    }
}

/// Waits for a child: its exit code, or 128 and the signal.
pub fn wait(pid: Pid) -> i32 {
    let (_, status) = waitpid(Some(pid), WaitOptions::empty()).unwrap().unwrap();
    match (status.exit_status(), status.terminating_signal()) {
        (Some(code), _) => code,
        (None, Some(signal)) => 128 + signal,
        (None, None) => panic!("{status:?}"),
    }
}

/// Kills a child and waits for it.
pub fn kill(pid: Pid) {
    kill_process(pid, Signal::KILL).unwrap();
    assert_eq!(wait(pid), 137);
}

pub fn pipe() -> (OwnedFd, OwnedFd) {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).unwrap()
}

pub fn read(from: OwnedFd) -> String {
    let mut text = Vec::new();
    File::from(from).read_to_end(&mut text).unwrap();
    String::from_utf8_lossy(&text).into_owned()
}

/// An error with its causes.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

/// Waits for a condition.
pub fn eventually(what: &str, mut condition: impl FnMut() -> bool) {
    let started = std::time::Instant::now();
    while !condition() {
        assert!(started.elapsed() < SOON, "{what} did not come about");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The groups that a test's process has in v1 hierarchies, which the general leak check does not
/// look at.
pub fn v1_groups_of(pid: Pid) -> Vec<String> {
    let prefix = format!("warren-test-{}-", pid.as_raw_nonzero());
    let mut found = Vec::new();
    for group in Place::own().unwrap().v1 {
        for entry in std::fs::read_dir(&group.path).unwrap().flatten() {
            if entry.file_name().to_string_lossy().starts_with(&prefix) {
                found.push(entry.path().display().to_string());
            }
        }
    }
    found
}

fn own(path: &Path, owner: u32) {
    std::os::unix::fs::lchown(path, Some(owner), Some(owner)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path(), owner);
        }
    }
}
