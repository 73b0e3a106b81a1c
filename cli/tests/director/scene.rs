//! Two instances with a real `sshd`, and the director that makes users on them.
//!
//! All of it is in namespaces of its own: a test starts itself again in them, and that one gives the
//! loopback interface the instances' addresses and starts `sshd` on them. A user is a line in
//! `/etc/passwd`, which is a copy, and a key in a directory of the test's.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::server::{Ran, Server, started};

/// Says that a test is inside.
const INSIDE: &str = "WARREN_TEST_INSIDE";
pub const FIRST: &str = "9e53905a-4b45-4b55-9d58-3e6e9bb92794";
pub const SECOND: &str = "c89822e6-a3f6-45d5-99a1-998fe2ad65d9";
const PATIENCE: Duration = Duration::from_secs(30);

/// Runs this test inside namespaces, unless it is in them; whether it is.
pub fn is_inside(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let output = Command::new("unshare")
        .args([
            "--net",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--mount-proc",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", test, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(
        output.status.success() && text.contains("1 passed"),
        "{text}"
    );
    false
}

pub fn shell(line: &str) {
    let output = Command::new("sh").args(["-ec", line]).output().unwrap();
    assert!(output.status.success(), "{line}: {output:?}");
}

pub struct Scene {
    pub server: Server,
    /// Directory of all files of the test's.
    pub top: PathBuf,
    _daemon: Child,
}

impl Scene {
    pub fn new() -> Self {
        let server = Server::new();
        let top = server.at("");
        let top = top.as_path();
        let at = top.display();
        assert!(
            Path::new("/usr/sbin/sshd").exists(),
            "sshd is missing: apt-get install openssh-server"
        );
        let sudo = "#!/bin/sh\nexec \"$@\"\n";
        let config = format!(
            "HostKey {at}/host_key\nAuthorizedKeysFile {at}/keys/%u\nStrictModes no\nUsePAM no\n\
            PidFile none\nPasswordAuthentication no\nSubsystem sftp internal-sftp\n\
            SetEnv PATH={at}/bin:/usr/bin:/bin\n"
        );
        for directory in ["keys", "bin", "home", "var/log", "var/vcap/sys/log/zk"] {
            fs::create_dir_all(top.join(directory)).unwrap();
        }
        fs::write(top.join("sshd_config"), config).unwrap();
        fs::write(top.join("bin/sudo"), sudo).unwrap();
        fs::set_permissions(top.join("bin/sudo"), PermissionsExt::from_mode(0o755)).unwrap();
        fs::set_permissions(top, PermissionsExt::from_mode(0o755)).unwrap();
        fs::write(top.join("var/log/lastlog"), "").unwrap();
        fs::write(top.join("var/vcap/sys/log/zk/zk.stdout.log"), "one\ntwo\n").unwrap();
        // A checkout may be below /var.
        let programs = Path::new(env!("CARGO_BIN_EXE_warren")).parent().unwrap();
        let programs = programs.display();
        shell(&format!(
            "ip link set lo up; ip addr add 10.244.0.2/32 dev lo; ip addr add 10.244.0.4/32 dev lo
            cp /etc/passwd {at}/passwd; mount --bind {at}/passwd /etc/passwd
            grep -q ^sshd: /etc/passwd || echo 'sshd:*:104:65534::/run/sshd:/usr/sbin/nologin' >>/etc/passwd
            mount -t tmpfs tmpfs /run; mkdir -m 755 /run/sshd
            exec 9<{programs}; mount --bind {at}/var /var
            [ -d {programs} ] || {{ mkdir -p {programs}; mount -c --bind /proc/self/fd/9 {programs}; }}; exec 9<&-
            ssh-keygen -q -t rsa -b 2048 -N '' -f {at}/host_key; ssh-keygen -q -t rsa -b 2048 -N '' -f {at}/mine"
        ));
        let daemon = Command::new("/usr/sbin/sshd")
            .args(["-D", "-e", "-f"])
            .arg(top.join("sshd_config"))
            .stdin(Stdio::null())
            .stderr(fs::File::create(top.join("sshd.log")).unwrap())
            .spawn()
            .unwrap();
        let scene = Self {
            server,
            top: top.to_owned(),
            _daemon: daemon,
        };
        scene.wait("sshd", || {
            std::net::TcpStream::connect("10.244.0.2:22").is_ok()
        });
        scene.be_director();
        scene
    }

    #[track_caller]
    pub fn wait(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            let log = fs::read_to_string(self.top.join("sshd.log")).unwrap_or_default();
            assert!(begun.elapsed() < PATIENCE, "{what}: {log}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub fn answer(&self, name: &str, id: &str, ip: &str) -> Value {
        let key = fs::read_to_string(self.top.join("host_key.pub")).unwrap();
        let key: Vec<&str> = key.split(' ').take(2).collect();
        json!({"command": "setup", "status": "success", "ip": ip, "id": id, "index": 0, "job": name,
            "host_public_key": format!("{} \n", key.join(" "))})
    }

    /// Users come when they are asked for, and go.
    fn be_director(&self) {
        let hosts = json!([
            self.answer("zookeeper", FIRST, "10.244.0.2"),
            self.answer("zookeeper", SECOND, "10.244.0.4"),
        ]);
        let one = json!([self.answer("zookeeper", FIRST, "10.244.0.2")]);
        self.server
            .has_task(94, "done", "", &hosts.to_string())
            .has_task(95, "done", "", "")
            .has_task(96, "done", "", &one.to_string());
        let top = self.top.clone();
        self.server.does(move |asked| {
            if !asked.line.ends_with("/ssh") {
                return;
            }
            let body: Value = serde_json::from_slice(&asked.body).unwrap();
            let params = &body["params"];
            match body["command"].as_str().unwrap() {
                "setup" => {
                    let user = params["user"].as_str().unwrap();
                    let mut passwd = fs::OpenOptions::new()
                        .append(true)
                        .open("/etc/passwd")
                        .unwrap();
                    let home = top.join("home");
                    writeln!(passwd, "{user}:*:0:0::{}:/bin/sh", home.display()).unwrap();
                    fs::write(
                        top.join("keys").join(user),
                        params["public_key"].as_str().unwrap(),
                    )
                    .unwrap();
                }
                _ => {
                    let user = params["user_regex"]
                        .as_str()
                        .unwrap()
                        .trim_start_matches('^');
                    fs::remove_file(top.join("keys").join(user)).unwrap();
                }
            }
        });
    }

    /// The next verb means both instances, or the first alone.
    pub fn expects(&self, task: u64) {
        self.server.forgets("POST /deployments/zookeeper/ssh");
        self.server
            .says("POST /deployments/zookeeper/ssh", started(task));
        self.server
            .says("POST /deployments/zookeeper/ssh", started(95));
    }

    #[track_caller]
    pub fn run(&self, task: u64, words: &[&str]) -> Ran {
        self.expects(task);
        let ran = self
            .server
            .run(&[&["--tty", "-d", "zookeeper"], words].concat());
        self.has_cleaned_up();
        ran
    }

    #[track_caller]
    pub fn has_cleaned_up(&self) {
        let all = fs::read_dir(self.top.join("keys")).unwrap();
        let all = all.map(|one| one.unwrap().file_name().into_string().unwrap());
        let left: Vec<String> = all.filter(|name| name.starts_with("bosh_")).collect();
        assert!(left.is_empty(), "users are left: {left:?}");
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.top.join("sshd.log")).unwrap()
    }
}
