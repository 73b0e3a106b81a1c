//! Which cgroup is the agent's, at which level the kernel sees it, and what supports that.

use std::error::Error as _;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::process::Pid;
use serde::Serialize;
use warren_lib_errchain::chain;
use warren_sys_cgroup::identity::{Agreement, Unidentified};
use warren_sys_cgroup::locate::{self, LocateError, Located, Process, Proof, Through};
use warren_sys_cgroup::{Cgroup, Identity, NsPath, ProcessCgroups};
use warren_sys_nft::Nft;

use crate::level::{self, Level};

/// How the operator named the agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentRef {
    /// The calling process's own cgroup.
    Current,
    /// A process, in our pid namespace.
    Pid(u32),
    /// A cgroup, as `/proc/PID/cgroup` shows it from here.
    Path(String),
}

/// What the rules let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Admitted {
    /// Sockets made in this cgroup.
    Cgroup {
        /// The kernel's number for it.
        id: u64,
        /// The level `socket cgroupv2` sees it at.
        level: u32,
    },
    /// Sockets made by this user, where the operator accepted the fallback.
    Uid(u32),
}

/// One way of learning the id, and what it said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The way.
    pub way: String,
    /// The id it gave.
    pub id: Option<u64>,
    /// Why it gave none.
    pub failure: Option<String>,
}

/// A cgroup identified, with all that supports it.
#[derive(Debug, Serialize)]
pub struct Identified {
    /// Its path from here; `None` if even that is unknown.
    pub path: Option<String>,
    /// The kernel's number for it.
    pub id: u64,
    /// The measured level.
    #[serde(flatten)]
    pub level: Level,
    /// Every way that was tried.
    pub evidence: Vec<Evidence>,
    /// Whether all ways that gave an id gave this one.
    pub agreed: bool,
    /// The directory, where it could be reached.
    #[serde(skip)]
    pub group: Option<Cgroup>,
    /// Whether packets of the caller itself come from this cgroup.
    #[serde(skip)]
    pub is_own: bool,
}

/// The agent's cgroup cannot be identified.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No way led to our own id.
    #[error("the caller's cgroup is not known")]
    Own(#[source] Unidentified),
    /// The process or cgroup named was not found.
    #[error("{what} is not found in the cgroup tree")]
    Locate {
        /// The process or path.
        what: String,
        /// Why.
        source: LocateError,
    },
    /// Not a path that `/proc/PID/cgroup` would show.
    #[error(
        "'{0}' is no cgroup path; expected one as in /proc/PID/cgroup, such as /system.slice/x"
    )]
    Path(String),
    /// A pid above the kernel's range.
    #[error("{0} is no process id")]
    Pid(u32),
    /// The level could not be measured.
    #[error("the level of cgroup {id} is not known")]
    Level {
        /// The cgroup.
        id: u64,
        /// Why.
        source: level::Error,
    },
}

impl Identified {
    /// What rules about this cgroup name.
    pub fn admitted(&self) -> Admitted {
        Admitted::Cgroup {
            id: self.id,
            level: self.level.level,
        }
    }

    /// Where a packet has to be sent from to come from this cgroup; `None` is the caller itself.
    pub fn sender(&self) -> Option<BorrowedFd<'_>> {
        if self.is_own {
            None
        } else {
            self.group.as_ref().map(AsFd::as_fd)
        }
    }
}

/// Identifies the agent's cgroup and measures its level.
///
/// # Errors
/// [`Error`]: nothing is known that a rule could stand on.
pub fn identify(nft: &mut Nft, agent: &AgentRef) -> Result<Identified, Error> {
    let found = find(agent)?;
    let sender = if found.is_own {
        None
    } else {
        found.group.as_ref().map(AsFd::as_fd)
    };
    let level = level::measure(nft, found.id, sender).map_err(|source| Error::Level {
        id: found.id,
        source,
    })?;
    Ok(Identified { level, ..found })
}

/// The id alone, without a measurement: cheap enough to ask at every change.
///
/// # Errors
/// As [`identify`], but for the level.
pub fn find(agent: &AgentRef) -> Result<Identified, Error> {
    match agent {
        AgentRef::Current => own(),
        AgentRef::Pid(number) => {
            let pid = i32::try_from(*number).ok().and_then(Pid::from_raw);
            let pid = pid.ok_or(Error::Pid(*number))?;
            let what = format!("process {number}");
            let found = locate::locate(Process::Pid(pid), None)
                .map_err(|source| Error::Locate { what, source })?;
            Ok(located(found))
        }
        AgentRef::Path(text) => {
            let path = NsPath::parse(text.as_bytes())
                .filter(|_| text.starts_with('/'))
                .ok_or_else(|| Error::Path(text.clone()))?;
            let found = locate::locate_path(&path).map_err(|source| Error::Locate {
                what: format!("cgroup {text}"),
                source,
            })?;
            Ok(located(found))
        }
    }
}

fn own() -> Result<Identified, Error> {
    let identity = Identity::own().map_err(Error::Own)?;
    let evidence = identity.evidence.iter().map(|evidence| Evidence {
        way: evidence.way.to_string(),
        id: evidence.result.as_ref().ok().map(|id| id.0),
        // The outermost text names the way again.
        failure: evidence
            .result
            .as_ref()
            .err()
            .and_then(|error| error.source())
            .map(chain),
    });
    let path = ProcessCgroups::of_self(std::path::Path::new("/proc"))
        .ok()
        .and_then(|groups| groups.v2().map(|member| member.path.to_string()));
    Ok(Identified {
        path,
        id: identity.id.0,
        level: Level::default(),
        evidence: evidence.collect(),
        agreed: !matches!(identity.agreement, Agreement::Conflict(_)),
        group: identity.open().ok().map(|found| found.group),
        is_own: true,
    })
}

fn located(found: Located) -> Identified {
    let through = match &found.through {
        Through::Mount(point) => format!("inode, through {}", point.display()),
        Through::Detached(_) => "inode, through a mount of our own".to_owned(),
    };
    let proof = match found.proof {
        Proof::ListsProcess => "; the directory lists the process",
        Proof::IdMatches => "; the id was known",
        Proof::Named => "",
    };
    let id = found.group.id().0;
    Identified {
        path: Some(found.path.to_string()),
        id,
        level: Level::default(),
        evidence: vec![Evidence {
            way: format!("{through}{proof}"),
            id: Some(id),
            failure: None,
        }],
        agreed: true,
        group: Some(found.group),
        is_own: false,
    }
}
