//! What is left on the server's machine when it has no container.

use std::fs;
use std::path::Path;
use std::process::Command;

use warren_tests_conformance::garden::Server;

/// Everything there is.
#[derive(Debug, PartialEq, Eq)]
pub struct Remains(Vec<String>);

impl Remains {
    /// Of a server without containers.
    pub fn of(server: &Server) -> Self {
        let mut all = Vec::new();
        for place in ["depot", "state", "store/images", "store/nested"] {
            walk(&server.directory().join(place), &mut all);
        }
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
        let own = format!("warren-test-{}-", std::process::id());
        let groups = Command::new("find")
            .args(["/sys/fs/cgroup", "-type", "d", "-path", &format!("*{own}*")])
            .output();
        let groups = String::from_utf8(groups.unwrap().stdout).unwrap();
        all.extend(groups.lines().map(|group| format!("group {group}")));
        all.sort();
        Self(all)
    }

    /// Compares with what there is now.
    pub fn assert_same(&self, server: &Server) {
        let now = Self::of(server);
        let new: Vec<_> = now.0.iter().filter(|each| !self.0.contains(each)).collect();
        let gone: Vec<_> = self.0.iter().filter(|each| !now.0.contains(each)).collect();
        assert!(
            new.is_empty() && gone.is_empty(),
            "left: {new:#?} gone: {gone:#?}"
        );
        let text = server.log();
        assert!(!text.contains("panicked"), "{text}");
    }
}

fn walk(path: &Path, all: &mut Vec<String>) {
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        let path = entry.path();
        // The state of what is no container's may change: what matters is that there is no more.
        all.push(format!("file {}", path.display()));
        if entry.file_type().unwrap().is_dir() {
            walk(&path, all);
        }
    }
}
