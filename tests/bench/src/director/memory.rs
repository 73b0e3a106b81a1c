//! What all of it takes of memory: proportional set sizes, so shared pages count once, and beside them
//! resident set sizes, in which each process counts them.

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
    for (name, one) in own.by_name() {
        let what = format!("of that: `{name}`, {} processes", one.processes);
        sheet.row(&what, &format!("{:.1} MiB", one.pss as f64 / 1024.0), 1, "");
    }
    sheet.row("the same, RSS", &own.resident(), 1, "1525 MiB");
}

/// With machines: the director's part and theirs.
pub fn with_machines(scene: &Scene, machines: usize, stock: [&str; 2], sheet: &mut Sheet) {
    let (own, theirs) = measured(scene);
    let what = format!("memory with {machines} machines, without what is in them");
    let [pss, rss] = stock;
    sheet.row(&what, &own.told(), 1, pss);
    sheet.row("the same, RSS", &own.resident(), 1, rss);
    sheet.row("memory in the machines", &theirs.told(), 1, "");
}

/// By what runs.
#[derive(Default)]
struct Memory(BTreeMap<String, Share>);

/// Of processes that run the same.
#[derive(Default, Clone, Copy)]
struct Share {
    processes: usize,
    /// KiB.
    pss: u64,
    /// KiB.
    rss: u64,
}

impl Memory {
    fn add(&mut self, name: String, one: Share) {
        let entry = self.0.entry(name).or_default();
        entry.processes += one.processes;
        entry.pss += one.pss;
        entry.rss += one.rss;
    }

    fn told(&self) -> String {
        let processes: usize = self.0.values().map(|one| one.processes).sum();
        let kib: u64 = self.0.values().map(|one| one.pss).sum();
        format!("{:.0} MiB, {processes} processes", kib as f64 / 1024.0)
    }

    fn resident(&self) -> String {
        let kib: u64 = self.0.values().map(|one| one.rss).sum();
        format!("{:.0} MiB", kib as f64 / 1024.0)
    }

    fn by_name(&self) -> Vec<(&str, Share)> {
        let mut all: Vec<_> = self
            .0
            .iter()
            .map(|(name, one)| (name.as_str(), *one))
            .collect();
        all.sort_by_key(|(_, one)| std::cmp::Reverse(one.pss));
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
        if let Some(one) = share(pid) {
            into.add(name(pid), one);
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

fn share(pid: u32) -> Option<Share> {
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).ok()?;
    let kib = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        line.split_whitespace().next()?.parse().ok()
    };
    Some(Share {
        processes: 1,
        pss: kib("Pss:")?,
        rss: kib("Rss:")?,
    })
}
