//! A machine with a name server: a network namespace, files, and the process.

use std::fs;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;
use warren_tests_harness::{NetNs, programs};

use crate::wire::{self, Said};

/// Where it answers.
pub const SERVER: &str = "169.254.0.2:53";
/// Longer than anything here takes.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// See the module. Everything ends with it.
pub struct World {
    pub net: NetNs,
    pub directory: TempDir,
    process: Option<Child>,
}

impl World {
    /// Files, and no process yet.
    pub fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // The process that answers is nobody.
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::create_dir(directory.path().join("jobs")).unwrap();
        let world = Self {
            net: NetNs::new(),
            directory,
            process: None,
        };
        world.write("group", "root:x:0:\nvcap:x:1000:\n");
        world.write("resolv.conf", "search example.com\n");
        world.instances(1, &[("uuid-a", "10.0.0.1"), ("uuid-b", "10.0.0.2")]);
        world
    }

    /// One that answers.
    pub fn started() -> Self {
        let mut world = Self::new();
        world.start();
        world
    }

    pub fn at(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file in one step, as the agent does.
    pub fn write(&self, name: &str, text: &str) {
        let (path, new) = (self.at(name), self.at(&format!("{name}.new")));
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&new, text).unwrap();
        fs::rename(new, path).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    /// Writes records: a group `web` with these instances.
    pub fn instances(&self, version: u64, instances: &[(&str, &str)]) {
        let row = |at: usize, id: &str, ip: &str| {
            json!([
                id,
                format!("{at}"),
                "web",
                ["3"],
                "z1",
                "1",
                "default",
                "1",
                "dep",
                ip,
                "bosh",
                null,
                at
            ])
        };
        let rows: Vec<Value> = instances
            .iter()
            .enumerate()
            .map(|(at, (id, ip))| row(at, id, ip))
            .collect();
        let pairs: Vec<Value> = instances
            .iter()
            .map(|(id, ip)| json!([ip, format!("{id}.web.default.dep.bosh")]))
            .collect();
        let document = json!({
            "version": version, "records": pairs, "record_infos": rows, "aliases": {},
            "record_keys": ["id", "num_id", "instance_group", "group_ids", "az", "az_id", "network",
                "network_id", "deployment", "ip", "domain", "agent_id", "instance_index"],
        });
        self.write("records.json", &document.to_string());
    }

    /// The command line of the name server.
    pub fn arguments(&self, resolv_conf: &str) -> Vec<String> {
        [
            "serve",
            "dns",
            "--records",
            self.at("records.json").to_str().unwrap(),
            "--jobs",
            self.at("jobs").to_str().unwrap(),
            "--resolv-conf",
            resolv_conf,
            "--groups",
            self.at("group").to_str().unwrap(),
        ]
        .map(str::to_owned)
        .to_vec()
    }

    /// Starts it and does not wait.
    pub fn launch(&mut self) {
        let resolv_conf = self.at("resolv.conf");
        let mut command = Command::new(programs::warren());
        command.args(self.arguments(resolv_conf.to_str().unwrap()));
        self.launch_this(command);
    }

    /// Starts a command in the machine, as the name server.
    pub fn launch_this(&mut self, mut command: Command) {
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.at("log"))
            .unwrap();
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log);
        self.process = Some(self.net.inside(|| command.spawn().unwrap()));
    }

    /// Starts it and waits until the system uses it, and it answers.
    pub fn start(&mut self) {
        let before = self.read("log").matches("answering on").count();
        self.launch();
        self.until("it is used, and answers", || {
            let log = self.read("log");
            log.matches("answering on").count() > before
                && self
                    .read("resolv.conf")
                    .contains("nameserver 169.254.0.2\n")
        });
    }

    /// The process: of root at first, of nobody when it answers.
    pub fn process(&self) -> Pid {
        Pid::from_child(self.process.as_ref().unwrap())
    }

    /// Waits for its end; its exit code.
    pub fn ended(&mut self) -> Option<i32> {
        let mut process = self.process.take().unwrap();
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = process.try_wait().unwrap() {
                return status.code();
            }
            assert!(
                Instant::now() < end,
                "it does not end\n{}",
                self.read("log")
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Kills it.
    pub fn kill(&mut self) {
        kill_process(self.process(), Signal::KILL).unwrap();
        assert_eq!(self.ended(), None);
    }

    /// Ends it in order.
    pub fn stop(&mut self) {
        kill_process(self.process(), Signal::TERM).unwrap();
        assert_eq!(self.ended(), Some(0), "{}", self.read("log"));
    }

    #[track_caller]
    pub fn until(&self, what: &str, is: impl Fn() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is() {
            assert!(
                Instant::now() < end,
                "not in time: {what}\n{}",
                self.read("log")
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A socket of a client.
    pub fn client(&self) -> UdpSocket {
        self.net.inside(|| UdpSocket::bind("0.0.0.0:0").unwrap())
    }

    /// Asks over UDP.
    #[track_caller]
    pub fn ask(&self, name: &str, kind: u16) -> Said {
        let asked = wire::query(7, name, kind);
        let said = wire::udp(&self.client(), server(), &asked, PATIENCE);
        said.unwrap_or_else(|| panic!("no answer for {name}\n{}", self.read("log")))
    }

    /// A connection.
    pub fn connect(&self) -> TcpStream {
        self.net.inside(|| TcpStream::connect(SERVER).unwrap())
    }

    /// Asks over a connection.
    #[track_caller]
    pub fn ask_tcp(&self, name: &str, kind: u16) -> Said {
        wire::tcp(&mut self.connect(), &wire::query(8, name, kind)).unwrap()
    }
}

pub fn server() -> SocketAddr {
    SERVER.parse().unwrap()
}

impl Drop for World {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            let _ = kill_process(Pid::from_child(&process), Signal::TERM);
            let _ = process.wait();
        }
    }
}
