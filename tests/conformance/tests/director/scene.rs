//! A director with everything that it needs, in namespaces of its own.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_tests_conformance::garden::Server;
use warren_tests_harness::protocol::Program;
use warren_tests_harness::{Output, has_ended, programs};

use crate::release;

/// The address of the sandbox, which machines reach.
pub const ADDRESS: &str = "192.0.2.1";
/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(240);

/// See the module. The director, the bus and all machines end with it.
pub struct Scene {
    pub server: Server,
    /// Whether machines have no password of the blobstore.
    signed_urls: bool,
    director: Option<String>,
    nats: String,
}

impl Scene {
    /// Starts everything and uploads stemcell, release and cloud config.
    #[track_caller]
    pub fn new() -> Self {
        Self::with(true)
    }

    /// As [`new`](Self::new), with machines that have the blobstore's password.
    #[track_caller]
    pub fn with_passwords() -> Self {
        Self::with(false)
    }

    #[track_caller]
    fn with(signed_urls: bool) -> Self {
        let mut server = Server::builder()
            .arguments(&["--allow-host-access"])
            .start();
        server.leave_to_others(server.directory().join("cpi"));
        let mut scene = Self {
            server,
            signed_urls,
            director: None,
            nats: String::new(),
        };
        scene.write_cpi();
        let home = scene.at("home");
        scene.shell(&format!(
            "'{}' serve director --home {} --address {ADDRESS} --prepare",
            programs::warren().display(),
            home.display()
        ));
        scene.start_nats();
        scene.start_director();
        let stemcell = scene.first_stemcell();
        scene.bosh(&["upload-stemcell", stemcell.to_str().unwrap()]);
        release::write(&scene.at("release"));
        let tarball = scene.at("small.tgz");
        scene.shell(&format!(
            "cd {} && '{}' release create --force --tarball {}",
            scene.at("release").display(),
            programs::warren().display(),
            tarball.display()
        ));
        scene.bosh(&["upload-release", tarball.to_str().unwrap()]);
        let cloud = scene.file("cloud.yml", release::CLOUD);
        scene.bosh(&["update-cloud-config", cloud.to_str().unwrap()]);
        scene
    }

    /// A place of the test's.
    pub fn at(&self, name: &str) -> PathBuf {
        self.server.directory().join(name)
    }

