//! The cgroup v2 id of a process, with evidence.
//!
//! The id is what `socket cgroupv2` rules compare, so being sure of it is what a firewall stands
//! on. Three independent ways lead to our own:
//!
//! | way | needs | fails when |
//! |---|---|---|
//! | socket diagnostics | a netlink socket, Linux 5.8 with `inet_diag` | the kernel lacks it |
//! | visible mount | `/proc`, a cgroup2 mount that shows our group | no mount, foreign root, stacked mounts |
//! | own mount | `CAP_SYS_ADMIN` | unprivileged, new mount API filtered |
//!
//! The first asks for exactly the number that the kernel will compare, and wins if they disagree.
//! (They do where a `net_cls` or `net_prio` hierarchy takes over the socket's group, before Linux
//! 5.15: every socket then reports the root, and no rule can match.)

pub(crate) mod sock_diag;

use rustix::process::Pid;
use warren_sys_mount::{DetachedError, detached_own_cgroup2};

pub use sock_diag::DiagError;

use crate::error::Error;
use crate::group::Cgroup;
use crate::id::CgroupId;
use crate::locate::{LocateError, Located, Process, locate, locate_visible};

/// Our own group's id and what supports it.
#[derive(Debug)]
pub struct Identity {
    /// The id to use.
    pub id: CgroupId,
    /// Every way that was tried, in order of trust.
    pub evidence: Vec<Evidence>,
    /// Whether the ways agree.
    pub agreement: Agreement,
}

/// One way's answer.
#[derive(Debug)]
pub struct Evidence {
    /// The way.
    pub way: Way,
    /// Its answer.
    pub result: Result<CgroupId, EvidenceError>,
}

/// A way to learn our own group's id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Way {
    /// The kernel's answer about a UDP (or TCP) socket of ours (`INET_DIAG_CGROUP_ID`).
    SocketDiagnostics,
    /// The inode of our directory in a mount of the mount table.
    VisibleMount,
    /// The inode of the root of a detached mount made in a scratch cgroup namespace, which is
    /// rooted at our group.
    OwnMount,
}

impl std::fmt::Display for Way {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::SocketDiagnostics => "socket diagnostics",
            Self::VisibleMount => "visible mount",
            Self::OwnMount => "own mount",
        })
    }
}

/// Whether the ways that answered say the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Agreement {
    /// At least two ways answered, all alike.
    Agreed,
    /// Only one way answered.
    Single(Way),
    /// Some differ from the id that is used.
    Conflict(Vec<(Way, CgroupId)>),
}

