//! A Garden server, a CPI configured for it, a stemcell, and calls.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Server, Sink, shell};
use warren_tests_harness::{NetNs, programs};

/// What starts the services of the test's stemcell: leaves its environment, says that it began, and
/// stays.
const STARTER: &str = "#!/bin/sh
mkdir -p /var/vcap/bosh/log
env >/tmp/environment
echo started >>/var/vcap/bosh/log/current
exec sleep 1000000
";

const PATIENCE: Duration = Duration::from_secs(30);

/// See the module.
pub struct Scene {
    pub server: Server,
    count: AtomicU32,
}

impl Scene {
    /// With disks of a kind: `auto`, `file`, `directory`.
    #[track_caller]
    pub fn new(disks: &str) -> Self {
        Self::at_server(Server::new(), disks)
    }

    /// Beside a server that was started with wishes.
    #[track_caller]
    pub fn at_server(server: Server, disks: &str) -> Self {
        let at = |name: &str| server.directory().join("cpi").join(name);
        fs::create_dir(server.directory().join("cpi")).unwrap();
        let config = json!({
            "Warden": {"ConnectNetwork": "unix", "ConnectAddress": server.socket()},
            "Actions": {
                "StemcellsDir": at("stemcells"),
                "DisksDir": at("disks"),
                "HostEphemeralBindMountsDir": at("ephemeral"),
                "HostPersistentBindMountsDir": at("persistent"),
                "GuestEphemeralBindMountPath": "/var/vcap/data",
                "GuestPersistentBindMountsDir": "/warden-cpi-dev",
                "ExpandStemcellTarball": false,
                "DiskKind": disks,
                "Agent": {"Mbus": "nats://10.254.50.4:4222", "NTP": [], "Blobstore": {}},
            },
        });
        fs::write(server.directory().join("cpi.json"), config.to_string()).unwrap();
        Self {
            server,
            count: AtomicU32::new(0),
        }
    }

    /// A place of the CPI's.
    pub fn at(&self, path: &str) -> PathBuf {
        self.server.directory().join("cpi").join(path)
    }

    /// The shell command that makes a call, its answer in a file.
    pub fn command(&self, request: &Value) -> (String, PathBuf) {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let file = |name: &str| self.server.directory().join(format!("{name}-{number}"));
        let (input, output) = (file("request"), file("answer"));
        fs::write(&input, request.to_string()).unwrap();
        let command = format!(
            "exec '{}' cpi -configPath={} <{} >{}",
            programs::warren().display(),
            self.server.directory().join("cpi.json").display(),
            input.display(),
            output.display()
        );
        (command, output)
    }

    /// Makes a call; the whole answer.
    #[track_caller]
    pub fn raw(&self, request: &Value) -> Value {
        let (command, output) = self.command(request);
        self.server.actor().run(&["sh", "-c", &command]).success();
        let answer: Value = serde_json::from_slice(&fs::read(output).unwrap()).unwrap();
        assert!(answer["log"].is_string(), "{answer}");
        assert!(
            answer.get("result").is_some() && answer.get("error").is_some(),
            "{answer}"
        );
        answer
    }

    /// Makes a call of version 2 that must succeed; its result.
    #[track_caller]
    pub fn call(&self, method: &str, arguments: Value) -> Value {
        let answer = self.raw(&request(method, arguments));
        assert_eq!(
            answer["error"],
            Value::Null,
            "{method}: {answer}\n{}",
            self.server.log()
        );
        answer["result"].clone()
    }

    /// Makes one that must fail: type without its prefix, message, and whether to try again.
    #[track_caller]
    pub fn refused(&self, method: &str, arguments: Value) -> (String, String, bool) {
        let answer = self.raw(&request(method, arguments));
        let error = &answer["error"];
        let kind = error["type"]
            .as_str()
            .unwrap_or_else(|| panic!("{method}: {answer}"));
        assert_eq!(answer["result"], Value::Null);
        (
            kind.trim_start_matches("Bosh::Clouds::").to_owned(),
            error["message"].as_str().unwrap().to_owned(),
            error["ok_to_retry"].as_bool().unwrap(),
        )
    }

    /// Takes a stemcell of busybox, in gzip, with or without something that starts services.
    #[track_caller]
    pub fn stemcell(&self, with_starter: bool) -> String {
        let image = self.image(with_starter);
        let cid = self.call("create_stemcell", json!([image, {"name": "busybox"}]));
        cid.as_str().unwrap().to_owned()
    }

    /// The image of such a stemcell.
    #[track_caller]
    pub fn image(&self, with_starter: bool) -> PathBuf {
        let archive = self.archive(with_starter);
        let image = archive.with_file_name("image");
        let packed = Command::new("gzip")
            .arg("-nc")
            .arg(&archive)
            .output()
            .unwrap();
        assert!(packed.status.success());
        fs::write(&image, packed.stdout).unwrap();
        image
    }

