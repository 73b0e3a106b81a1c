//! Control groups by their numbers.

use std::collections::BTreeMap;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// The machine's groups of cgroup v2 by their ids, which are the same at every level.
#[derive(Default)]
pub(super) struct Groups(BTreeMap<u64, String>);

impl Groups {
    /// All there are now.
    pub(super) fn look() -> Self {
        let mut groups = Self::default();
        // A mount of our own: others may not be there, as in a network namespace of ip-netns(8).
        if let Ok(tree) = warren_sys_mount::detached_cgroup2() {
            let top = format!("/proc/self/fd/{}", tree.root.as_raw_fd());
            groups.walk(Path::new(&top));
        }
        groups
    }

    /// Those below the directory, however deep: whoever is given a group may nest thousands in it.
    fn walk(&mut self, top: &Path) {
        let mut todo = vec![(top.to_owned(), String::new())];
        while let Some((directory, name)) = todo.pop() {
            // Groups come and go while this looks.
            let Ok(entries) = std::fs::read_dir(&directory) else {
                continue;
            };
            for entry in entries.flatten() {
                let Ok(about) = entry.metadata() else {
                    continue;
                };
                if about.is_dir() {
                    let name = format!("{name}/{}", entry.file_name().to_string_lossy());
                    self.0.insert(about.ino(), name.clone());
                    todo.push((entry.path(), name));
                }
            }
        }
    }

    /// What is said of a group with this number.
    pub(super) fn name(&self, id: &str) -> String {
        match id.parse().ok().and_then(|id| self.0.get(&id)) {
            Some(name) => format!("cgroup {name}"),
            None => format!("cgroup number {id}"),
        }
    }
}