/// Why a way gave no id.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// Socket diagnostics.
    #[error("socket diagnostics")]
    Diagnostics(#[from] DiagError),
    /// A visible mount.
    #[error("visible mounts")]
    Visible(#[from] LocateError),
    /// The own mount.
    #[error("own mount")]
    OwnMount(#[from] DetachedError),
    /// The own mount's root directory.
    #[error("own mount's root")]
    OwnRoot(#[from] Error),
}

/// No way led to an id.
#[derive(Debug, thiserror::Error)]
#[error(
    "the cgroup of this process cannot be established: {}",
    Reasons(evidence)
)]
pub struct Unidentified {
    /// Every way's failure.
    pub evidence: Vec<Evidence>,
}

impl Identity {
    /// Establishes the id of the calling process's group. The own mount, which costs milliseconds,
    /// is made only where the two other ways do not settle it.
    ///
    /// # Errors
    /// All ways failed; each failure is kept.
    pub fn own() -> Result<Self, Unidentified> {
        let mut evidence = Self::cheap_evidence();
        let settled = matches!(evidence.as_slice(),
            [Evidence { result: Ok(one), .. }, Evidence { result: Ok(other), .. }] if one == other);
        if !settled {
            evidence.push(Evidence {
                way: Way::OwnMount,
                result: own_mount(),
            });
        }
        Self::from_evidence(evidence)
    }

    /// The same by every way there is, for a diagnosis.
    ///
    /// # Errors
    /// As [`Identity::own`].
    pub fn own_by_every_way() -> Result<Self, Unidentified> {
        let mut evidence = Self::cheap_evidence();
        evidence.push(Evidence {
            way: Way::OwnMount,
            result: own_mount(),
        });
        Self::from_evidence(evidence)
    }

    fn cheap_evidence() -> Vec<Evidence> {
        let diagnostics = sock_diag::own_cgroup_id().map_err(EvidenceError::from);
        let visible = locate_visible(Process::Myself, None)
            .map(|found| found.group.id())
            .map_err(EvidenceError::from);
        vec![
            Evidence {
                way: Way::SocketDiagnostics,
                result: diagnostics,
            },
            Evidence {
                way: Way::VisibleMount,
                result: visible,
            },
        ]
    }

    /// Weighs evidence, listed in order of trust.
    ///
    /// # Errors
    /// None of it is an id.
    pub fn from_evidence(evidence: Vec<Evidence>) -> Result<Self, Unidentified> {
        let answers: Vec<(Way, CgroupId)> = evidence
            .iter()
            .filter_map(|e| Some((e.way, *e.result.as_ref().ok()?)))
            .collect();
        let Some(&(way, id)) = answers.first() else {
            return Err(Unidentified { evidence });
        };
        let others: Vec<_> = answers
            .iter()
            .copied()
            .filter(|(_, other)| *other != id)
            .collect();
        let agreement = match (others.is_empty(), answers.len()) {
            (true, 1) => Agreement::Single(way),
            (true, _) => Agreement::Agreed,
            (false, _) => Agreement::Conflict(others),
        };
        Ok(Self {
            id,
            evidence,
            agreement,
        })
    }

    /// What one way said.
    #[must_use]
    pub fn by(&self, way: Way) -> Option<&Result<CgroupId, EvidenceError>> {
        self.evidence
            .iter()
            .find(|e| e.way == way)
            .map(|e| &e.result)
    }

    /// Opens the group, for whatever needs its directory.
    ///
    /// # Errors
    /// No directory could be reached that has this id.
    pub fn open(&self) -> Result<Located, LocateError> {
        locate(Process::Myself, Some(self.id))
    }
}

/// The id of another process's group.
///
/// # Errors
/// The process is gone, or its group can be reached through no mount.
pub fn of_pid(pid: Pid) -> Result<CgroupId, LocateError> {
    locate(Process::Pid(pid), None).map(|found| found.group.id())
}

/// The id of the group at a path in a cgroup2 mount.
///
/// # Errors
/// There is none, or the path is not in a cgroup2 mount.
pub fn of_path(path: &std::path::Path) -> Result<CgroupId, Error> {
    Cgroup::open(path).map(|group| group.id())
}

/// The id by socket diagnostics alone: what nftables will compare, in about a hundred
/// microseconds.
///
/// # Errors
/// The kernel lacks it, or no socket could be made.
pub fn by_socket_diagnostics() -> Result<CgroupId, DiagError> {
    sock_diag::own_cgroup_id()
}

fn own_mount() -> Result<CgroupId, EvidenceError> {
    let root = detached_own_cgroup2()?;
    Ok(Cgroup::from_fd(root, "(own cgroup)".into())?.id())
}

struct Reasons<'a>(&'a [Evidence]);

impl std::fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (i, evidence) in self.0.iter().enumerate() {
            let Err(error) = &evidence.result else {
                continue;
            };
            if i > 0 {
                f.write_str("; ")?;
            }
            write!(f, "{}", evidence.way)?;
            // The outermost text is the way again.
            let mut cause = std::error::Error::source(error);
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    fn yes(way: Way, id: u64) -> Evidence {
        Evidence {
            way,
            result: Ok(CgroupId(id)),
        }
    }

    fn no(way: Way) -> Evidence {
        Evidence {
            way,
            result: Err(EvidenceError::Visible(LocateError::NoMount)),
        }
    }

    #[test]
    fn agreement_is_weighed() {
        use Way::{OwnMount, SocketDiagnostics, VisibleMount};
        let of = |evidence| Identity::from_evidence(evidence).unwrap();
        let all = of(vec![
            yes(SocketDiagnostics, 7),
            yes(VisibleMount, 7),
            yes(OwnMount, 7),
        ]);
        assert_eq!((all.id, all.agreement), (CgroupId(7), Agreement::Agreed));
        let one = of(vec![
            no(SocketDiagnostics),
            no(VisibleMount),
            yes(OwnMount, 9),
        ]);
        assert_eq!(
            (one.id, one.agreement),
            (CgroupId(9), Agreement::Single(OwnMount))
        );
        let other = of(vec![
            yes(SocketDiagnostics, 1),
            no(VisibleMount),
            yes(OwnMount, 9),
        ]);
        assert_eq!(other.id, CgroupId(1));
        assert_eq!(
            other.agreement,
            Agreement::Conflict(vec![(OwnMount, CgroupId(9))])
        );
    }

    #[test]
    fn without_evidence_every_reason_is_told() {
        let own = EvidenceError::OwnMount(DetachedError {
            step: warren_sys_mount::Step::Open,
            fs_type: "cgroup2".into(),
            kernel_log: None,
            source: Errno::PERM,
        });
        let evidence = vec![
            no(Way::VisibleMount),
            Evidence {
                way: Way::OwnMount,
                result: Err(own),
            },
        ];
        let text = Identity::from_evidence(evidence).unwrap_err().to_string();
        assert!(
            text.contains("visible mount: no cgroup2 mount is visible"),
            "{text}"
        );
        assert!(
            text.contains("own mount: opening a context for cgroup2: "),
            "{text}"
        );
    }
}
