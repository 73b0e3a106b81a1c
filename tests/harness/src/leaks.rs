//! What the machine holds, before and after.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::process::{getpid, set_child_subreaper};
use warren_sys_devicefilter::bpf;

use crate::cgroup;
use crate::gate::{Exclusive, exclusive};
use crate::net::NetNs;
use crate::protocol::Output;

/// How long what is on its way out may take: the kernel removes network
/// namespaces and dead cgroups in its own time, which on a busy machine is long.
const GRACE: Duration = Duration::from_secs(60);

/// For how long nothing comes or goes before the machine is at rest.
const REST: Duration = Duration::from_millis(50);

/// What there was when it was taken. While it lives, other tests of the same
/// executable that use this crate wait.
#[derive(Debug)]
pub struct Leaks<'a> {
    net: Option<&'a NetNs>,
    before: BTreeSet<String>,
    _gate: Exclusive,
}

impl Leaks<'static> {
    /// Takes stock of: mounts, network namespaces and processes of this process
    /// and its descendants, named network namespaces, cgroups called `warren...`
    /// other than those of other tests, and, in the current network namespace,
    /// links and nftables tables; and device programs on cgroups or held open.
    ///
    /// From now on, orphaned descendants become children of this process, so that
    /// daemons count too.
    #[track_caller]
    pub fn snapshot() -> Leaks<'static> {
        Leaks::take(None)
    }
}

