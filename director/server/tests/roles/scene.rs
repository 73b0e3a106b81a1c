//! Processes of a director, their bus and their CPI.

use std::collections::BTreeMap;
use std::fs;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;
use warren_tests_harness::{Port, executable, programs};

/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// All roles, each a process.
pub const ROLES: [&str; 5] = ["api", "worker", "blobstore", "scheduler", "sync-dns"];

/// See the module. Everything ends with it.
pub struct Scene {
    pub directory: TempDir,
    /// An address of the loopback interface that is this scene's alone.
    pub address: String,
    pub nats_port: Port,
    more: Vec<String>,
    running: BTreeMap<String, Child>,
}

impl Scene {
    /// One whose processes get these arguments as well; nothing runs yet.
    pub fn new(more: &[&str]) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(1);
        let directory = tempfile::tempdir().unwrap();
        let script =
            include_str!("cpi.sh").replace("DIRECTORY", directory.path().to_str().unwrap());
        let cpi = directory.path().join("cpi");
        executable(&cpi, script.as_bytes());
        let [high, low] = u16::try_from(std::process::id() & 0xffff)
            .unwrap()
            .to_be_bytes();
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self {
            address: format!("127.{}.{low}.{number}", 1 + high % 250),
            nats_port: Port::of(Ipv4Addr::UNSPECIFIED.into()),
            more: more.iter().map(|&one| one.to_owned()).collect(),
            running: BTreeMap::new(),
            directory,
        }
    }

    /// All roles apart, started at once, and the bus.
    pub fn started(more: &[&str]) -> Self {
        let mut scene = Self::new(more);
        for role in ROLES {
            scene.start(role);
        }
        scene.start_nats();
        scene.wait_for_api();
        scene
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Starts a role, or another process of one: `worker`, `worker 2`; or one that has a home of its own,
    /// as on another machine: `worker elsewhere`.
    pub fn start(&mut self, name: &str) {
        let role = name.split(' ').next().unwrap();
        let home = match name.ends_with(" elsewhere") {
            true => "elsewhere",
            false => "home",
        };
        let log = fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(self.at(&format!("log-{name}")))
            .unwrap();
        let of = |port: u16| format!("{}:{port}", self.address);
        let child = Command::new(programs::warren())
            .args(["serve", "director", "--roles", role, "--home"])
            .arg(self.at(home))
            .args(["--address", &self.address, "--listen", &of(25555)])
            .args(["--blobstore-listen", &of(25250)])
            .args(["--metrics-listen", &of(9091)])
            .args(["--nats-port", &self.nats_port.number().to_string()])
            .arg("--cpi")
            .arg(self.at("cpi"))
            .args(&self.more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let twice = self.running.insert(name.to_owned(), child);
        assert!(twice.is_none(), "{name} runs already");
    }

    /// Ends a process as the kernel would.
    pub fn kill(&mut self, name: &str) {
        let mut child = self.running.remove(name).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Has a process neither run nor end, as on a machine that is held up; or go on.
    pub fn freeze(&self, name: &str, is_frozen: bool) {
        let signal = match is_frozen {
            true => rustix::process::Signal::STOP,
            false => rustix::process::Signal::CONT,
        };
        let pid = rustix::process::Pid::from_child(&self.running[name]);
        rustix::process::kill_process(pid, signal).unwrap();
    }

    /// Asks a process to end, and sees that it does as it should.
    pub fn stop(&mut self, name: &str) {
        let mut child = self.running.remove(name).unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = child.wait().unwrap();
        assert!(status.success(), "{name}: {status}\n{}", self.logs());
    }

    pub fn start_nats(&mut self) {
        let config = self.at("home/nats/nats.cfg");
        self.wait("a configuration for nats-server", || {
            config.exists() && config.with_file_name("auth.json").exists()
        });
        let child = Command::new("nats-server")
            .arg("-c")
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        self.running.insert("nats".to_owned(), child);
    }

    /// Waits for something.
    #[track_caller]
    pub fn wait(&self, what: &str, mut is: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is() {
            assert!(Instant::now() < end, "waited for {what}\n{}", self.logs());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn wait_for_api(&self) {
        self.wait("the API", || {
            self.get("/info").contains("\"user\":\"admin\"")
        });
    }

    pub fn secrets(&self) -> Value {
        let text = fs::read(self.at("home/secrets.json")).unwrap_or_default();
        serde_json::from_slice(&text).unwrap_or_default()
    }

    /// What curl gets, with the head; empty if it gets nothing.
    pub fn curl(&self, arguments: &[&str], path: &str) -> String {
        let secrets = self.secrets();
        let password = secrets["admin_password"].as_str().unwrap_or_default();
        let output = Command::new("curl")
            .args(["-sS", "-i", "--max-time", "30", "--cacert"])
            .arg(self.at("home/certs/ca.crt"))
            .args(["-u", &format!("admin:{password}")])
            .args(arguments)
            .arg(format!("https://{}:25555{path}", self.address))
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    pub fn get(&self, path: &str) -> String {
        self.curl(&[], path)
    }

    pub fn json(&self, path: &str) -> Value {
        let answer = self.get(path);
        let (_, body) = answer.split_once("\r\n\r\n").unwrap_or_default();
        serde_json::from_str(body).unwrap_or_default()
    }

    /// What Prometheus gets.
    pub fn metrics(&self, path: &str) -> String {
        let url = format!("http://{}:9091{path}", self.address);
        let output = Command::new("curl").args(["-sS", &url]).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Uploads a stemcell of this version; the answer is the task's number.
    #[track_caller]
    pub fn upload(&self, version: &str) -> i64 {
        let folder = self.at(&format!("stemcell-{version}"));
        fs::create_dir_all(&folder).unwrap();
        let image = folder.join("image");
        fs::write(&image, version).unwrap();
        let sum = Command::new("sha1sum").arg(&image).output().unwrap();
        let sum = String::from_utf8(sum.stdout).unwrap();
        let sum = sum.split(' ').next().unwrap();
        let manifest = format!(
            "name: tiny\nversion: '{version}'\nbosh_protocol: '1'\napi_version: 3\nsha1: {sum}\n\
             operating_system: tiny\nstemcell_formats: [warden-tar]\ncloud_properties: {{}}\n"
        );
        fs::write(folder.join("stemcell.MF"), manifest).unwrap();
        let tarball = self.at(&format!("stemcell-{version}.tgz"));
        let packed = Command::new("tar")
            .arg("-czf")
            .arg(&tarball)
            .arg("-C")
            .arg(&folder)
            .args(["stemcell.MF", "image"])
            .status()
            .unwrap();
        assert!(packed.success());
        let body = format!("@{}", tarball.display());
        let answer = self.curl(
            &[
                "-H",
                "Content-Type: application/x-compressed",
                "--data-binary",
                &body,
            ],
            "/stemcells",
        );
        task_of(&answer)
    }

    /// Waits until a task is over and has done what it should; the answer is its record.
    #[track_caller]
    pub fn done(&self, task: i64) -> Value {
        let mut record = Value::Null;
        self.wait(&format!("task {task}"), || {
            record = self.json(&format!("/tasks/{task}"));
            record["state"]
                .as_str()
                .is_some_and(|state| !matches!(state, "queued" | "processing"))
        });
        assert_eq!(record["state"], "done", "{record}\n{}", self.logs());
        record
    }

    /// Uploads a stemcell and waits until it is there.
    #[track_caller]
    pub fn works(&self, version: &str) {
        let task = self.upload(version);
        self.done(task);
        let all = self.json("/stemcells").to_string();
        assert!(all.contains(&format!("\"version\":\"{version}\"")), "{all}");
    }

    /// What the CPI was asked for.
    pub fn requests(&self) -> Vec<Value> {
        let text = fs::read_to_string(self.at("requests")).unwrap_or_default();
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub fn log(&self, name: &str) -> String {
        fs::read_to_string(self.at(&format!("log-{name}"))).unwrap_or_default()
    }

    /// What all processes have said.
    pub fn logs(&self) -> String {
        let mut all = String::new();
        for entry in fs::read_dir(self.directory.path()).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(of) = name.strip_prefix("log-") {
                all.push_str(&format!("--- {of}\n{}", self.log(of)));
            }
        }
        all
    }
}

/// The number of the task that an answer redirects to.
#[track_caller]
pub fn task_of(answer: &str) -> i64 {
    let place = answer.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("location").then_some(value)
    });
    let Some(number) = place.and_then(|place| place.trim().strip_prefix("/tasks/")) else {
        panic!("no task: {answer}");
    };
    number.parse().unwrap()
}

impl Drop for Scene {
    fn drop(&mut self) {
        // A CPI that still waits must end as well.
        let _ = fs::remove_file(self.at("hold"));
        for child in self.running.values_mut() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
