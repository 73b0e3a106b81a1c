//! A VM's root directory, and an agent in it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use warren_agent::digest::of_bytes;
use warren_agent::firewall::Mode;
use warren_agent::monit::reload::Ways;
use warren_agent::serve::{Options, Running, start};
use warren_wire_agent::digest::Algorithm;

use super::certificates::{AGENT, bootstrap_name, certificates, permanent_name};
use super::nats::{Director, Nats};
use super::supervisor::Supervisor;

/// Files, bus, supervisor, director, but no agent yet. Fields are dropped in order: who writes files, then
/// where they are.
pub struct Vm {
    pub nats: Nats,
    pub supervisor: Supervisor,
    pub director: Director,
    pub directory: tempfile::TempDir,
}

impl Vm {
    pub fn new() -> Self {
        Self::on(Nats::start(&[bootstrap_name(), permanent_name()]))
    }

    pub fn on(nats: Nats) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let vcap = directory.path().join("var/vcap");
        for path in ["bosh", "monit", "blobstore"] {
            std::fs::create_dir_all(vcap.join(path)).unwrap();
        }
        for path in ["etc/ssh", "etc/logrotate.d", "var/log", "home"] {
            std::fs::create_dir_all(directory.path().join(path)).unwrap();
        }
        let supervisor = Supervisor::start(vcap);
        let director = Director::connect(&nats);
        let vm = Self {
            directory,
            nats,
            supervisor,
            director,
        };
        let source =
            json!({"Type": "File", "SettingsPath": "/var/vcap/bosh/warden-cpi-agent-env.json"});
        let config = json!({"Platform": {"Linux": {"SkipDiskSetup": true}},
            "Infrastructure": {"Settings": {"Sources": [source]}}});
        vm.write("var/vcap/bosh/agent.json", config.to_string());
        vm.write(
            "etc/passwd",
            "root:x:0:0::/root:/bin/sh\nvcap:x:1000:1000::/home/vcap:/bin/sh\n",
        );
        vm.write("etc/group", "root:x:0:\nvcap:x:1000:\nbosh_sshers:x:998:\n");
        vm.write("etc/shadow", "root:*:1::::::\nvcap:*:1::::::\n");
        vm.write("etc/gshadow", "root:*::\nvcap:*::\nbosh_sshers:!::\n");
        vm.write("etc/ssh/ssh_host_rsa_key.pub", "ssh-rsa HOSTKEY root@x\n");
        vm.write_settings(&vm.settings());
        vm
    }

    /// Settings as a Warden CPI writes them.
    pub fn settings(&self) -> Value {
        let pair = certificates().pair(&bootstrap_name());
        json!({
            "agent_id": AGENT, "vm": {"name": "vm-1", "id": "vm-1"}, "mbus": self.nats.url(), "ntp": [],
            "networks": {"default": {"type": "manual", "ip": "10.244.0.2", "netmask": "255.255.255.0",
                "gateway": "10.244.0.1", "dns": ["10.255.255.53"], "default": ["dns", "gateway"],
                "routes": null, "mac": "", "preconfigured": true}},
            "disks": {"system": "", "ephemeral": null, "persistent": {}},
            "env": {"bosh": {"mbus": {"cert": pair}, "password": "$6$salt$hash",
                "blobstores": [{"provider": "local",
                    "options": {"blobstore_path": "/var/vcap/blobstore"}}]}},
        })
    }

    pub fn write_settings(&self, settings: &Value) {
        self.write(
            "var/vcap/bosh/warden-cpi-agent-env.json",
            settings.to_string(),
        );
    }

    pub fn path(&self, path: &str) -> PathBuf {
        self.directory.path().join(path)
    }

    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    #[track_caller]
    pub fn read(&self, path: &str) -> String {
        std::fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    pub fn mode(&self, path: &str) -> u32 {
        use std::os::unix::fs::PermissionsExt;
        self.path(path).metadata().unwrap().permissions().mode() & 0o7777
    }

    /// Puts a blob into the blobstore; the answer is its digest.
    pub fn blob(&self, id: &str, content: &[u8]) -> String {
        self.write(&format!("var/vcap/blobstore/{id}"), content);
        of_bytes(Algorithm::Sha256, content).to_string()
    }

    pub fn options(&self) -> Options {
        options(self.directory.path(), &self.supervisor.place)
    }

    pub fn start(&self) -> Running {
        start(&self.options()).unwrap()
    }

    /// With an agent that answers.
    pub fn started() -> (Self, Running) {
        let vm = Self::new();
        let running = vm.start();
        vm.director.ping();
        (vm, running)
    }
}

pub fn options(root: &Path, monit: &str) -> Options {
    Options {
        root: root.to_owned(),
        patience: Duration::from_secs(30),
        hopeless_after: Duration::from_secs(1),
        firewall: Mode::Off,
        monit: monit.to_owned(),
        reload: Ways::default(),
        alerts: None,
        ..Options::new(root.join("var/vcap/bosh/agent.json"))
    }
}

/// A job's program.
pub fn executable(vm: &Vm, path: &str, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    vm.write(path, format!("#!/bin/bash\n{text}\n"));
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(vm.path(path), mode).unwrap();
}
