//! Which cgroup on the way up denies a device, and through which program.
//!
//! Every level from the cgroup to the visible root is looked at:
//! - v2: the level's programs are read back from the kernel and interpreted ([`crate::interpret`]).
//!   (`BPF_PROG_TEST_RUN` answers ENOTSUPP for this program type.) Reading needs CAP_SYS_ADMIN, and
//!   programs that call helpers or use maps cannot be interpreted; those give no verdict.
//! - v1: the level's `devices.list`, under the controller's own rule.
//! - Either, on request: a **measurement**. A child process in a scratch cgroup below the level
//!   asks for the device ([`crate::probe`]). That is the truth about the level and all above it.
//!
//! In a private cgroup namespace the levels above the visible root cannot be seen, yet their
//! programs run. They are in the effective set of the visible root and listed as
//! [`Explanation::hidden`].

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{fstat, fstatfs};
use rustix::io::Errno;

use crate::bpf::{self, BpfError};
use crate::device::Request;
use crate::interpret::{self, Unknown};
use crate::probe::{Ask, Nodes, Outcome, ProbeError, Scratch};
use crate::v1::{List, V1Error};

const CGROUP2_MAGIC: u64 = 0x6367_7270;

/// Why nothing can be explained.
#[derive(Debug, thiserror::Error)]
pub enum ExplainError {
    /// The cgroup is not below the root.
    #[error("{} is not below {}", cgroup.display(), root.display())]
    NotBelow {
        /// The cgroup.
        cgroup: PathBuf,
        /// The root.
        root: PathBuf,
    },
    /// A directory could not be opened or looked at.
    #[error("cannot look at {}", path.display())]
    Directory {
        /// The directory.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: std::io::Error,
    },
    /// A `bpf(2)` call failed.
    #[error("cannot look at the programs of {}", path.display())]
    Bpf {
        /// The cgroup.
        path: PathBuf,
        /// What failed.
        #[source]
        source: BpfError,
    },
    /// The v1 controller's files cannot be read.
    #[error(transparent)]
    V1(#[from] V1Error),
    /// A measurement failed.
    #[error("cannot measure at {}", path.display())]
    Probe {
        /// The cgroup.
        path: PathBuf,
        /// What failed.
        #[source]
        source: ProbeError,
    },
}

/// What one program, or one v1 group, says to the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Lets it pass.
    Allows,
    /// Denies it.
    Denies,
    /// Its instructions cannot be read (no CAP_SYS_ADMIN), or it is gone meanwhile.
    Unreadable,
    /// Its instructions cannot be interpreted.
    Uninterpretable(Unknown),
    /// v1 "allow all", which may have exceptions that the kernel does not show.
    HiddenExceptions,
}

impl Verdict {
    const fn of(allowed: bool) -> Self {
        if allowed { Self::Allows } else { Self::Denies }
    }

    /// Whether it is one of the two answers.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        matches!(self, Self::Allows | Self::Denies)
    }
}

/// One program and its verdict.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// The kernel's id.
    pub id: u32,
    /// Its name; empty if it has none or may not be read.
    pub name: String,
    /// Whether it runs for the cgroup explained. A program attached in override mode does not run
    /// for levels below that have their own.
    pub in_force: bool,
    /// What it says.
    pub verdict: Verdict,
}

/// One level of the hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Level {
    /// Its directory.
    pub path: PathBuf,
    /// Its inode number, which is its id on v2.
    pub cgroup_id: u64,
    /// v2: the programs attached here.
    pub programs: Vec<Judged>,
    /// v1: what the group says.
    pub group: Option<Verdict>,
    /// What a process right below this level gets, if measured.
    pub measured: Option<Outcome>,
}

impl Level {
    fn denies(&self) -> bool {
        let by_program = self
            .programs
            .iter()
            .any(|judged| judged.in_force && judged.verdict == Verdict::Denies);
        by_program || self.group == Some(Verdict::Denies)
    }
}

/// The whole way down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was asked.
    pub request: Request,
    /// From the visible root to the cgroup.
    pub levels: Vec<Level>,
    /// v2: programs in force that are attached above the visible root.
    pub hidden: Vec<Judged>,
}

impl Explanation {
    /// The topmost level that denies. With measurements, the first one under which it fails.
    #[must_use]
    pub fn denied_at(&self) -> Option<&Level> {
        let measured = |level: &&Level| level.measured == Some(Outcome::Denied);
        let read = |level: &&Level| level.denies();
        // A hidden program's denial shows as measured at the root; then no visible level is to
        // blame.
        if self.denied_above_root() {
            return None;
        }
        self.levels
            .iter()
            .find(read)
            .or_else(|| self.levels.iter().find(measured))
    }

    /// Whether a program above the visible root denies it.
    #[must_use]
    pub fn denied_above_root(&self) -> bool {
        self.hidden
            .iter()
            .any(|judged| judged.verdict == Verdict::Denies)
    }

    /// Whether the cgroup may; `None` if some verdict on the way is not known and nothing denies.
    #[must_use]
    pub fn allowed(&self) -> Option<bool> {
        let measured = self.levels.last().and_then(|level| level.measured);
        if let Some(passes) = measured.and_then(Outcome::passes_filter) {
            return Some(passes);
        }
        if self.denied_above_root() || self.levels.iter().any(Level::denies) {
            return Some(false);
        }
        let programs = self
            .levels
            .iter()
            .flat_map(|level| &level.programs)
            .chain(&self.hidden);
        let groups = self.levels.iter().filter_map(|level| level.group.as_ref());
        let mut verdicts = programs
            .filter(|judged| judged.in_force)
            .map(|judged| &judged.verdict)
            .chain(groups);
        verdicts.all(Verdict::is_known).then_some(true)
    }
}

