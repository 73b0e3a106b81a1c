//! Real Docker's rows of the runtimes' table: a daemon of the test's own, in namespaces of its
//! own, with an image that holds little but `warren` and busybox.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use warren_tests_harness::{
    Actor, ActorBuilder, Background, Connected, Ns, Output, Sandbox, programs,
};
use warren_tests_nested::{MONIT, assert_reaches};

/// A NATS server on the container's own loopback: it has no other network.
const NATS: &str = "127.0.0.9:4222";

/// A daemon and where it keeps everything.
pub(crate) struct Docker<'a> {
    host: &'a Actor,
    root: tempfile::TempDir,
    parent: String,
    _daemon: Background<'a>,
}

impl<'a> Docker<'a> {
    /// Starts one. Its containers' cgroups are below one of the test's.
    pub(crate) fn start(host: &'a Actor, sandbox: &Sandbox) -> Docker<'a> {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name).display().to_string();
        let parent = format!(
            "/{}",
            sandbox.cgroup().file_name().unwrap().to_string_lossy()
        );
        let flags = [
            format!("--data-root={}", at("data")),
            format!("--exec-root={}", at("exec")),
            format!("--pidfile={}", at("pid")),
            format!("--host=unix://{}", at("socket")),
            format!("--cgroup-parent={parent}"),
        ];
        let fixed = [
            "--bridge=none",
            "--iptables=false",
            "--ip6tables=false",
            "--ip-forward=false",
        ];
        let argv: Vec<&str> = ["dockerd"]
            .into_iter()
            .chain(flags.iter().map(String::as_str))
            .chain(fixed)
            .collect();
        let daemon = host.start(&argv);
        let docker = Docker {
            host,
            root,
            parent,
            _daemon: daemon,
        };
        let started = Instant::now();
        while docker.run(&["version"]).code != 0 {
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "dockerd (apt package docker.io) does not start"
            );
            std::thread::sleep(Duration::from_millis(100));
        }
        docker.import_image();
        docker
    }

    /// Where clients find it.
    pub(crate) fn address(&self) -> String {
        format!("unix://{}", self.at("socket").display())
    }

    /// A place that goes with it.
    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    /// Another name for the image.
    pub(crate) fn tag(&self, name: &str) {
        self.run(&["tag", "warren:test", name]).success();
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let address = self.address();
        self.host
            .run(&[&["/usr/bin/docker", "--host", &address][..], arguments].concat())
    }

    fn import_image(&self) {
        let image = self.root.path().join("image");
        std::fs::create_dir_all(image.join("bin")).unwrap();
        std::fs::copy(programs::warren(), image.join("bin/warren")).unwrap();
        std::fs::copy("/bin/busybox", image.join("bin/busybox"))
            .expect("busybox is needed: apt-get install busybox-static");
        for name in ["sh", "sleep"] {
            std::os::unix::fs::symlink("busybox", image.join("bin").join(name)).unwrap();
        }
        std::fs::create_dir(image.join("etc")).unwrap();
        std::fs::copy("/etc/os-release", image.join("etc/os-release")).unwrap();
        let tar = self.root.path().join("image.tar").display().to_string();
        let directory = image.display().to_string();
        self.host
            .run(&["tar", "-C", &directory, "-cf", &tar, "."])
            .success();
        self.run(&["import", &tar, "warren:test"]).success();
    }

    /// Starts a container that listens where monit and NATS would; the error if it cannot.
    fn container(&self, flags: &[&str]) -> Result<DockerContainer<'_>, String> {
        let listen = format!("busybox httpd -f -p {NATS} & exec busybox httpd -f -p {MONIT}");
        let command = ["warren:test", "/bin/busybox", "sh", "-c", &listen];
        let run = ["run", "--detach", "--network=none"];
        let output = self.run(&[&run[..], flags, &command].concat());
        if output.code != 0 {
            return Err(output.stderr);
        }
        let id = output.stdout.trim().to_owned();
        let pid = self
            .run(&["inspect", "--format={{.State.Pid}}", &id])
            .success();
        let pid = pid.stdout.trim().to_owned();
        Ok(DockerContainer {
            docker: self,
            id,
            pid,
        })
    }
}

impl Drop for Docker<'_> {
    /// Removes the v1 groups of the containers; those of cgroup2 go with the sandbox.
    fn drop(&mut self) {
        let name = self.parent.trim_start_matches('/');
        for hierarchy in std::fs::read_dir("/sys/fs/cgroup").unwrap().flatten() {
            let group: PathBuf = hierarchy.path().join(name);
            let is_v1 = group.is_dir() && hierarchy.file_name() != "unified";
            // One that stays is seen by the leak checks of the other tests.
            if is_v1 && std::fs::remove_dir(&group).is_err() {
                eprintln!("{} is left behind", group.display());
            }
        }
    }
}