    /// The same as a plain archive.
    #[track_caller]
    pub fn archive(&self, with_starter: bool) -> PathBuf {
        let root = self.server.rootfs.root();
        let starter = root.join("usr/sbin/runsvdir-start");
        match with_starter {
            true => {
                fs::write(&starter, STARTER).unwrap();
                fs::set_permissions(&starter, fs::Permissions::from_mode(0o755)).unwrap();
            }
            false => drop(fs::remove_file(&starter)),
        }
        let name = format!("stemcell-{with_starter}");
        let directory = self.server.directory().join(name);
        fs::create_dir_all(&directory).unwrap();
        let archive = directory.join("root.tar");
        let made = Command::new("tar")
            .args(["--numeric-owner", "--mtime=@0", "--sort=name", "-cf"])
            .arg(&archive)
            .arg("-C")
            .arg(&root)
            .arg(".")
            .status();
        assert!(made.unwrap().success());
        archive
    }

    /// Makes a machine at an address; its id.
    #[track_caller]
    pub fn vm(&self, stemcell: &str, ip: &str) -> String {
        let result = self.call("create_vm", create_vm(stemcell, ip, json!({})));
        result[0].as_str().unwrap().to_owned()
    }

    /// Runs a script in a machine; what it says if it succeeds.
    #[track_caller]
    pub fn says(&self, cid: &str, script: &str) -> Result<String, String> {
        let (out, errors) = (Sink::default(), Sink::default());
        let streams = Streams {
            stdin: None,
            stdout: Some(Box::new(out.clone())),
            stderr: Some(Box::new(errors.clone())),
        };
        let process = self
            .server
            .client()
            .run(cid, &shell("root", script), streams)
            .unwrap();
        match process.wait().unwrap() {
            0 => Ok(out.text().trim_end().to_owned()),
            status => Err(format!("{status}: {}", errors.text())),
        }
    }

    /// A machine's network.
    #[track_caller]
    pub fn network(&self, cid: &str) -> NetNs {
        let link = self.says(cid, "readlink /proc/self/ns/net").unwrap();
        let number = link.trim_matches(|c: char| !c.is_ascii_digit());
        NetNs::numbered(number.parse().unwrap())
    }

    /// Settings as the machine's agent sees them.
    #[track_caller]
    pub fn settings(&self, cid: &str) -> Value {
        let text = self
            .says(cid, "cat /var/vcap/bosh/warden-cpi-agent-env.json")
            .unwrap();
        serde_json::from_str(&text).unwrap()
    }

    /// Nothing is left of any machine: containers, mounts, directories, marks, loop devices.
    #[track_caller]
    pub fn assert_no_machines(&self) {
        let containers = self.server.client().list(&Default::default()).unwrap();
        assert_eq!(containers, Vec::<String>::new());
        let mounts = self.server.actor().read("/proc/self/mountinfo");
        let base = self.at("").display().to_string();
        let left: Vec<&str> = mounts.lines().filter(|line| line.contains(&base)).collect();
        assert_eq!(left, Vec::<&str>::new());
        for place in [
            "ephemeral",
            "ephemeral/.making",
            "persistent",
            "persistent/.guest",
            "persistent/.locks",
        ] {
            let names = names(&self.at(place));
            assert_eq!(names, Vec::<String>::new(), "in {place}");
        }
        // Whoever looks at new devices of a machine may hold one a moment longer.
        let look = ["sh", "-c", "cat /sys/block/loop*/loop/backing_file; true"];
        let devices = || self.server.actor().run(&look).stdout;
        let deadline = Instant::now() + PATIENCE;
        while devices().contains(&base) {
            assert!(Instant::now() < deadline, "{}", devices());
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Entries of a directory, but for hidden ones; none if it is not there.
pub fn names(path: &Path) -> Vec<String> {
    let list = fs::read_dir(path).into_iter().flatten().flatten();
    let names = list.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| !name.starts_with('.')).collect()
}

/// A request of version 2.
pub fn request(method: &str, arguments: Value) -> Value {
    let context = json!({"director_uuid": "d", "request_id": "cpi-1"});
    json!({"method": method, "arguments": arguments, "context": context, "api_version": 2})
}

/// Arguments of `create_vm`.
pub fn create_vm(stemcell: &str, ip: &str, properties: Value) -> Value {
    let network = json!({"type": "manual", "ip": ip, "prefix": "32", "netmask": "255.255.255.0",
        "cloud_properties": {}, "default": ["dns", "gateway"], "dns": ["192.0.2.2"],
        "gateway": "10.244.0.1"});
    let env = json!({"bosh": {"password": "x", "group": "g"}, "more": 1});
    json!(["agent-1", stemcell, properties, {"default": network}, [], env])
}
