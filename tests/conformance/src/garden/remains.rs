//! What there is on a server's machine beside the server: compared before its first container and after
//! its last one, while the machine is on. Once that is off, its end takes everything along.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::Server;

/// Everything there is, a line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remains(Vec<String>);

impl Remains {
    /// Now.
    ///
    /// # Panics
    /// If it cannot be found out.
    #[must_use]
    #[track_caller]
    pub fn of(server: &Server) -> Self {
        let mut all = Vec::new();
        let inside = |argv: &[&str]| server.actor().run(argv).success().stdout;
        let mounts = inside(&["cat", "/proc/self/mountinfo"]);
        // Mounts are numbered anew whenever one is made.
        let at = |line: &str| line.split(' ').nth(4).map(|at| format!("mount {at}"));
        all.extend(mounts.lines().filter_map(at));
        let links = inside(&["ip", "-o", "link"]);
        let name = |line: &str| line.split(": ").nth(1).map(|name| format!("link {name}"));
        all.extend(links.lines().filter_map(name));
        let rules = inside(&["nft", "-s", "list", "ruleset"]);
        all.extend(rules.lines().map(|line| format!("rule {line}")));
        for group in groups(server) {
            all.extend(processes(server, &group));
            all.push(format!("group {group}"));
        }
        all.sort();
        Self(all)
    }

    /// With lines of the caller's own.
    #[must_use]
    pub fn with(mut self, more: impl IntoIterator<Item = String>) -> Self {
        self.0.extend(more);
        self.0.sort();
        self
    }

    /// What is in this one and not in the other.
    #[must_use]
    pub fn beyond(&self, other: &Self) -> Vec<&str> {
        let all = self.0.iter().filter(|each| !other.0.contains(each));
        all.map(String::as_str).collect()
    }
}

/// Directories of all control groups of the machine.
#[track_caller]
fn groups(server: &Server) -> Vec<String> {
    let found = Command::new("find")
        .args(server.groups())
        .args(["-type", "d"])
        .output();
    match found {
        Ok(found) => String::from_utf8_lossy(&found.stdout)
            .lines()
            .map(str::to_owned)
            .collect(),
        Err(error) => panic!("cannot look for control groups: {error}"),
    }
}

/// Those that run the executable, without the server itself. Programs of the test's own come and go.
fn processes(server: &Server, group: &str) -> Vec<String> {
    let pids = fs::read_to_string(Path::new(group).join("cgroup.procs")).unwrap_or_default();
    let ours = |pid: &&str| {
        let program = fs::read_link(format!("/proc/{pid}/exe")).unwrap_or_default();
        let name = program.file_name().unwrap_or_default().to_string_lossy();
        name.starts_with("warren") && !name.contains("actor") && !server.is_pid(pid)
    };
    let pids = pids.lines().filter(ours);
    pids.map(|pid| format!("process {pid} in {group}"))
        .collect()
}
