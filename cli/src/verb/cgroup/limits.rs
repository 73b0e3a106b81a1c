//! The limits on a group that are one small file each, and its pressure.

use std::path::Path;

use warren_lib_errchain::chain;
use warren_sys_cgroup::pressure::Resource;
use warren_sys_cgroup::{Cgroup, V1Group};

use super::view::{Limit, Pressure};

/// Limit file and usage file.
type Pair = (&'static str, Option<&'static str>);

const V2: [Pair; 5] = [
    ("memory.max", Some("memory.current")),
    ("memory.high", None),
    ("memory.swap.max", Some("memory.swap.current")),
    ("pids.max", Some("pids.current")),
    ("cpu.max", None),
];

const V1: [(&str, Pair); 4] = [
    (
        "memory",
        ("memory.limit_in_bytes", Some("memory.usage_in_bytes")),
    ),
    ("pids", ("pids.max", Some("pids.current"))),
    ("cpu", ("cpu.cfs_quota_us", None)),
    ("cpu", ("cpu.shares", None)),
];

/// What the v2 group limits.
pub fn of_v2(group: &Cgroup, unknown: &mut Vec<String>) -> Vec<Limit> {
    let mut read = |file: &str| match group.read_if_there(file) {
        Ok(text) => text.map(|text| text.trim().to_owned()),
        Err(error) => {
            unknown.push(chain(&error));
            None
        }
    };
    let mut limits = Vec::new();
    for (name, usage) in V2 {
        if let Some(limit) = read(name) {
            limits.push(Limit {
                version: "v2",
                name: name.to_owned(),
                limit,
                current: usage.and_then(&mut read),
            });
        }
    }
    limits
}

/// What a v1 group limits; the root of a hierarchy has only some of the files.
pub fn of_v1(group: &V1Group) -> Vec<Limit> {
    let read = |file: &str| {
        Path::new(group.path())
            .join(file)
            .exists()
            .then(|| group.read(file).ok())
            .flatten()
            .map(|text| text.trim().to_owned())
    };
    let of_group = V1
        .iter()
        .filter(|(controller, _)| group.has_controller(controller));
    of_group
        .filter_map(|(_, (name, usage))| {
            Some(Limit {
                version: "v1",
                name: (*name).to_owned(),
                limit: read(name)?,
                current: usage.and_then(read),
            })
        })
        .collect()
}

/// Pressure on the group, as far as the kernel tells.
pub fn pressure(group: &Cgroup, unknown: &mut Vec<String>) -> Vec<Pressure> {
    let resources = [
        ("cpu", Resource::Cpu),
        ("memory", Resource::Memory),
        ("io", Resource::Io),
    ];
    let mut found = Vec::new();
    for (resource, which) in resources {
        match group.pressure(which) {
            Ok(Some(pressure)) => found.push(Pressure {
                resource,
                some_avg10: pressure.some.avg10,
                some_avg60: pressure.some.avg60,
                full_avg10: pressure.full.map(|full| full.avg10),
                full_avg60: pressure.full.map(|full| full.avg60),
            }),
            Ok(None) => {}
            Err(error) => unknown.push(chain(&error)),
        }
    }
    found
}
