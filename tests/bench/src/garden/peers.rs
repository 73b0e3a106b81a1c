//! Other runtimes, given the same root file system.

use std::io::Read;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use warren_tests_conformance::garden::Server;

/// Runs a program that must succeed.
///
/// # Panics
/// If it does not.
pub fn must(command: &mut Command) {
    match command.stdin(Stdio::null()).output() {
        Ok(output) if output.status.success() => {}
        Ok(output) => panic!("{command:?}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{command:?}: {error}"),
    }
}

/// Where one keeps its records: in memory, as `/run` is on most machines.
fn run_directory() -> TempDir {
    match tempfile::tempdir_in("/dev/shm") {
        Ok(run) => run,
        Err(error) => panic!("cannot make a directory in /dev/shm: {error}"),
    }
}

/// A bundle for OCI runtimes.
pub struct Peers {
    bundle: TempDir,
    run: TempDir,
    /// Keeps a mount namespace without cgroup v2: crun refuses a hybrid host whose cgroup v2 has a
    /// controller, so it does not get to see that.
    without_v2: Child,
}

impl Peers {
    /// Made by `runc spec`, which is what its manual says, for `/bin/true`.
    pub fn new(server: &Server) -> Self {
        let bundle = match tempfile::tempdir() {
            Ok(bundle) => bundle,
            Err(error) => panic!("cannot make a directory: {error}"),
        };
        let run = run_directory();
        let rootfs = bundle.path().join("rootfs");
        must(
            Command::new("cp")
                .arg("-a")
                .arg(server.rootfs.root())
                .arg(rootfs),
        );
        must(Command::new("runc").arg("spec").current_dir(bundle.path()));
        let config = bundle.path().join("config.json");
        let edited = std::fs::read_to_string(&config).map(|text| {
            text.replace("\"terminal\": true", "\"terminal\": false")
                .replace("\"sh\"", "\"/bin/true\"")
        });
        if let Err(error) = edited.and_then(|text| std::fs::write(&config, text)) {
            panic!("cannot write {}: {error}", config.display());
        }
        let script = "if umount /sys/fs/cgroup/unified 2>/dev/null; then \
             mount -t tmpfs none /sys/fs/cgroup/unified; fi; echo; exec sleep 3600";
        let started = Command::new("unshare")
            .args(["--mount", "sh", "-c", script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn();
        let mut without_v2 = match started {
            Ok(started) => started,
            Err(error) => panic!("cannot start unshare: {error}"),
        };
        // It says when it has done its part.
        if let Some(said) = &mut without_v2.stdout
            && let Err(error) = said.read_exact(&mut [0])
        {
            panic!("no mount namespace for crun: {error}");
        }
        Self {
            bundle,
            run,
            without_v2,
        }
    }

    /// crun.
    pub fn crun(&self) {
        must(
            Command::new("nsenter")
                .arg(format!("--mount=/proc/{}/ns/mnt", self.without_v2.id()))
                .arg(format!("--wd={}", self.bundle.path().display()))
                .arg("crun")
                .arg(format!("--root={}", self.run.path().join("crun").display()))
                .args(["run", "warren-bench-crun"]),
        );
    }

    /// runc.
    pub fn runc(&self) {
        must(
            Command::new("runc")
                .arg(format!("--root={}", self.run.path().join("runc").display()))
                .args(["run", "warren-bench-runc"])
                .current_dir(self.bundle.path()),
        );
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        if let Err(error) = self.without_v2.kill().and_then(|()| self.without_v2.wait()) {
            eprintln!("sleep: {error}");
        }
    }
}

/// A Docker daemon of the benchmark's own, without a network.
pub struct Docker {
    root: TempDir,
    _run: TempDir,
    daemon: Child,
}

impl Docker {
    /// Starts it and gives it the image.
    pub fn start(server: &Server) -> Self {
        let root = match tempfile::tempdir() {
            Ok(root) => root,
            Err(error) => panic!("cannot make a directory: {error}"),
        };
        let run = run_directory();
        let at = |name: &str| root.path().join(name).display().to_string();
        let daemon = Command::new("unshare")
            .args(["--mount", "--net", "--kill-child", "--fork", "dockerd"])
            .arg(format!("--data-root={}", at("data")))
            .arg(format!("--exec-root={}", run.path().join("exec").display()))
            .arg(format!("--pidfile={}", at("pid")))
            .arg(format!("--host=unix://{}", at("socket")))
            .args(["--bridge=none", "--iptables=false", "--ip6tables=false"])
            .arg("--ip-forward=false")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let daemon = match daemon {
            Ok(daemon) => daemon,
            Err(error) => panic!("cannot start dockerd (Debian package docker.io): {error}"),
        };
        let docker = Self {
            root,
            _run: run,
            daemon,
        };
        let deadline = Instant::now() + Duration::from_secs(60);
        while !docker
            .command(&["version"])
            .output()
            .is_ok_and(|o| o.status.success())
        {
            assert!(Instant::now() < deadline, "dockerd does not start");
            std::thread::sleep(Duration::from_millis(100));
        }
        let image: PathBuf = server.rootfs.path();
        must(docker.command(&["import"]).arg(image).arg("bench:1"));
        docker
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let socket = self.root.path().join("socket");
        let mut command = Command::new("/usr/bin/docker");
        command
            .arg("--host")
            .arg(format!("unix://{}", socket.display()))
            .args(arguments);
        command
    }

    /// One container.
    pub fn run(&self) {
        must(&mut self.command(&["run", "--rm", "--network", "none", "bench:1", "/bin/true"]));
    }
}

impl Drop for Docker {
    fn drop(&mut self) {
        let pid = std::fs::read_to_string(self.root.path().join("pid")).unwrap_or_default();
        must(Command::new("kill").arg(pid.trim()));
        if let Err(error) = self.daemon.wait() {
            eprintln!("dockerd: {error}");
        }
    }
}
