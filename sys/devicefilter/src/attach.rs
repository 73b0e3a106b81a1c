//! Who owns which program, and how a filter is put up, changed and taken down.
//!
//! A cgroup's list of programs is shared: an outer runtime, systemd and we may all have one
//! there. The discipline:
//!
//! - A program is **ours** only if the [`Record`] names its id, tag and load time. Nothing else
//!   is ever detached or replaced. More programs only restrict more, so foreign ones may stay.
//! - There is no instant without a filter: the new program is in before an old one goes.
//! - The record names the new program **before** it is attached, so a crash at any point leaves
//!   at worst an extra program of ours, which narrows, and which the next update removes.
//!
//! ```text
//! lock cgroup directory (flock) -> load record -> load program -> save record {old, new}
//!   -> REPLACE old  (or, if old is not there or the kernel cannot: attach new, detach old)
//!   -> detach whatever else the record named -> save record {new}
//! ```
//!
//! The lock orders updaters on one cgroup. Updaters that share a record then leave exactly one
//! program; updaters with separate records leave one each, and the strictest of both holds.
//! A container can see and lock its own cgroup directory, so after [`LOCK_PATIENCE`] the change
//! goes on without the lock and the report says so: at worst an extra program stays.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::fs::Mode;
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use crate::bpf::{self, BpfError, Tag};
use crate::program::Program;

mod target;

use target::{Target, open_dir, save};

/// How long to wait for another updater of the same cgroup.
pub const LOCK_PATIENCE: Duration = Duration::from_secs(3);

/// Identity of a loaded program. Ids are reused, so tag and load time are compared too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProgramRef {
    /// The kernel's id.
    pub id: u32,
    /// Hash over the instructions.
    pub tag: Tag,
    /// Nanoseconds from boot to load.
    pub loaded_at_ns: u64,
}

/// What we attached to a cgroup. Callers keep it in their state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owned {
    /// Id (inode number) of the cgroup directory. Another cgroup at the same path is another one.
    pub cgroup_id: u64,
    /// Our programs that are, or after a crash may be, attached. The last one is the wanted one.
    pub programs: Vec<ProgramRef>,
}

/// Where [`Owned`] is kept. `save` must be durable before it returns for crashes to leave nothing
/// forgotten.
pub trait Record {
    /// What was saved last.
    ///
    /// # Errors
    /// The store's own.
    fn load(&mut self) -> io::Result<Option<Owned>>;
    /// Saves.
    ///
    /// # Errors
    /// The store's own.
    fn save(&mut self, owned: &Owned) -> io::Result<()>;
}

/// A record in memory, for callers that keep it elsewhere afterwards.
impl Record for Option<Owned> {
    fn load(&mut self) -> io::Result<Option<Owned>> {
        Ok(self.clone())
    }

    fn save(&mut self, owned: &Owned) -> io::Result<()> {
        *self = Some(owned.clone());
        Ok(())
    }
}

/// Why a filter could not be put up, changed or taken down.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The directory is not in a cgroup2 file system.
    #[error("the directory is not in a cgroup2 file system (type {f_type:#x})")]
    NotCgroup2 {
        /// `f_type` found.
        f_type: u64,
    },
    /// Looking at the cgroup directory failed.
    #[error("cannot {step} the cgroup directory")]
    Directory {
        /// What was being done.
        step: &'static str,
        /// The kernel's answer.
        #[source]
        errno: Errno,
    },
    /// The record names programs of ours that are attached here already.
    #[error("a device filter of ours (programs {ids:?}) is attached already; update it instead")]
    AlreadyInstalled {
        /// Their ids.
        ids: Vec<u32>,
    },
    /// Someone attached a program here or above in a mode that admits no other.
    #[error(
        "program {id} ({name:?}) of cgroup {cgroup_id}, {levels_up} levels up, was attached \
         without ALLOW_MULTI and admits no other; have its owner attach it with ALLOW_MULTI, or \
         use a cgroup that is not below it"
    )]
    SingleMode {
        /// Program in the way.
        id: u32,
        /// Its name, if it has one and we may know it.
        name: String,
        /// The cgroup it is attached to.
        cgroup_id: u64,
        /// 0 is the cgroup itself.
        levels_up: usize,
    },
    /// Attaching failed otherwise.
    #[error("attaching a device program{}", match *errno {
        Errno::PERM => " (needs CAP_NET_ADMIN and CAP_BPF or CAP_SYS_ADMIN)",
        Errno::TOOBIG => " (64 programs are attached already)",
        _ => "",
    })]
    Attach {
        /// The kernel's answer.
        #[source]
        errno: Errno,
    },
    /// The record could not be read or written.
    #[error("cannot {step} the record of our device programs")]
    Record {
        /// Load or save.
        step: &'static str,
        /// The store's answer.
        #[source]
        source: io::Error,
    },
    /// Another `bpf(2)` call failed.
    #[error(transparent)]
    Bpf(#[from] BpfError),
}