struct DockerContainer<'a> {
    docker: &'a Docker<'a>,
    id: String,
    pid: String,
}

impl DockerContainer<'_> {
    fn exec(&self, argv: &[&str]) -> Output {
        self.docker.run(&[&["exec", &self.id][..], argv].concat())
    }

    fn warren(&self, verb: &str) -> Output {
        self.exec(&["/bin/warren", "firewall", verb, "--nats", NATS, "--json"])
    }

    /// Whether a process of the container gets a connection.
    fn connects(&self, place: &str) -> bool {
        let (address, port) = place.split_once(':').unwrap();
        let then = ["-e", "/bin/busybox", "true"];
        let connect = ["/bin/busybox", "nc", "-w", "2", address, port];
        self.exec(&[&connect[..], &then].concat()).code == 0
    }

    fn wait_for_listeners(&self) {
        let started = Instant::now();
        while !(self.connects(MONIT) && self.connects(NATS)) {
            let logs = || self.docker.run(&["logs", &self.id]);
            assert!(
                started.elapsed() < Duration::from_secs(60),
                "no listener: {:#?}",
                logs()
            );
        }
    }

    /// A root process of the host, in the container's network and in a cgroup elsewhere.
    fn outsider(&self, sandbox: &Sandbox) -> Actor {
        let net = Path::new("/proc").join(&self.pid).join("ns/net");
        ActorBuilder::new()
            .cgroup(sandbox.child_cgroup("outsider"))
            .join(Ns::Net, net)
            .spawn()
    }
}

impl Drop for DockerContainer<'_> {
    fn drop(&mut self) {
        let removed = self.docker.run(&["rm", "--force", &self.id]);
        if !std::thread::panicking() {
            removed.success();
        }
    }
}

fn assert_works(container: &DockerContainer<'_>, sandbox: &Sandbox) {
    container.wait_for_listeners();
    let output = container.warren("setup").success();
    let report: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        report["agent"]["degraded"],
        serde_json::Value::Null,
        "{report:#}"
    );
    assert!(
        container.connects(MONIT) && container.connects(NATS),
        "{report:#}"
    );
    let outsider = container.outsider(sandbox);
    assert_reaches(
        &outsider,
        "root elsewhere",
        &[MONIT, NATS],
        Connected::Refused,
    );
    let unprivileged = container.outsider(sandbox);
    unprivileged.set_ids(1000, 1000);
    assert_reaches(
        &unprivileged,
        "a user elsewhere",
        &[MONIT, NATS],
        Connected::Refused,
    );
}

#[test]
fn docker_plays_its_rows_itself() {
    let sandbox = Sandbox::new("docker");
    let host = ActorBuilder::new().unshare(&[Ns::Net, Ns::Mount]).spawn();
    let docker = Docker::start(&host, &sandbox);

    // Unprivileged: refused, and the container's network has no table.
    for cgroupns in ["--cgroupns=private", "--cgroupns=host"] {
        let plain = docker.container(&[cgroupns]).unwrap();
        plain.wait_for_listeners();
        let refused = plain.warren("setup");
        assert_eq!(refused.code, 1, "{refused:#?}");
        assert!(refused.stderr.contains("CAP_NET_ADMIN"), "{refused:#?}");
        assert_reaches(
            &plain.outsider(&sandbox),
            "root elsewhere",
            &[MONIT],
            Connected::Connected,
        );

        // Unprivileged but for NET_ADMIN: works in either cgroup namespace.
        let admin = docker
            .container(&[cgroupns, "--cap-add=NET_ADMIN"])
            .unwrap();
        assert_works(&admin, &sandbox);
    }

    // Privileged: where the machine withholds a capability, runc refuses to start such a
    // container; then with all that it does grant, and the host's cgroups bound in.
    match docker.container(&["--privileged"]) {
        Ok(privileged) => assert_works(&privileged, &sandbox),
        Err(reason) => {
            assert!(reason.contains("apply caps"), "{reason}");
            let bounding = warren_sys_process::capabilities::bounding().unwrap();
            let names = warren_sys_process::capabilities::names(bounding).to_uppercase();
            // Docker does not know the newest names.
            let known =
                |name: &&str| !["CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE"].contains(name);
            let add = names
                .split(',')
                .filter(known)
                .map(|name| format!("--cap-add={name}"));
            let add: Vec<String> = add.collect();
            let mut flags: Vec<&str> = add.iter().map(String::as_str).collect();
            flags.extend(["--security-opt=seccomp=unconfined", "--cgroupns=host"]);
            flags.push("--volume=/sys/fs/cgroup:/sys/fs/cgroup:rw");
            assert_works(&docker.container(&flags).unwrap(), &sandbox);
        }
    }
}
