//! What goes over a root file system to make a stemcell of it, and what of it is left out.
//!
//! ```text
//! /var/vcap/bosh/bin/warren          the executable; bosh-agent, bpm, monit ... are links to it
//! /var/vcap/bosh/etc/ agent.json     what agents read
//! /var/vcap/monit/ micro_bosh/       where the supervisor and a nested director keep things
//! /warden-cpi-dev                    where the CPI mounts disks
//! /sbin/init, /usr/sbin/runsvdir-start   links: the first process, started either way by CPIs
//! vcap 1000, bosh_sshers, bosh_sudoers, admin ...   in /etc/passwd and its kin
//! ```
//!
//! There is no `/var/vcap/data`: the CPI mounts it. Source: `docs/contract/release.md`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use warren_wire_release::check_name;

use super::accounts::User;
use super::{Error, Facts};

/// Where the executable is.
const BIN: &str = "var/vcap/bosh/bin";
/// Names under which it is called there.
const NAMES: [&str; 4] = ["bosh-agent", "bpm", "monit", "bosh-enable-monit-access"];
/// What agents and jobs call, and that has nothing to do in a container.
const NOTHING: [&str; 5] = [
    "bosh-agent-rc",
    "bosh-start-logging-and-auditing",
    "restart_networking",
    "setup-logrotate.sh",
    "sync-time",
];
const AGENT_JSON: &str = r#"{"Platform":{"Linux":{"UseDefaultTmpDir":true,"UsePreformattedPersistentDisk":true,"BindMountPersistentDisk":true,"SkipDiskSetup":true}},"Infrastructure":{"Settings":{"Sources":[{"Type":"File","SettingsPath":"/var/vcap/bosh/warden-cpi-agent-env.json"}]}}}
"#;
const MONITRC: &str = "set daemon 10
set logfile /var/vcap/monit/monit.log

set httpd port 2822 and use address 127.0.0.1
  allow cleartext /var/vcap/monit/monit.user

