//! The nesting as a tree: levels, their processes, machines and theirs.

mod facts;
mod firewall;
mod groups;

use std::path::Path;

use serde::Serialize;

use self::groups::Groups;
use crate::boot::Access;
use crate::find::MACHINE;
use crate::instances::{self, Known, Named};
use crate::machines::{self, Machine};
use crate::process;
use crate::services::{self, Service};
use crate::status::said;
use crate::{Error, Level, Looking, Record, levels, rests};

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
/// As [`rests::awake`]; what does not answer says so in its place.
pub fn tree(home: &Path, looking: &Looking) -> Result<Node, Error> {
    rests::awake(home)?;
    let record = Record::of(home)?;
    let all = levels(home, &record);
    let inner = all.last();
    let known = looking.at("the director", || {
        inner.map(|inner| instances::all(home, &record, inner))
    });
    let Known { found, silent } = known.unwrap_or_default();
    // A director that does not even say who there is does not ask agents.
    let machines = match silent {
        Some(_) => Vec::new(),
        None => looking.at("agents", || {
            Access::of(home, &record)
                .and_then(|access| access.director())
                .and_then(|director| machines::all(&director))
                .unwrap_or_default()
        }),
    };
    let scene = Scene {
        record,
        named: found,
        machines,
        groups: Groups::look(),
    };
    Ok(looking.at("containers", || level(&scene, None, &all, MACHINE)))
}

struct Scene {
    record: Record,
    named: Vec<Named>,
    machines: Vec<Machine>,
    groups: Groups,
}

/// A level with its container, which is the next level, or with machines.
fn level(scene: &Scene, outside: Option<(&Level, &str)>, levels: &[Level], name: &str) -> Node {
    let Some((this, rest)) = levels.split_first() else {
        return Node::default();
    };
    let mut node = Node {
        name: name.to_owned(),
        about: vec![
            format!("level {}", this.index),
            facts::driver(outside, this),
        ],
        inside: Vec::new(),
    };
    if outside.is_none() {
        node.about.extend(facts::of_machine(this));
    }
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
                        inner
                            .about
                            .extend(facts::of_container(this, handle, &scene.groups));
                        let mut services = processes(scene, this, handle);
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
    let known = scene.named.iter().find(|one| one.cid == handle);
    let mut told = scene.machines.iter();
    let told = told.find(|machine| machine.about.vm_cid.as_deref() == Some(handle));
    let mut about = vec![facts::root(level, handle)];
    about.extend(facts::of_container(level, handle, &scene.groups));
    if known.is_some() {
        about.push(format!("container {handle}"));
    }
    Node {
        name: known.map_or_else(|| handle.to_owned(), Named::full_name),
        about,
        inside: told.map_or_else(Vec::new, |told| kept(scene, level, handle, jobs(told))),
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

fn processes(scene: &Scene, level: &Level, handle: &str) -> Vec<Node> {
    let services = services::of(level, handle).unwrap_or_default();
    kept(
        scene,
        level,
        handle,
        services.iter().map(of_service).collect(),
    )
}

/// The same processes with how they are kept, where that is not as all of the container is: what has a control
/// group of its own may do less than what is said of the container.
fn kept(scene: &Scene, level: &Level, handle: &str, mut nodes: Vec<Node>) -> Vec<Node> {
    let seen = process::all(level, handle).unwrap_or_default();
    for node in &mut nodes {
        let Some(seen) = seen.iter().find(|seen| seen.name == node.name) else {
            continue;
        };
        node.about.push(scene.groups.name(&seen.group));
        if seen.is_apart {
            node.about.push("mounts of its own".to_owned());
        }
    }
    nodes
}

fn of_service(service: &Service) -> Node {
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