    /// Writes a file.
    pub fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.at(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// Makes a release of files by their paths, and uploads it.
    #[track_caller]
    pub fn upload_release(&self, name: &str, files: &[(&str, &str)]) {
        let release = self.at(name);
        for (path, text) in files {
            let path = release.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let tarball = self.at(&format!("{name}.tgz"));
        self.shell(&format!(
            "cd {} && '{}' release create --force --tarball {}",
            release.display(),
            programs::warren().display(),
            tarball.display()
        ));
        self.bosh(&["upload-release", tarball.to_str().unwrap()]);
    }

    fn write_cpi(&self) {
        let config = json!({
            "Warden": {"ConnectNetwork": "unix", "ConnectAddress": self.server.socket()},
            "Actions": {
                "StemcellsDir": self.at("cpi/stemcells"),
                "DisksDir": self.at("cpi/disks"),
                "HostEphemeralBindMountsDir": self.at("cpi/ephemeral"),
                "HostPersistentBindMountsDir": self.at("cpi/persistent"),
                "ExpandStemcellTarball": false,
                "Agent": {"Mbus": format!("nats://{ADDRESS}:4222"), "NTP": [], "Blobstore": {}},
            },
        });
        let config = self.file("cpi.json", &config.to_string());
        let cpi = self.file(
            "cpi.sh",
            &format!(
                "#!/bin/sh\nexec '{}' cpi --config {}\n",
                programs::warren().display(),
                config.display()
            ),
        );
        fs::set_permissions(cpi, fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Starts the bus.
    pub fn start_nats(&mut self) {
        self.nats = self.spawn(&format!(
            "{} -c {}/nats/nats.cfg",
            program("nats-server"),
            self.at("home").display()
        ));
    }

    /// Kills the bus as the kernel would.
    pub fn kill_nats(&mut self) {
        self.kill(&self.nats);
    }

    /// Starts the director and waits until it answers.
    #[track_caller]
    pub fn start_director(&mut self) {
        let pid = self.spawn(&format!(
            "'{}' serve director --home {} --address {ADDRESS} --cpi {} {}",
            programs::warren().display(),
            self.at("home").display(),
            self.at("cpi.sh").display(),
            if self.signed_urls {
                "--signed-urls"
            } else {
                ""
            }
        ));
        self.director = Some(pid);
        let end = Instant::now() + PATIENCE;
        let ask = format!("curl -sk https://{ADDRESS}:25555/info");
        while !self.try_shell(&ask).contains("user_authentication") {
            assert!(Instant::now() < end, "{}", self.log());
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Kills the director as the kernel would.
    pub fn kill_director(&mut self) {
        if let Some(pid) = self.director.take() {
            self.kill(&pid);
        }
    }

    /// Kills a process and waits until what it listened on is free.
    #[track_caller]
    fn kill(&self, pid: &str) {
        self.shell(&format!("kill -9 {pid}"));
        let end = Instant::now() + PATIENCE;
        while !has_ended(pid) {
            assert!(Instant::now() < end, "{pid} lives on");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// What director and bus have said.
    pub fn log(&self) -> String {
        fs::read_to_string(self.at("daemons.log")).unwrap_or_default()
    }

    fn spawn(&self, command: &str) -> String {
        let log = self.at("daemons.log");
        let pid = self.shell(&format!(
            "setsid {command} >>{} 2>&1 </dev/null & echo $!",
            log.display()
        ));
        pid.trim().to_owned()
    }

    /// Runs a command beside the director; what it says.
    #[track_caller]
    pub fn shell(&self, script: &str) -> String {
        let done = self.run(&["sh", "-c", script]);
        assert!(
            done.code == 0,
            "{script}\n{}\n{}\n{}",
            done.stdout,
            done.stderr,
            self.log()
        );
        done.stdout
    }

    /// Runs a program for as long as anything may take here.
    #[track_caller]
    fn run(&self, argv: &[&str]) -> Output {
        self.server.actor().run_program(Program {
            argv: argv.iter().map(|&word| word.to_owned()).collect(),
            env: Vec::new(),
            stdin: String::new(),
            timeout_ms: u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn try_shell(&self, script: &str) -> String {
        self.run(&["sh", "-c", script]).stdout
    }

    /// A secret of the director's.
    pub fn secret(&self, name: &str) -> String {
        let secrets = fs::read(self.at("home/secrets.json")).unwrap();
        let secrets: Value = serde_json::from_slice(&secrets).unwrap();
        secrets[name].as_str().unwrap().to_owned()
    }

    fn bosh_command(&self, arguments: &[&str]) -> String {
        format!(
            "HOME={} BOSH_ENVIRONMENT=https://{ADDRESS}:25555 BOSH_CA_CERT={} BOSH_CLIENT=admin \
             BOSH_CLIENT_SECRET={} BOSH_DEPLOYMENT=small BOSH_NON_INTERACTIVE=true '{}' {}",
            self.at("user").display(),
            self.at("home/certs/ca.crt").display(),
            self.secret("admin_password"),
            programs::warren().display(),
            arguments.join(" ")
        )
    }

    /// Runs a verb of the command line that must succeed; what it prints.
    #[track_caller]
    pub fn bosh(&self, arguments: &[&str]) -> String {
        self.shell(&self.bosh_command(arguments))
    }

    /// Runs a verb that must fail; what it prints.
    #[track_caller]
    pub fn refused(&self, arguments: &[&str]) -> String {
        // After any failure it then names the id of its requests.
        let command = format!("BOSH_LOG_LEVEL=debug {}", self.bosh_command(arguments));
        let done = self.run(&["sh", "-c", &command]);
        assert!(done.code != 0, "{arguments:?} succeeded: {}", done.stdout);
        format!("{}{}", done.stdout, done.stderr)
    }

    /// Deploys a manifest; what it prints.
    #[track_caller]
    pub fn deploy(&self, manifest: &str) -> String {
        let file = self.file("manifest.yml", manifest);
        self.bosh(&["deploy", file.to_str().unwrap()])
    }

    /// Begins to deploy and does not wait.
    pub fn begin_deploy(&self, manifest: &str) {
        let file = self.file("manifest.yml", manifest);
        self.begin(&["deploy", file.to_str().unwrap()]);
    }

    /// Begins a verb and does not wait; what it says is in `begun.log`.
    pub fn begin(&self, arguments: &[&str]) {
        let command = self.bosh_command(arguments);
        self.shell(&format!(
            "setsid sh -c '{command}' >{} 2>&1 </dev/null & echo $!",
            self.at("begun.log").display()
        ));
    }

    /// Waits for something that becomes so; `what` is for who reads that it did not.
    #[track_caller]
    pub fn wait(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let end = Instant::now() + PATIENCE;
        while !is_so() {
            let begun = fs::read_to_string(self.at("begun.log")).unwrap_or_default();
            assert!(Instant::now() < end, "{what}\n{begun}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until no task is going on or about to.
    #[track_caller]
    pub fn settle(&self) {
        self.wait("tasks go on for ever", || {
            let tasks = self.bosh(&["tasks"]);
            !["queued", "processing", "cancelling"]
                .iter()
                .any(|state| tasks.contains(state))
        });
    }

    /// Waits until the deploy that was begun does something.
    #[track_caller]
    pub fn wait_until_begun(&self, what: &str) {
        self.wait(what, || {
            fs::read_to_string(self.at("begun.log")).is_ok_and(|text| text.contains(what))
        });
    }

    /// The rows of a verb's first table.
    #[track_caller]
    pub fn rows(&self, arguments: &[&str]) -> Vec<Value> {
        let arguments = [arguments, &["--json"]].concat();
        let document: Value = serde_json::from_str(&self.bosh(&arguments)).unwrap();
        document["Tables"][0]["Rows"]
            .as_array()
            .cloned()
            .unwrap_or_default()
    }

    /// Machines by the name of their instance.
    pub fn by_instance(&self) -> BTreeMap<String, String> {
        let text = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let rows = self.rows(&["vms"]);
        rows.iter()
            .map(|row| (text(row, "instance"), text(row, "vm_cid")))
            .collect()
    }

    /// Every machine runs, and there are so many.
    #[track_caller]
    pub fn assert_running(&self, count: usize) {
        let rows = self.rows(&["vms"]);
        assert_eq!(rows.len(), count, "{rows:?}");
        for row in rows {
            assert_eq!(row["process_state"], "running", "{row}");
        }
    }

    /// Waits until every machine runs, and there are so many.
    #[track_caller]
    pub fn wait_until_running(&self, count: usize) {
        self.wait("machines do not run", || {
            let rows = self.rows(&["vms"]);
            rows.len() == count && rows.iter().all(|row| row["process_state"] == "running")
        });
    }

    /// The machine of the instance with this number in group `web`.
    #[track_caller]
    pub fn web(&self, index: usize) -> String {
        let rows = self.rows(&["instances", "--details"]);
        let index = index.to_string();
        let found = rows.iter().find(|row| {
            row["index"].as_str() == Some(&index)
                && row["instance"].as_str().unwrap().starts_with("web/")
        });
        let row = found.unwrap_or_else(|| panic!("no web/{index} in {rows:?}"));
        row["vm_cid"].as_str().unwrap().to_owned()
    }

    /// Runs a command in a machine, as root.
    #[track_caller]
    pub fn inside(&self, cid: &str, script: &str) -> String {
        let done = self.run(&[
            programs::warren().to_str().unwrap(),
            "container",
            "--target",
            &self.server.socket().display().to_string(),
            "run",
            "--attach",
            cid,
            "--",
            "/bin/sh",
            "-c",
            script,
        ]);
        assert!(done.code == 0, "{script}: {}{}", done.stdout, done.stderr);
        done.stdout
    }

    /// What a machine knows of the blobstore: all that its agent keeps.
    #[track_caller]
    pub fn kept(&self, cid: &str) -> String {
        self.inside(cid, "cat /var/vcap/bosh/*.json")
    }

    /// What the blobstore answers whoever has neither password nor signature and asks for a blob that there
    /// is, or puts one: `GET PUT` at its path, and at that of signed URLs.
    #[track_caller]
    pub fn without_password(&self) -> String {
        let blob = self.shell(&format!(
            "cd {} && ls -d ??/* | head -1",
            self.at("home/blobs").display()
        ));
        let url = |place: &str| format!("https://{ADDRESS}:25250/{place}{}", blob.trim());
        let status = |options: &str, place: &str| {
            let format = "-sk -o /dev/null -w '%{http_code}'";
            self.shell(&format!("curl {format} {options} {}", url(place)))
        };
        let put = "-X PUT -d x";
        format!(
            "{} {} {} {}",
            status("", ""),
            status(put, ""),
            status("", "signed/"),
            status(put, "signed/")
        )
    }

    /// Ids of all machines of the deployment.
    pub fn machines(&self) -> Vec<String> {
        let text = self.bosh(&["vms", "--json"]);
        let document: Value = serde_json::from_str(&text).unwrap();
        document["Tables"][0]["Rows"]
            .as_array()
            .map(|rows| {
                rows.iter()
                    .filter_map(|row| Some(row["vm_cid"].as_str()?.to_owned()))
                    .collect()
            })
            .unwrap_or_default()
    }

    /// The stemcell of every scene, of version 1.1. It is made once, which takes seconds.
    fn first_stemcell(&self) -> PathBuf {
        static MADE: OnceLock<Vec<u8>> = OnceLock::new();
        let stemcell = self.at("stemcell.tgz");
        let bytes = MADE.get_or_init(|| fs::read(self.stemcell("1.1")).unwrap());
        fs::write(&stemcell, bytes).unwrap();
        stemcell
    }

    /// A stemcell of busybox and this executable, of a version.
    pub fn stemcell(&self, version: &str) -> PathBuf {
        let root = self.server.rootfs.root();
        // Scripts of releases ask for bash; what they use of it here, busybox has.
        let bash = root.join("bin/bash");
        if !bash.exists() {
            fs::write(&bash, "#!/bin/sh\nexec /bin/busybox sh \"$@\"\n").unwrap();
            fs::set_permissions(&bash, fs::Permissions::from_mode(0o755)).unwrap();
        }
        let stemcell = self.at(&format!("stemcell-{version}.tgz"));
        let built = Command::new(programs::warren())
            .args(["stemcell", "build", "--directory"])
            .arg(root)
            .args([
                "--name",
                "tiny",
                "--os",
                "tiny",
                "--version",
                version,
                "--executable",
            ])
            .arg(programs::small_warren())
            .arg("--output")
            .arg(&stemcell)
            .output()
            .unwrap();
        assert!(
            built.status.success(),
            "{}",
            String::from_utf8_lossy(&built.stderr)
        );
        stemcell
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        if let Some(pid) = self.director.take() {
            self.try_shell(&format!("kill {pid}"));
        }
        self.try_shell(&format!("kill {}", self.nats));
    }
}

fn program(name: &str) -> String {
    ["/usr/sbin", "/usr/bin", "/usr/local/bin"]
        .iter()
        .map(|directory| Path::new(directory).join(name))
        .find(|path| path.exists())
        .unwrap_or_else(|| panic!("{name} is missing: apt-get install {name}"))
        .display()
        .to_string()
}
