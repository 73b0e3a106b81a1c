//! The nesting as a tree: levels, their processes, machines and theirs.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde::Serialize;
use warren_garden_client::Streams;

use crate::boot::Access;
use crate::container::{EXECUTABLE, run};
use crate::machines::{self, Machine};
use crate::services::{self, Service};
use crate::status::said;
use crate::{Error, Level, Record, levels};

/// A level, a machine or a process.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Node {
    /// How `shell` and `logs` call it.
    pub name: String,
    /// What it is, in a few words.
    pub about: Vec<String>,
    /// What is inside.
    pub inside: Vec<Node>,
}

/// All of it, the machine first.
///
/// # Errors
/// [`Error::NotUp`], and the record cannot be read; what does not answer says so in its place.
pub fn tree(home: &Path) -> Result<Node, Error> {
    let record = Record::of(home)?;
    let all = levels(home, &record);
    let named = Access::of(home, &record)
        .and_then(|access| access.director())
        .and_then(|director| machines::all(&director))
        .unwrap_or_default();
    let scene = Scene {
        record,
        named,
        groups: Groups::look(),
    };
    Ok(level(&scene, None, &all, "machine"))
}

struct Scene {
    record: Record,
    named: Vec<Machine>,
    groups: Groups,
}

/// A level with its container, which is the next level, or with machines.
fn level(scene: &Scene, outside: Option<(&Level, &str)>, levels: &[Level], name: &str) -> Node {
    let Some((this, rest)) = levels.split_first() else {
        return Node::default();
    };
    let mut node = Node {
        name: name.to_owned(),
        about: vec![format!("level {}", this.index), rootfs(outside, this)],
        inside: Vec::new(),
    };
    let handles = match this.garden().list(&Default::default()) {
        Ok(mut handles) => {
            handles.sort();
            handles
        }
        Err(error) => {
            node.about.push(format!(
                "its Garden server does not answer: {}",
                said(&error)
            ));
            return node;
        }
    };
    let next = (!rest.is_empty()).then(|| this.container(&scene.record));
    node.inside = std::thread::scope(|threads| {
        let making: Vec<_> = handles
            .iter()
            .map(|handle| {
                let next = next.as_ref();
                threads.spawn(move || match next == Some(handle) {
                    true => {
                        let mut inner = level(scene, Some((this, handle)), rest, handle);
                        inner.about.extend(facts(this, handle, &scene.groups));
                        let mut services = processes(this, handle);
                        services.append(&mut inner.inside);
                        inner.inside = services;
                        inner
                    }
                    false => machine(scene, this, handle),
                })
            })
            .collect();
        making
            .into_iter()
            .filter_map(|one| one.join().ok())
            .collect()
    });
    node
}

fn machine(scene: &Scene, level: &Level, handle: &str) -> Node {
    let known = scene
        .named
        .iter()
        .find(|machine| machine.about.vm_cid.as_deref() == Some(handle));
    let mut about = facts(level, handle, &scene.groups);
    if known.is_some() {
        about.push(format!("container {handle}"));
    }
    Node {
        name: known.map_or_else(
            || handle.to_owned(),
            |machine| format!("{}/{}", machine.deployment, machine.name()),
        ),
        about,
        inside: known.map_or_else(Vec::new, jobs),
    }
}

/// The processes of a machine, as its agent tells: nobody else may ask its supervisor.
fn jobs(machine: &Machine) -> Vec<Node> {
    let processes = machine.about.processes.iter();
    processes
        .map(|process| Node {
            name: process.name.clone(),
            about: vec![process.state.clone()],
            inside: Vec::new(),
        })
        .collect()
}

