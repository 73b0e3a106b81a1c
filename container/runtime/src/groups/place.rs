//! Where a group is, written down so that another process can open it again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use warren_sys_cgroup::locate::{LocateError, Process, locate_path};
use warren_sys_cgroup::proc_file::ProcFileError;
use warren_sys_cgroup::{GroupSet, NsPath, ProcessCgroups, V1Group};

/// One group in every hierarchy, by path. The v2 path is as `/proc/PID/cgroup` shows it, which
/// needs no mount; the v1 paths are below their mounts. Both are those of the cgroup and mount
/// namespace of who wrote them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// In cgroup v2, if the kernel has it.
    #[serde(default)]
    pub v2: Option<String>,
    /// In the v1 hierarchies that are used.
    #[serde(default)]
    pub v1: Vec<V1Place>,
}

/// A group in a v1 hierarchy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct V1Place {
    /// The hierarchy's controllers.
    pub controllers: Vec<String>,
    /// The group's directory.
    pub path: PathBuf,
}

/// A place could not be told or opened.
#[derive(Debug, thiserror::Error)]
pub enum PlaceError {
    /// `/proc/self/cgroup`.
    #[error("the calling process's groups are unknown")]
    ProcFile(#[from] ProcFileError),
    /// The group of a process, or one by path.
    #[error("cannot find the group{}", .path.as_deref().map(|path| format!(" {path}")).unwrap_or_default())]
    Locate {
        /// Which, if it was given by path.
        path: Option<String>,
        /// Why.
        #[source]
        source: LocateError,
    },
    /// The text is no path.
    #[error("{0:?} is not the path of a control group")]
    NoPath(String),
    /// A v1 group.
    #[error("cannot open the group {}", path.display())]
    V1 {
        /// Which.
        path: PathBuf,
        /// Why.
        source: warren_sys_cgroup::Error,
    },
}

impl Place {
    /// The groups that the calling process is in, as far as they can be used.
    ///
    /// # Errors
    /// [`PlaceError`].
    pub fn own() -> Result<Self, PlaceError> {
        let set = GroupSet::of(Process::Myself)
            .map_err(|source| PlaceError::Locate { path: None, source })?;
        let groups = ProcessCgroups::read(Path::new("/proc/self/cgroup").to_owned())?;
        let v2 = groups.v2().map(|membership| membership.path.to_string());
        let v1 = set.v1.iter().map(|group| V1Place {
            controllers: group.controllers().to_vec(),
            path: group.path().to_owned(),
        });
        Ok(Self {
            v2: v2.filter(|_| set.v2.is_some()),
            v1: v1.collect(),
        })
    }

    /// The place of the group `name` below this one.
    #[must_use]
    pub fn child(&self, name: &str) -> Self {
        let v2 = self
            .v2
            .as_deref()
            .map(|path| format!("{}/{name}", path.trim_end_matches('/')));
        let v1 = self.v1.iter().map(|place| V1Place {
            controllers: place.controllers.clone(),
            path: place.path.join(name),
        });
        Self {
            v2,
            v1: v1.collect(),
        }
    }

    /// The place of the group `name` beside this one.
    #[must_use]
    pub fn sibling(&self, name: &str) -> Self {
        let v2 = self.v2.as_deref().map(|path| {
            let above = path.rsplit_once('/').map_or("", |(above, _)| above);
            format!("{above}/{name}")
        });
        let v1 = self.v1.iter().map(|place| V1Place {
            controllers: place.controllers.clone(),
            path: place.path.with_file_name(name),
        });
        Self {
            v2,
            v1: v1.collect(),
        }
    }

    /// The same without the v1 groups that cannot be opened, and those: somebody may have unmounted a
    /// hierarchy since this was written down.
    #[must_use]
    pub fn within_reach(&self) -> (Self, Vec<V1Place>) {
        let all = self.v1.iter().cloned();
        let (there, missing) = all.partition(|place| place.open().is_ok());
        let reached = Self {
            v2: self.v2.clone(),
            v1: there,
        };
        (reached, missing)
    }

    /// Opens the groups.
    ///
    /// # Errors
    /// One of them is not there or cannot be reached.
    pub fn open(&self) -> Result<GroupSet, PlaceError> {
        let v2 = self.v2.as_deref().map(open_v2).transpose()?;
        let v1 = self.v1.iter().map(V1Place::open);
        Ok(GroupSet {
            v2,
            v1: v1.collect::<Result<_, _>>()?,
            unusable: Vec::new(),
        })
    }
}

pub(super) fn open_v2(path: &str) -> Result<warren_sys_cgroup::Cgroup, PlaceError> {
    let parsed =
        NsPath::parse(path.as_bytes()).ok_or_else(|| PlaceError::NoPath(path.to_owned()))?;
    locate_path(&parsed)
        .map(|located| located.group)
        .map_err(|source| PlaceError::Locate {
            path: Some(path.to_owned()),
            source,
        })
}

impl V1Place {
    pub(super) fn open(&self) -> Result<V1Group, PlaceError> {
        V1Group::open(&self.path, &self.controllers).map_err(|source| PlaceError::V1 {
            path: self.path.clone(),
            source,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_is_one_name_deeper_everywhere() {
        let place = Place {
            v2: Some("/".to_owned()),
            v1: vec![V1Place {
                controllers: vec!["pids".to_owned()],
                path: "/sys/fs/cgroup/pids/a".into(),
            }],
        };
        let child = place.child("b");
        assert_eq!(child.v2.as_deref(), Some("/b"));
        assert_eq!(child.child("c").v2.as_deref(), Some("/b/c"));
        assert_eq!(child.v1[0].path, Path::new("/sys/fs/cgroup/pids/a/b"));
        assert_eq!(Place::default().child("b"), Place::default());
        assert_eq!(child.sibling("c"), place.child("c"));
        assert_eq!(child.child("c").sibling("d"), child.child("d"));
    }
}