/// Explains a request from the processes of `cgroup`, a path at or below `root`, which is the
/// mount point (or a bind of a part) of a cgroup2 or a v1 devices hierarchy.
///
/// With `nodes`, each level is measured too (a scratch cgroup is made and removed at each).
///
/// # Errors
/// [`ExplainError`].
pub fn explain(
    root: &Path,
    cgroup: &Path,
    request: Request,
    nodes: Option<&Nodes>,
) -> Result<Explanation, ExplainError> {
    let paths = levels(root, cgroup)?;
    let (last, v2) = {
        let path = paths.last().map_or(root, PathBuf::as_path);
        let dir = open(path)?;
        let stat = fstatfs(&dir).map_err(|errno| directory(path, errno))?;
        (dir, stat.f_type as u64 == CGROUP2_MAGIC)
    };
    let effective = if v2 {
        let failed = |source| ExplainError::Bpf {
            path: cgroup.to_owned(),
            source,
        };
        bpf::query_effective(last.as_fd()).map_err(failed)?.ids
    } else {
        Vec::new()
    };
    let mut explanation = Explanation {
        request,
        levels: Vec::new(),
        hidden: Vec::new(),
    };
    let mut visible = Vec::new();
    for path in paths {
        let level = level(path, v2, request, &effective, nodes)?;
        visible.extend(level.programs.iter().map(|judged| judged.id));
        explanation.levels.push(level);
    }
    for id in effective.iter().filter(|id| !visible.contains(id)) {
        explanation.hidden.push(judge(*id, request, true, cgroup)?);
    }
    Ok(explanation)
}

fn level(
    path: PathBuf,
    v2: bool,
    request: Request,
    effective: &[u32],
    nodes: Option<&Nodes>,
) -> Result<Level, ExplainError> {
    let dir = open(&path)?;
    let cgroup_id = fstat(&dir).map_err(|errno| directory(&path, errno))?.st_ino;
    let mut programs = Vec::new();
    let mut group = None;
    if v2 {
        let failed = |source| ExplainError::Bpf {
            path: path.clone(),
            source,
        };
        for id in bpf::query(dir.as_fd()).map_err(failed)?.ids {
            programs.push(judge(id, request, effective.contains(&id), &path)?);
        }
    } else {
        let allows = List::read(&path)?.allows(request);
        group = Some(allows.map_or(Verdict::HiddenExceptions, Verdict::of));
    }
    let measured = nodes
        .map(|nodes| measure(&path, request, nodes))
        .transpose()?;
    Ok(Level {
        path,
        cgroup_id,
        programs,
        group,
        measured,
    })
}

fn judge(id: u32, request: Request, in_force: bool, path: &Path) -> Result<Judged, ExplainError> {
    let program = match bpf::by_id(id) {
        Ok(program) => program,
        Err(BpfError {
            errno: Errno::PERM | Errno::ACCESS,
            ..
        }) => None,
        Err(source) => {
            return Err(ExplainError::Bpf {
                path: path.to_owned(),
                source,
            });
        }
    };
    let info = program.as_ref().map(bpf::Loaded::info);
    let name = info.map(|info| info.name.clone()).unwrap_or_default();
    let verdict = match info.and_then(|info| info.insns.as_deref()) {
        None => Verdict::Unreadable,
        Some(insns) => {
            interpret::allows(insns, request).map_or_else(Verdict::Uninterpretable, Verdict::of)
        }
    };
    Ok(Judged {
        id,
        name,
        in_force,
        verdict,
    })
}

fn measure(path: &Path, request: Request, nodes: &Nodes) -> Result<Outcome, ExplainError> {
    let failed = |source| ExplainError::Probe {
        path: path.to_owned(),
        source,
    };
    let scratch = Scratch::below(path).map_err(failed)?;
    let outcome = nodes
        .try_in(scratch.procs(), request, Ask::Check)
        .map_err(failed)?;
    scratch.close().map_err(failed)?;
    Ok(outcome)
}

/// Directories from root to cgroup. No `..`: the kernel resolves names below the root only.
fn levels(root: &Path, cgroup: &Path) -> Result<Vec<PathBuf>, ExplainError> {
    let not_below = || ExplainError::NotBelow {
        cgroup: cgroup.to_owned(),
        root: root.to_owned(),
    };
    let below = cgroup.strip_prefix(root).map_err(|_| not_below())?;
    let mut paths = vec![root.to_owned()];
    let mut path = root.to_owned();
    for part in below.components() {
        let Component::Normal(name) = part else {
            return Err(not_below());
        };
        path.push(name);
        paths.push(path.clone());
    }
    Ok(paths)
}

fn open(path: &Path) -> Result<File, ExplainError> {
    let failed = |source| ExplainError::Directory {
        path: path.to_owned(),
        source,
    };
    File::open(path).map_err(failed)
}

fn directory(path: &Path, errno: Errno) -> ExplainError {
    ExplainError::Directory {
        path: path.to_owned(),
        source: errno.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_run_from_root_to_cgroup() {
        let paths = levels(Path::new("/c"), Path::new("/c/a/b")).unwrap();
        assert_eq!(
            paths,
            [Path::new("/c"), Path::new("/c/a"), Path::new("/c/a/b")]
        );
        assert!(levels(Path::new("/c"), Path::new("/d")).is_err());
        assert!(levels(Path::new("/c"), Path::new("/c/../d")).is_err());
    }
}