/// Address, control group, device filter and firewall of a container, each as it is found there.
fn facts(level: &Level, handle: &str, groups: &Groups) -> Vec<String> {
    let mut about = Vec::new();
    match level.garden().info(handle) {
        Ok(info) => about.push(info.container_ip),
        Err(error) => return vec![said(&error)],
    }
    let ask = |script: &str| run(level, handle, script, Streams::default());
    match ask("stat -c %i /sys/fs/cgroup/unified 2>/dev/null || stat -c %i /sys/fs/cgroup") {
        Ok(id) => about.push(groups.name(id.trim())),
        Err(error) => about.push(format!("cgroup unknown: {}", said(&error))),
    }
    match ask(&format!("{EXECUTABLE} device show --json")) {
        Ok(text) => about.push(devices(&text)),
        Err(error) => about.push(format!("device filter unknown: {}", said(&error))),
    }
    // Whoever is let in by Garden is not in the agent's group: monit is not for it, if there is a
    // firewall that holds.
    let is_open = ask("bash -c '</dev/tcp/127.0.0.1/2822'").is_ok();
    let has_rules = ask("nft list ruleset | grep -q monit_access").is_ok();
    about.push(
        match (has_rules, is_open) {
            (true, false) => "firewall holds",
            (true, true) => "firewall DOES NOT HOLD: others reach monit",
            (false, _) => "no firewall",
        }
        .to_owned(),
    );
    about
}

fn devices(text: &str) -> String {
    let document: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
    let programs = document.pointer("/programs/effective");
    match programs.and_then(serde_json::Value::as_array).map(Vec::len) {
        Some(0) | None => "device filter: no program".to_owned(),
        Some(1) => "device filter: 1 program".to_owned(),
        Some(number) => format!("device filter: {number} programs, all must agree"),
    }
}

/// How a level makes root file systems, as its own probe says.
fn rootfs(outside: Option<(&Level, &str)>, level: &Level) -> String {
    let store = level.own("garden/store");
    let arguments = format!("rootfs probe --json --store {}", store.display());
    let text = match outside {
        Some((outside, handle)) => {
            let script = format!("{EXECUTABLE} {arguments}");
            run(outside, handle, &script, Streams::default()).map_err(|error| said(&error))
        }
        None => std::process::Command::new(level.own("bin/warren"))
            .args(["rootfs", "probe", "--json", "--store"])
            .arg(&store)
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).into_owned())
            .map_err(|error| error.to_string()),
    };
    let text = match text {
        Ok(text) => text,
        Err(cause) => return format!("rootfs unknown: {cause}"),
    };
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    match document.pointer("/report/chosen") {
        Some(serde_json::Value::String(chosen)) => format!("rootfs: {chosen}"),
        // Some rungs come with the directory that they need.
        Some(chosen) if !chosen.is_null() => format!("rootfs: {chosen}"),
        _ => "rootfs unknown: the probe took none".to_owned(),
    }
}

/// The machine's groups of cgroup v2 by their ids, which are the same at every level.
#[derive(Default)]
struct Groups(BTreeMap<u64, String>);

impl Groups {
    fn look() -> Self {
        let mut groups = Self::default();
        // A mount of our own: others may not be there, as in a network namespace of ip-netns(8).
        if let Ok(tree) = warren_sys_mount::detached_cgroup2() {
            let top = format!("/proc/self/fd/{}", tree.root.as_raw_fd());
            groups.walk(Path::new(&top), "");
        }
        groups
    }

    fn walk(&mut self, directory: &Path, name: &str) {
        // Groups come and go while this looks.
        let Ok(entries) = std::fs::read_dir(directory) else {
            return;
        };
        for entry in entries.flatten() {
            let Ok(about) = entry.metadata() else {
                continue;
            };
            if about.is_dir() {
                let name = format!("{name}/{}", entry.file_name().to_string_lossy());
                self.walk(&entry.path(), &name);
                self.0.insert(about.ino(), name);
            }
        }
    }

    fn name(&self, id: &str) -> String {
        match id.parse().ok().and_then(|id| self.0.get(&id)) {
            Some(name) => format!("cgroup {name}"),
            None => format!("cgroup number {id}"),
        }
    }
}

fn processes(level: &Level, handle: &str) -> Vec<Node> {
    let services = services::of(level, handle).unwrap_or_default();
    services.iter().map(process).collect()
}

fn process(service: &Service) -> Node {
    let mut about = vec![service.state.clone()];
    if let Some(vitals) = &service.vitals {
        about.push(format!("pid {}", vitals.pid));
        about.push(format!("{} MiB", vitals.memory_total >> 10));
    }
    about.extend(service.fault.as_ref().map(ToString::to_string));
    Node {
        name: service.name.clone(),
        about,
        inside: Vec::new(),
    }
}