include /var/vcap/monit/*.monitrc
include /var/vcap/monit/job/*.monitrc
";
const SUDOERS: &str = "Defaults env_reset
Defaults secure_path=\"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin\"
root ALL=(ALL:ALL) ALL
#includedir /etc/sudoers.d
";
const SSHD: &str = "AllowGroups bosh_sshers
PasswordAuthentication no
PermitRootLogin no
";
const HOSTS: &str = "127.0.0.1 localhost
::1 localhost ip6-localhost ip6-loopback
";
/// Directories that are kept without what is in them.
pub(super) const EMPTIED: [&str; 10] = [
    "dev",
    "proc",
    "run",
    "sys",
    "tmp",
    "var/cache/apt",
    "var/cache/ldconfig",
    "var/lib/apt/lists",
    "var/log/apt",
    "var/tmp",
];
/// Files that are left out: made anew on each machine, or by each build.
pub(super) const LEFT_OUT: [&str; 5] = [
    "etc/.pwd.lock",
    "var/log/alternatives.log",
    "var/log/bootstrap.log",
    "var/log/dpkg.log",
    "var/lib/dpkg/lock",
];

/// Something that goes over the root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Put {
    /// What it is.
    pub node: Node,
    /// Its rights.
    pub mode: u32,
    /// Its owner.
    pub uid: u32,
    /// Its group.
    pub gid: u32,
}

/// What goes over the root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Node {
    /// A directory; one that is there keeps what is in it.
    Directory,
    /// A file with this content.
    Bytes(Vec<u8>),
    /// A file with the content of one outside.
    Copy(PathBuf),
    /// A symbolic link.
    Symlink(String),
}

/// What stemcell is to be made.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    /// Its name; `bosh-warden-boshlite-OS` if none is given.
    pub name: Option<String>,
    /// What manifests ask for; taken from the root file system if none is given.
    pub operating_system: Option<String>,
    /// Its version.
    pub version: String,
    /// The executable to put into it.
    pub executable: Option<PathBuf>,
    /// Whether the root file system's own first process stays.
    pub keeps_init: bool,
}

/// A stemcell to be made of a root file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// What manifests ask for.
    pub operating_system: String,
    /// Its version.
    pub version: String,
    /// What goes over the root file system, by path without a leading slash.
    pub puts: BTreeMap<String, Put>,
    /// What is installed, as `dpkg -l` prints it.
    pub packages: String,
    /// What whoever asked should know.
    pub notes: Vec<String>,
}

/// Says how a root file system becomes a stemcell.
///
/// # Errors
/// [`Error::NoSystem`], [`Error::BadName`].
pub fn plan(facts: &Facts, wanted: &Wanted) -> Result<Plan, Error> {
    let system = wanted
        .operating_system
        .clone()
        .or_else(|| facts.operating_system());
    let operating_system = system.ok_or_else(|| Error::NoSystem {
        path: "etc/os-release".into(),
    })?;
    let name = wanted.name.clone();
    let name = name.unwrap_or_else(|| format!("bosh-warden-boshlite-{operating_system}"));
    check_name("stemcell", &name)?;
    check_name("system", &operating_system)?;
    check_name("version", &wanted.version)?;
    let mut plan = Plan {
        name,
        operating_system,
        version: wanted.version.clone(),
        puts: BTreeMap::new(),
        packages: facts.packages.clone(),
        notes: Vec::new(),
    };
    plan.accounts(facts);
    plan.system(facts);
    plan.vcap();
    if let Some(executable) = &wanted.executable {
        plan.executable(executable, facts, wanted.keeps_init);
    }
    let missing: Vec<&str> = facts.missing().collect();
    if !missing.is_empty() {
        plan.notes.push(format!(
            "releases may need what is not there: {}",
            missing.join(", ")
        ));
    }
    Ok(plan)
}

impl Plan {
    fn put(&mut self, path: &str, mode: u32, node: Node) {
        let put = Put {
            node,
            mode,
            uid: 0,
            gid: 0,
        };
        self.puts.insert(path.to_owned(), put);
    }

    fn text(&mut self, path: &str, mode: u32, text: &str) {
        self.put(path, mode, Node::Bytes(text.as_bytes().to_vec()));
    }

    fn directory(&mut self, path: &str, mode: u32) {
        self.put(path, mode, Node::Directory);
    }

    fn link(&mut self, path: &str, target: &str) {
        self.put(path, 0o777, Node::Symlink(target.to_owned()));
    }

    fn accounts(&mut self, facts: &Facts) {
        let mut accounts = facts.accounts.clone();
        let removed = accounts.user(User {
            name: "vcap",
            id: 1000,
            home: "/home/vcap",
            shell: "/bin/bash",
        });
        if !removed.is_empty() {
            let names = removed.join(", ");
            self.notes.push(format!(
                "vcap takes the number 1000 of {names}, who is gone"
            ));
        }
        for (group, id) in [
            ("adm", 4),
            ("video", 44),
            ("admin", 997),
            ("bosh_sshers", 1001),
            ("bosh_sudoers", 1002),
        ] {
            accounts.group(group, id);
        }
        // The agent gives it the logs; sshd drops its rights to the other.
        accounts.system_user("syslog", 104);
        accounts.system_user("sshd", 105);
        let shadow = accounts.group("shadow", 42);
        for group in ["adm", "video", "admin", "bosh_sshers"] {
            accounts.join("vcap", group);
        }
        self.text("etc/passwd", 0o644, &accounts.passwd);
        self.text("etc/group", 0o644, &accounts.group);
        for (path, text) in [
            ("etc/shadow", &accounts.shadow),
            ("etc/gshadow", &accounts.gshadow),
        ] {
            self.text(path, 0o640, text);
            if let Some(put) = self.puts.get_mut(path) {
                put.gid = shadow;
            }
        }
        self.directory("home/vcap", 0o700);
        if let Some(home) = self.puts.get_mut("home/vcap") {
            (home.uid, home.gid) = (1000, 1000);
        }
    }

    fn system(&mut self, facts: &Facts) {
        let sudoers = match &facts.sudoers {
            None => SUDOERS.to_owned(),
            Some(text) if includes_more(text) => text.clone(),
            Some(text) => format!("{}\n#includedir /etc/sudoers.d\n", text.trim_end()),
        };
        self.text("etc/sudoers", 0o440, &sudoers);
        self.directory("etc/sudoers.d", 0o755);
        let all = "%bosh_sudoers ALL=(ALL) NOPASSWD: ALL\n";
        self.text("etc/sudoers.d/bosh_sudoers", 0o440, all);
        if facts.has_sshd_directory {
            self.text("etc/ssh/sshd_config.d/00-bosh.conf", 0o644, SSHD);
        }
        self.text("etc/hosts", 0o644, HOSTS);
        self.text("etc/hostname", 0o644, "bosh-stemcell\n");
        // Empty: the first start makes one, and containers get names to ask from outside.
        self.text("etc/machine-id", 0o444, "");
        self.text("etc/resolv.conf", 0o644, "");
        for (path, mode) in [
            ("dev", 0o755),
            ("proc", 0o555),
            ("sys", 0o555),
            ("run", 0o755),
        ] {
            self.directory(path, mode);
        }
        self.directory("tmp", 0o1777);
        self.directory("var/tmp", 0o1777);
    }

    fn vcap(&mut self) {
        for path in [
            "bosh",
            BIN,
            "bosh/etc",
            "bosh/log",
            "monit",
            "monit/job",
            "monit/svlog",
            "micro_bosh/data/cache",
        ] {
            let path = match path.strip_prefix("var/") {
                Some(_) => path.to_owned(),
                None => format!("var/vcap/{path}"),
            };
            self.directory(&path, 0o755);
        }
        self.directory("warden-cpi-dev", 0o755);
        self.text("var/vcap/monit/empty.monitrc", 0o644, "");
        self.text("var/vcap/bosh/agent.json", 0o644, AGENT_JSON);
        let etc = "var/vcap/bosh/etc";
        // Agents know families of systems, and Debian is of this one.
        self.text(&format!("{etc}/operating_system"), 0o644, "ubuntu");
        self.text(&format!("{etc}/infrastructure"), 0o644, "warden");
        self.text(
            &format!("{etc}/stemcell_version"),
            0o644,
            &self.version.clone(),
        );
        self.text(&format!("{etc}/stemcell_git_sha1"), 0o644, "");
        self.text(&format!("{etc}/monitrc"), 0o700, MONITRC);
        self.text(&format!("{etc}/dev_tools_file_list"), 0o644, "");
        self.text(&format!("{etc}/static_libraries_list"), 0o644, "");
        for script in NOTHING {
            self.text(&format!("{BIN}/{script}"), 0o755, "#!/bin/sh\nexit 0\n");
        }
    }

    fn executable(&mut self, executable: &std::path::Path, facts: &Facts, keeps_init: bool) {
        self.put(
            &format!("{BIN}/warren"),
            0o755,
            Node::Copy(executable.to_owned()),
        );
        for name in NAMES {
            self.link(&format!("{BIN}/{name}"), "warren");
        }
        let target = format!("/{BIN}/warren");
        self.directory("usr/local/bin", 0o755);
        self.link("usr/local/bin/warren", &target);
        self.link("usr/sbin/runsvdir-start", &target);
        if !keeps_init {
            self.link(&format!("{}/init", facts.sbin), &target);
        }
    }
}

/// Whether files of `sudoers.d` are read.
fn includes_more(sudoers: &str) -> bool {
    let mut lines = sudoers.lines().map(str::trim);
    lines.any(|line| {
        let rest = line
            .strip_prefix("#includedir")
            .or_else(|| line.strip_prefix("@includedir"));
        rest.is_some_and(|rest| rest.trim() == "/etc/sudoers.d")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts() -> Facts {
        Facts {
            system: BTreeMap::from([
                ("ID".into(), "debian".into()),
                ("VERSION_CODENAME".into(), "bookworm".into()),
            ]),
            sbin: "usr/sbin".into(),
            ..Facts::default()
        }
    }

    #[test]
    fn names_come_from_the_system() {
        let wanted = Wanted {
            version: "1.2".into(),
            executable: Some("/proc/self/exe".into()),
            ..Wanted::default()
        };
        let made = plan(&facts(), &wanted).unwrap();
        assert_eq!(made.name, "bosh-warden-boshlite-debian-bookworm");
        assert_eq!(made.operating_system, "debian-bookworm");
        let link = |path: &str| match &made.puts[path].node {
            Node::Symlink(target) => target.clone(),
            other => panic!("{path}: {other:?}"),
        };
        assert_eq!(link("usr/sbin/init"), "/var/vcap/bosh/bin/warren");
        assert_eq!(link("var/vcap/bosh/bin/bosh-agent"), "warren");
        assert!(
            !made
                .puts
                .keys()
                .any(|path| path.starts_with("var/vcap/data"))
        );
        let kept = Wanted {
            keeps_init: true,
            ..wanted.clone()
        };
        assert!(
            !plan(&facts(), &kept)
                .unwrap()
                .puts
                .contains_key("usr/sbin/init")
        );
        let none = plan(&Facts::default(), &wanted);
        assert!(matches!(none, Err(Error::NoSystem { .. })));
        let bad = Wanted {
            version: "1/2".into(),
            ..wanted
        };
        assert!(matches!(plan(&facts(), &bad), Err(Error::BadName(_))));
    }

    #[test]
    fn sudoers_reads_more() {
        for (text, expected) in [
            (
                "@includedir /etc/sudoers.d\n",
                "@includedir /etc/sudoers.d\n",
            ),
            ("x\n\n", "x\n#includedir /etc/sudoers.d\n"),
        ] {
            let mut facts = facts();
            facts.sudoers = Some(text.to_owned());
            let wanted = Wanted {
                version: "1".into(),
                ..Wanted::default()
            };
            let made = plan(&facts, &wanted).unwrap();
            assert_eq!(made.puts["etc/sudoers"].node, Node::Bytes(expected.into()));
        }
    }
}