impl<'a> Leaks<'a> {
    /// The same, with links and tables of another network namespace.
    #[track_caller]
    pub fn snapshot_in(net: &'a NetNs) -> Leaks<'a> {
        Leaks::take(Some(net))
    }

    #[track_caller]
    fn take(net: Option<&'a NetNs>) -> Leaks<'a> {
        let gate = exclusive();
        if let Err(errno) = set_child_subreaper(Some(getpid())) {
            panic!("cannot become the parent of orphans: {errno}");
        }
        Leaks {
            net,
            before: at_rest(net),
            _gate: gate,
        }
    }

    /// Compares with what there is now.
    ///
    /// # Panics
    /// With every difference, if any is still there after a short grace.
    #[track_caller]
    pub fn assert_same(&self) {
        let difference = self.difference(GRACE);
        assert!(
            difference.is_empty(),
            "not as it was before:\n  {}",
            difference.join("\n  ")
        );
    }

    /// One line for everything that came (`+`) or went (`-`) and stayed so for the time of `grace`;
    /// ends as soon as there is nothing.
    #[track_caller]
    pub fn difference(&self, grace: Duration) -> Vec<String> {
        let deadline = Instant::now() + grace;
        loop {
            let now = stock(self.net);
            if now == self.before {
                return Vec::new();
            }
            if Instant::now() > deadline {
                let came = now.difference(&self.before).map(|each| format!("+ {each}"));
                let went = self.before.difference(&now).map(|each| format!("- {each}"));
                return came.chain(went).collect();
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// The stock once two looks agree: what went before may still be on its way out.
#[track_caller]
fn at_rest(net: Option<&NetNs>) -> BTreeSet<String> {
    let deadline = Instant::now() + GRACE;
    let mut before = stock(net);
    loop {
        std::thread::sleep(REST);
        let now = stock(net);
        if now == before || Instant::now() > deadline {
            return now;
        }
        before = now;
    }
}

#[track_caller]
fn stock(net: Option<&NetNs>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let tasks = descendants();
    all.extend(mounts());
    all.extend(
        tasks
            .iter()
            .map(|pid| format!("process {}", describe(*pid))),
    );
    all.extend(
        net_namespaces(&tasks)
            .into_iter()
            .map(|ns| format!("network namespace {ns}")),
    );
    all.extend(
        cgroups()
            .into_iter()
            .map(|path| format!("cgroup {}", path.display())),
    );
    all.extend(device_programs(&tasks));
    let (links, tables) = match net {
        Some(net) => (net.inside(links), net.run(&LIST_TABLES)),
        None => (links(), list_tables()),
    };
    all.extend(links.into_iter().map(|link| format!("link {link}")));
    let tables = tables.success().stdout;
    all.extend(tables.lines().map(|table| format!("nftables {table}")));
    all
}

const LIST_TABLES: [&str; 3] = ["nft", "list", "tables"];

#[track_caller]
fn list_tables() -> Output {
    match std::process::Command::new(LIST_TABLES[0])
        .args(&LIST_TABLES[1..])
        .output()
    {
        Ok(output) => Output {
            code: output.status.code().unwrap_or(-1),
            timed_out: false,
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        },
        Err(error) => panic!("cannot run nft (Debian package nftables): {error}"),
    }
}

#[track_caller]
fn mounts() -> Vec<String> {
    match fs::read_to_string("/proc/self/mountinfo") {
        Ok(text) => text.lines().map(|line| format!("mount {line}")).collect(),
        Err(error) => panic!("cannot read mountinfo: {error}"),
    }
}

/// This process and all that descend from it; zombies are reaped or left out.
fn descendants() -> Vec<u32> {
    let mut parents = Vec::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse::<u32>().ok());
        let known = pid.and_then(|pid| Some((pid, stat(pid)?)));
        parents.extend(
            known
                .filter(|each| each.1.1 != 'Z')
                .map(|each| (each.0, each.1.0)),
        );
    }
    let mut found = vec![std::process::id()];
    let mut next = 0;
    while let Some(parent) = found.get(next).copied() {
        found.extend(
            parents
                .iter()
                .filter(|each| each.1 == parent)
                .map(|each| each.0),
        );
        next += 1;
    }
    found
}

/// Parent and state, from `/proc/PID/stat`.
fn stat(pid: u32) -> Option<(u32, char)> {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name stands in parentheses and may hold anything.
    let mut fields = text.rsplit_once(") ")?.1.split(' ');
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

fn describe(pid: u32) -> String {
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    format!("{pid} {}", command.trim_end())
}

/// Those that these tasks are in or hold open, and those with a name.
fn net_namespaces(tasks: &[u32]) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut note = |path: &Path| {
        if let Ok(target) = fs::read_link(path) {
            let target = target.display().to_string();
            if target.starts_with("net:[") {
                found.insert(target);
            }
        }
    };
    for pid in tasks {
        note(Path::new(&format!("/proc/{pid}/ns/net")));
        for entry in fs::read_dir(format!("/proc/{pid}/fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            note(&entry.path());
        }
    }
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        found.insert(entry.path().display().to_string());
    }
    found
}

/// Cgroups with a name of ours on their path, of this test or of nobody alive.
#[track_caller]
fn cgroups() -> Vec<PathBuf> {
    let ours = |path: &PathBuf| {
        path.iter()
            .any(|name| name.as_encoded_bytes().starts_with(b"warren"))
    };
    let mut all = cgroup::below(&cgroup::root());
    all.retain(|path| ours(path) && !of_another_test(path));
    all
}

/// Whether this is `warren-test-PID-...` of another process that still runs.
fn of_another_test(path: &Path) -> bool {
    path.iter().any(|name| {
        let pid = name
            .to_str()
            .and_then(|name| name.strip_prefix("warren-test-"));
        let pid = pid.and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        pid.is_some_and(|pid| {
            pid != std::process::id() && Path::new(&format!("/proc/{pid}")).exists()
        })
    })
}

#[track_caller]
fn links() -> Vec<String> {
    match fs::read_to_string("/proc/thread-self/net/dev") {
        Ok(text) => text
            .lines()
            .filter_map(|line| line.split_once(':'))
            .map(|(name, _)| name.trim().to_owned())
            .collect(),
        Err(error) => panic!("cannot list links: {error}"),
    }
}

/// The device programs on cgroups, other than those of other tests, and those
/// that these tasks hold open: together all that a test can leave behind or take
/// away, and nothing that comes and goes elsewhere on the machine.
fn device_programs(tasks: &[u32]) -> Vec<String> {
    let root = cgroup::root();
    let mut found = Vec::new();
    for path in std::iter::once(PathBuf::new()).chain(cgroup::below(&root)) {
        if of_another_test(&path) {
            continue;
        }
        // One that vanished meanwhile has no programs.
        let attached = File::open(root.join(&path)).ok();
        let attached = attached.and_then(|directory| bpf::query(directory.as_fd()).ok());
        let ids = attached.map(|attached| attached.ids).unwrap_or_default();
        let line = |id| format!("device program {id} on cgroup {}", path.display());
        found.extend(ids.into_iter().map(line));
    }
    for pid in tasks {
        let folder = fs::read_dir(format!("/proc/{pid}/fdinfo"));
        for entry in folder.into_iter().flatten().flatten() {
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            let id = text.lines().find_map(|line| line.strip_prefix("prog_id:"));
            found.extend(id.map(|id| format!("BPF program {} held by {pid}", id.trim())));
        }
    }
    found
}
