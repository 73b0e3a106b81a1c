//! Which mount a path leads to.
//!
//! The walk mirrors the kernel's: from the current mount, going down the path, the first directory
//! that is a mount point *of the current mount* leads into the child mounted there; then onwards
//! from the child, which may itself be covered at the same directory. A mount that can only be
//! named by a path that leads elsewhere is buried.

use std::collections::HashSet;
use std::path::{Component, Path};

use super::{Mount, MountTable};

impl MountTable {
    /// The mount that `path` lies on: the topmost one, as a path lookup would find it.
    ///
    /// `path` must be absolute and free of `..`; symbolic links are not followed. `None` if it is
    /// not so, or if nothing listed covers it (a chroot whose root is not a mount point).
    #[must_use]
    pub fn covering(&self, path: &Path) -> Option<&Mount> {
        let clean = path.is_absolute()
            && path
                .components()
                .all(|c| matches!(c, Component::RootDir | Component::Normal(_)));
        if !clean {
            return None;
        }
        let ids: HashSet<u32> = self.mounts.iter().map(|m| m.id).collect();
        // A mount entered once is never entered again, so a table with a cycle ends the walk too.
        let mut entered = vec![false; self.mounts.len()];
        let mut current: Option<usize> = None;
        while let Some(next) = self.entrance(current, path, &ids, &entered) {
            if let Some(seen) = entered.get_mut(next) {
                *seen = true;
            }
            current = Some(next);
        }
        self.mounts.get(current?)
    }

    /// Whether looking up its mount point leads to this mount, i.e. it is not buried.
    #[must_use]
    pub fn is_reachable(&self, mount: &Mount) -> bool {
        self.covering(&mount.mount_point)
            .is_some_and(|top| top.id == mount.id)
    }

    /// How many other mounts are stacked below `mount` on the very same mount point.
    #[must_use]
    pub fn stacked_below(&self, mount: &Mount) -> usize {
        let same = self
            .mounts
            .iter()
            .filter(|m| m.mount_point == mount.mount_point);
        same.filter(|m| m.id != mount.id).count()
    }

    /// The child of `current` that a walk along `path` enters first: the one with the shortest
    /// mount point. Of several at one point the last listed wins. Without a current mount, the
    /// children are those whose parent is not in the table.
    fn entrance(
        &self,
        current: Option<usize>,
        path: &Path,
        ids: &HashSet<u32>,
        entered: &[bool],
    ) -> Option<usize> {
        let parent = current.and_then(|i| self.mounts.get(i));
        let mut best: Option<(usize, usize)> = None;
        for (i, mount) in self.mounts.iter().enumerate() {
            let is_child = match parent {
                Some(p) => mount.parent == p.id && mount.id != p.id,
                None => mount.parent == mount.id || !ids.contains(&mount.parent),
            };
            let usable = is_child
                && !entered.get(i).copied().unwrap_or(true)
                && path.starts_with(&mount.mount_point);
            if !usable {
                continue;
            }
            let depth = mount.mount_point.components().count();
            if best.is_none_or(|(best_depth, _)| depth <= best_depth) {
                best = Some((depth, i));
            }
        }
        best.map(|(_, i)| i)
    }
}