/// How the program got there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum How {
    /// Added; nothing of ours was attached before. After an update this means that someone else
    /// had taken our program away, and the cgroup went without it until now.
    Added,
    /// Took the place of this program of ours in one step.
    Replaced(u32),
    /// Added, then our old programs were detached.
    AddedThenDetached(Vec<u32>),
}

/// What was done and what is there now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// Somebody else held the lock all the time, so the change went on without it.
    pub contended: bool,
    /// As saved in the record.
    pub owned: Owned,
    /// How the new program got there.
    pub how: How,
    /// Programs of others on this cgroup: left alone, and able to deny more.
    pub foreign: Vec<u32>,
    /// Old programs of ours that could not be detached (held by a link, or not openable for want
    /// of CAP_SYS_ADMIN). They stay in the record and narrow further.
    pub leftover: Vec<u32>,
}

/// Puts a filter on a cgroup, which should be fresh and without processes.
///
/// # Errors
/// [`AttachError`]; then nothing is attached.
pub fn install(
    cgroup: BorrowedFd<'_>,
    program: &Program,
    record: &mut dyn Record,
) -> Result<Report, AttachError> {
    let target = Target::open(cgroup, LOCK_PATIENCE)?;
    let mine = target.recorded(record)?;
    if !mine.attached.is_empty() {
        let ids = mine.attached.iter().map(|ours| ours.reference.id).collect();
        return Err(AttachError::AlreadyInstalled { ids });
    }
    target.change(program, mine, record)
}

/// Changes the filter of a cgroup. Programs of ours named by the record go, the new one comes.
///
/// # Errors
/// [`AttachError`]; then the old filter is still in force.
pub fn update(
    cgroup: BorrowedFd<'_>,
    program: &Program,
    record: &mut dyn Record,
) -> Result<Report, AttachError> {
    let target = Target::open(cgroup, LOCK_PATIENCE)?;
    let mine = target.recorded(record)?;
    target.change(program, mine, record)
}

/// Takes our programs off a cgroup. Returns ids detached and ids that had to stay.
///
/// Not needed before `rmdir`: programs go with the cgroup.
///
/// # Errors
/// [`AttachError`].
pub fn remove(
    cgroup: BorrowedFd<'_>,
    record: &mut dyn Record,
) -> Result<(Vec<u32>, Vec<u32>), AttachError> {
    let target = Target::open(cgroup, LOCK_PATIENCE)?;
    let mine = target.recorded(record)?;
    let mut detached = Vec::new();
    let mut left = Vec::new();
    for ours in &mine.attached {
        if target.detach(ours)? {
            detached.push(ours.reference.id);
        } else if target.has(ours)? {
            left.push(ours.reference.clone());
        }
    }
    let leftover = left.iter().map(|reference| reference.id).collect();
    save(
        record,
        &Owned {
            cgroup_id: target.id,
            programs: left,
        },
    )?;
    Ok((detached, leftover))
}

/// Whether this kernel replaces programs in one step, found out by doing it in a scratch child
/// of `parent`, which is removed again. Updates do not need to know; `doctor` wants to.
///
/// # Errors
/// [`AttachError`] if the scratch cgroup or its first program cannot be had.
pub fn probe_replace(parent: BorrowedFd<'_>) -> Result<bool, AttachError> {
    use rustix::fs::{AtFlags, mkdirat, unlinkat};
    let name = crate::probe::scratch_name();
    let directory = |step| move |errno| AttachError::Directory { step, errno };
    mkdirat(parent, &name, Mode::from_raw_mode(0o755)).map_err(directory("make a scratch of"))?;
    let answer = (|| {
        let scratch = open_dir(parent, &name)?;
        let policy = crate::policy::Policy::from_rules(&[crate::rule::DeviceRule::all(true)]);
        let policy = policy.map_err(|_| AttachError::Attach {
            errno: Errno::INVAL,
        })?;
        let program = Program::new(&policy, crate::program::Style::Shared);
        let (old, new) = (bpf::load(&program)?, bpf::load(&program)?);
        bpf::attach(scratch.as_fd(), old.as_fd()).map_err(|errno| AttachError::Attach { errno })?;
        match bpf::replace(scratch.as_fd(), new.as_fd(), old.as_fd()) {
            Ok(()) => Ok(bpf::query(scratch.as_fd())?.ids == [new.info().id]),
            Err(Errno::INVAL) => Ok(false),
            Err(errno) => Err(AttachError::Attach { errno }),
        }
    })();
    let removed = unlinkat(parent, &name, AtFlags::REMOVEDIR);
    let answer = answer?;
    removed.map_err(directory("remove the scratch of"))?;
    Ok(answer)
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(crate) mod tests_support {
    //! Where the machine's cgroup2 tree is.

    /// Mount point of cgroup2, from `/proc/self/mountinfo`.
    pub(crate) fn cgroup2_root() -> std::path::PathBuf {
        let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap();
        let line = mounts.lines().find(|line| line.contains(" - cgroup2 "));
        let line = line.expect("no cgroup2 mount: mount -t cgroup2 none /sys/fs/cgroup/unified");
        line.split(' ').nth(4).unwrap().into()
    }
}
