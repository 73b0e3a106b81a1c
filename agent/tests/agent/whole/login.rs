//! A person logs in: the user that the agent makes, the openssh server that init keeps, the openssh
//! client. Afterwards the user is gone.

use std::process::{Command, Output};

use serde_json::json;

use crate::support::until;
use crate::support::vm::Vm;

const USER: &str = "bosh_0123456789abcde";

/// Who there is in a stemcell, as far as sshd asks.
pub(super) fn users(vm: &Vm) {
    let passwd = "root:x:0:0::/root:/bin/sh\nvcap:x:1000:1000::/home/vcap:/bin/sh\n\
        sshd:x:105:65534::/run/sshd:/usr/sbin/nologin\nnobody:x:65534:65534::/:/usr/sbin/nologin\n";
    vm.write("etc/passwd", passwd);
    let groups = "root:x:0:\nshadow:x:42:\nnogroup:x:65534:\nvcap:x:1000:\nadmin:x:997:\n\
        bosh_sshers:x:998:\nbosh_sudoers:x:999:\n";
    vm.write("etc/group", groups);
    // As `warren stemcell build` writes it.
    let only = "AllowGroups bosh_sshers\nPasswordAuthentication no\nPermitRootLogin no\n";
    vm.write("etc/ssh/sshd_config.d/00-bosh.conf", only);
}

struct Client<'a> {
    vm: &'a Vm,
}

impl Client<'_> {
    fn file(&self, name: &str) -> String {
        self.vm.path(name).display().to_string()
    }

    /// Runs a command as this user, with the key, knowing the server by its host key alone.
    fn run(&self, user: &str, command: &str) -> Output {
        self.command(user, command).output().unwrap()
    }

    fn command(&self, user: &str, text: &str) -> Command {
        let known = format!("UserKnownHostsFile={}", self.file("known_hosts"));
        let key = self.file("key");
        let mut command = Command::new("ssh");
        command
            .args(["-F", "none", "-i", &key, "-o", "IdentitiesOnly=yes"])
            .args(["-o", &known, "-o", "StrictHostKeyChecking=yes"])
            .args(["-o", "BatchMode=yes", "-o", "ConnectTimeout=30"])
            .arg(format!("{user}@127.0.0.1"))
            .arg(text)
            .stdin(std::process::Stdio::null());
        command
    }
}

pub(super) fn in_and_out(vm: &Vm) {
    let client = Client { vm };
    let made = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-C", "a@b", "-f"])
        .arg(client.file("key"))
        .status();
    assert!(made.unwrap().success());
    let public_key = vm.read("key.pub");
    let setup = json!(["setup", {"user": USER, "public_key": public_key}]);
    until("the machine has a host key and a server", || {
        std::path::Path::new("/etc/ssh/ssh_host_rsa_key.pub").exists()
            && std::net::TcpStream::connect("127.0.0.1:22").is_ok()
    });
    let answer = vm.director.value("ssh", setup.clone());
    assert_eq!(answer["status"], "success");
    // The director hands this key to the client: it must be that of the server that answers.
    let host_key = answer["host_public_key"].as_str().unwrap();
    vm.write("known_hosts", format!("127.0.0.1 {host_key}"));

    let output = client.run(USER, "id -un; id -Gn; pwd; tty || true");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[0], USER);
    for group in ["vcap", "admin", "bosh_sudoers", "bosh_sshers"] {
        assert!(lines[1].split(' ').any(|each| each == group), "{text}");
    }
    assert_eq!(lines[2], format!("/var/vcap/bosh_ssh/{USER}"));
    // Whoever has a key of their own at home, but is no user for ssh, stays out.
    vm.write("home-vcap", public_key);
    let script = "mkdir -p /home/vcap/.ssh && cp \"$0\" /home/vcap/.ssh/authorized_keys && \
        chown -R vcap /home/vcap && chmod -R go= /home/vcap";
    let output = Command::new("sh")
        .args(["-c", script, &client.file("home-vcap")])
        .output();
    assert!(output.unwrap().status.success());
    assert!(!client.run("vcap", "true").status.success());
    // A session that is open does not keep the user.
    let mut session = client.command(USER, "sleep 1234").spawn().unwrap();
    until("the session is open", || {
        let all = std::fs::read_dir("/proc").unwrap().flatten();
        let mut lines = all.map(|entry| std::fs::read(entry.path().join("cmdline")));
        lines.any(|line| line.is_ok_and(|line| line == b"sleep\x001234\0"))
    });
    let answer = vm.director.value(
        "ssh",
        json!(["cleanup", {"user_regex": format!("^{USER}$")}]),
    );
    assert_eq!(answer, json!({"command": "cleanup", "status": "success"}));
    session.kill().unwrap();
    session.wait().unwrap();
    let output = client.run(USER, "true");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(errors.contains("Permission denied"), "{errors}");
    for file in ["passwd", "group", "shadow"] {
        let text = std::fs::read_to_string(format!("/etc/{file}")).unwrap();
        assert!(!text.contains(USER), "{file}: {text}");
    }
    assert!(!vm.path("var/vcap/bosh_ssh").join(USER).exists());
}
