//! What all of it takes of memory: proportional set sizes, so shared pages count once.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use super::scene::Scene;
use super::sheet::Sheet;

/// Without machines.
pub fn idle(scene: &Scene, sheet: &mut Sheet) {
    let (own, _) = measured(scene);
    sheet.row(
        "memory (PSS) of the director and all around it, idle",
        &own.told(),
        1,
        "788 MiB, 48 processes",
    );
    for (name, (processes, kib)) in own.by_name() {
        let what = format!("of that: `{name}`, {processes} processes");
        sheet.row(&what, &format!("{:.1} MiB", kib as f64 / 1024.0), 1, "");
    }
}

/// With machines: the director's part and theirs.
pub fn with_machines(scene: &Scene, machines: usize, stock: &str, sheet: &mut Sheet) {
    let (own, theirs) = measured(scene);
    let what = format!("memory with {machines} machines, without what is in them");
    sheet.row(&what, &own.told(), 1, stock);
    sheet.row("memory in the machines", &theirs.told(), 1, "");
}

/// Processes and KiB, by what runs.
#[derive(Default)]
struct Memory(BTreeMap<String, (usize, u64)>);

impl Memory {
    fn add(&mut self, name: String, kib: u64) {
        let entry = self.0.entry(name).or_default();
        entry.0 += 1;
        entry.1 += kib;
    }

    fn told(&self) -> String {
        let processes: usize = self.0.values().map(|one| one.0).sum();
        let kib: u64 = self.0.values().map(|one| one.1).sum();
        format!("{:.0} MiB, {processes} processes", kib as f64 / 1024.0)
    }

    fn by_name(&self) -> Vec<(&str, (usize, u64))> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .map(|(name, one)| (name.as_str(), *one))
            .collect();
        all.sort_by_key(|(_, (_, kib))| std::cmp::Reverse(*kib));
        all
    }
}

/// The director's side, and that of its machines.
fn measured(scene: &Scene) -> (Memory, Memory) {
    let (mut own, mut theirs) = (Memory::default(), Memory::default());
    let top = scene.machine.group("memory");
    for (path, pid) in processes(top) {
        // A group below each level's is of a container of the level.
        let inside = path.strip_prefix(top).unwrap_or(&path);
        let servers = inside.iter().filter(|name| {
            let name = name.to_string_lossy();
            name == "garden" || name.starts_with("garden-")
        });
        let into = match servers.count() > scene.options.depth {
            true => &mut theirs,
            false => &mut own,
        };
        // What ended meanwhile takes nothing.
        if let Some(kib) = pss(pid) {
            into.add(name(pid), kib);
        }
    }
    (own, theirs)
}

fn processes(group: &Path) -> Vec<(PathBuf, u32)> {
    let list = fs::read_to_string(group.join("cgroup.procs")).unwrap_or_default();
    let pids = list.lines().filter_map(|line| line.parse().ok());
    let mut all: Vec<_> = pids.map(|pid| (group.to_owned(), pid)).collect();
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            all.extend(processes(&entry.path()));
        }
    }
    all
}

/// What a process is called: its program, and of ours which part it is.
fn name(pid: u32) -> String {
    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let words: Vec<String> = line
        .split(|byte| *byte == 0)
        .map(|word| String::from_utf8_lossy(word).into_owned())
        .collect();
    let word = |index: usize| words.get(index).map_or("", String::as_str);
    let program = word(0).rsplit('/').next().unwrap_or_default();
    let role = words.iter().skip_while(|word| *word != "--roles").nth(1);
    match (program, word(1), role) {
        ("warren", "serve", Some(role)) => format!("warren serve {} ({role})", word(2)),
        ("warren", "serve", None) => format!("warren serve {}", word(2)),
        ("warren", part, _) => format!("warren {part}"),
        (program, _, _) => program.to_owned(),
    }
}

fn pss(pid: u32) -> Option<u64> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse().ok()
}
