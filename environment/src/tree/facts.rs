//! What is true of a place: its control group, root file system, device filter and firewall, each as it is
//! found there.

use std::process::{Command, Stdio};

use warren_garden_client::Streams;

use super::firewall;
use super::groups::Groups;
use crate::container::{EXECUTABLE, run};
use crate::jobs::quoted;
use crate::status::said;
use crate::{Error, Level, server};

/// The number of the group at the top of what is seen.
const GROUP: &str = "stat -c %i /sys/fs/cgroup/unified 2>/dev/null || stat -c %i /sys/fs/cgroup";
/// The type of the file system that is the root.
const ROOT: &str = "while read -r id parent device root place rest; do
    [ \"$place\" != / ] || kind=${rest#* - }
done </proc/self/mountinfo
echo ${kind%% *}";

/// Of a container.
pub(super) fn of_container(level: &Level, handle: &str, groups: &Groups) -> Vec<String> {
    let mut about = Vec::new();
    match level.garden().info(handle) {
        Ok(info) => about.push(info.container_ip),
        Err(error) => return vec![said(&error)],
    }
    let ask = |script: &str| run(level, handle, script, Streams::default());
    match ask(GROUP) {
        Ok(id) => about.push(groups.name(id.trim())),
        Err(error) => about.push(format!("cgroup unknown: {}", said(&error))),
    }
    about.extend(filters(EXECUTABLE, &ask));
    about
}

/// Of this machine: its server's control group is that in which all the others are.
pub(super) fn of_machine(machine: &Level) -> Vec<String> {
    let executable = machine.own("bin/warren");
    let group = server::all(machine, &executable).first().map(|pid| {
        let path = format!("/proc/{}/cgroup", pid.as_raw_nonzero());
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let mut own = text.lines().filter_map(|line| line.strip_prefix("0::"));
        own.next().unwrap_or("unknown").to_owned()
    });
    let group = group.map_or_else(
        || "its Garden server does not run".to_owned(),
        |group| format!("cgroup {group}"),
    );
    let mut about = vec![group];
    about.extend(filters(&own(machine), &here));
    about
}

/// This machine's executable, as a word for a shell.
fn own(machine: &Level) -> String {
    quoted(&machine.own("bin/warren").display().to_string())
}

/// How a level makes root file systems, as its own probe says.
pub(super) fn driver(outside: Option<(&Level, &str)>, level: &Level) -> String {
    let store = level.own("garden/store");
    let probe = |executable: &str| {
        let store = quoted(&store.display().to_string());
        format!("{executable} rootfs probe --json --store {store}")
    };
    let text = match outside {
        Some((outside, handle)) => run(outside, handle, &probe(EXECUTABLE), Streams::default()),
        None => here(&probe(&own(level))),
    };
    let text = match text {
        Ok(text) => text,
        Err(error) => return format!("rootfs unknown: {}", said(&error)),
    };
    let document: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    match document.pointer("/report/chosen") {
        Some(serde_json::Value::String(chosen)) => format!("rootfs: {chosen}"),
        // Some rungs come with the directory that they need.
        Some(chosen) if !chosen.is_null() => format!("rootfs: {chosen}"),
        _ => "rootfs unknown: the probe took none".to_owned(),
    }
}

/// What a machine's own root file system is: it makes none for others.
pub(super) fn root(level: &Level, handle: &str) -> String {
    match run(level, handle, ROOT, Streams::default()) {
        Ok(kind) => format!("rootfs: {}", kind.trim()),
        Err(error) => format!("rootfs unknown: {}", said(&error)),
    }
}

type Ask<'a> = &'a dyn Fn(&str) -> Result<String, Error>;

/// Device filter and firewall.
fn filters(executable: &str, ask: Ask<'_>) -> [String; 2] {
    let devices = match ask(&format!("{executable} device show --json")) {
        Ok(text) => devices(&text),
        Err(error) => format!("device filter unknown: {}", said(&error)),
    };
    [
        devices,
        firewall::verdict(ask(&firewall::question(executable))),
    ]
}

/// A script on this machine, to its end; what it says on its standard output.
fn here(script: &str) -> Result<String, Error> {
    let shell = "/bin/sh";
    let done = Command::new(shell)
        .args(["-c", script])
        .stdin(Stdio::null())
        .output()
        .map_err(Error::file("start", shell.as_ref()))?;
    match done.status.success() {
        true => Ok(String::from_utf8_lossy(&done.stdout).into_owned()),
        false => Err(Error::Program {
            program: script.lines().next().unwrap_or_default().to_owned(),
            level: 0,
            code: done.status.code().unwrap_or(-1).into(),
            output: String::from_utf8_lossy(&done.stderr).trim_end().to_owned(),
        }),
    }
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
