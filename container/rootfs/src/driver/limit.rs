//! Trying whether the kernel keeps a limit on what is written: project quotas, put to use.
//!
//! A scratch directory becomes part of a project, the project gets a limit, and more is written than
//! that, in the way of the rung: through the overlay, which writes without `CAP_SYS_RESOURCE`, or
//! directly, where ext4 lets whoever has that capability write on.
//!
//! Ids of trials come from [`TRIALS`] on, those of images from [`FIRST`] on; ids that other programs
//! use are smaller. A trial's directories have the id before it has a limit and longer than that,
//! so that a limit on an id without files was left by somebody who was killed.

use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;
use warren_sys_mount::project_quota::{ProjectQuota, State, give_to_project};

use super::overlay::{mount, unmount_all};
use super::probe::{Probe, in_private_mounts};
use super::{Error, Rung, Step, fuse};
use crate::store::work::Work;

/// The first project id of images.
pub(crate) const FIRST: u32 = 0x4000_0000;
/// The first project id of trials.
const TRIALS: u32 = FIRST - TRIAL_COUNT;
const TRIAL_COUNT: u32 = 4096;
/// Bytes that may be written, and that are tried to be.
const LIMIT: u64 = 1 << 20;
const CHUNK: usize = 1 << 16;
const CHUNKS: usize = 64;
/// Less than the limit must not have been refused: a full disk is no limit.
const LEAST: u64 = LIMIT / 2;

/// What the file system of a directory does with project quotas; in words, as nothing is decided by
/// it but whether to try again.
pub(crate) fn state(directory: &Path) -> Result<State, Errno> {
    let opened = File::open(directory);
    let opened = opened.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    ProjectQuota::of(opened.as_fd())?.state()
}

impl Probe<'_> {
    /// Whether a limit holds on this rung, and by what.
    pub(super) fn limits(&self, rung: &Rung) -> Result<Vec<String>, Error> {
        let place = match rung {
            Rung::OverlayTmpfs => return Ok(vec!["by the size of the tmpfs".to_owned()]),
            Rung::OverlayElsewhere(other) => other,
            _ => self.work,
        };
        // Without quotas there is nothing to be mounted for.
        let state = state(place).map_err(|errno| match errno {
            Errno::NOSYS => none("the kernel or the file system has none"),
            errno => Error::at(Step::Quota)(errno),
        });
        match state? {
            State::Enforced => {}
            State::Accounted => return Err(none("the file system counts, but enforces no limits")),
            State::Off => return Err(none("the file system is mounted without them")),
        }
        let scratch = Work::new(self.work).map_err(Error::io(Step::Prepare))?;
        let at = scratch.path();
        let elsewhere = match rung {
            Rung::OverlayElsewhere(other) => {
                Some(Work::new(other).map_err(Error::io(Step::Prepare))?)
            }
            _ => None,
        };
        let upper_in = elsewhere.as_ref().map_or(at, Work::path);
        let root = at.join("root");
        fs::create_dir(&root).map_err(Error::io(Step::Prepare))?;
        in_private_mounts(|| {
            if !rung.is_layered() {
                return tried(&[&root], &root);
            }
            let mut overlay = self.prepare(rung, at, upper_in)?;
            overlay.redirect_dir = self.redirect_dir;
            let mounted = match rung {
                Rung::FuseOverlay => fuse::mount(&overlay, &root),
                _ => mount(&overlay, &root),
            };
            mounted?;
            let outcome = tried(&[&overlay.upper, &overlay.work], &root);
            unmount_all(&root)?;
            outcome
        })?
    }
}

fn none(words: &str) -> Error {
    Error::at(Step::Quota)(Errno::OPNOTSUPP).with(words)
}

/// Limits what is in `directories`, and writes in `root`.
fn tried(directories: &[&Path], root: &Path) -> Result<Vec<String>, Error> {
    let opened = directories.iter().map(File::open);
    let opened = opened.collect::<Result<Vec<_>, _>>();
    let opened = opened.map_err(Error::io(Step::Prepare))?;
    let Some(first) = opened.first() else {
        return Err(none("no directory"));
    };
    let quota = ProjectQuota::of(first.as_fd()).map_err(Error::at(Step::Quota))?;
    let inode = first.metadata().map_err(Error::io(Step::Prepare))?.ino();
    let project = free(&quota, inode).map_err(Error::at(Step::Quota))?;
    for directory in &opened {
        give_to_project(directory, project).map_err(Error::at(Step::Project))?;
    }
    let limited = quota.set_limit(project, Some(LIMIT));
    let outcome = limited
        .map_err(Error::at(Step::Limit))
        .and_then(|()| exceed(&quota, project, root));
    // Whatever came of it: the limit goes before the files do.
    quota
        .set_limit(project, None)
        .map_err(Error::at(Step::Limit))?;
    outcome
}

/// An id that nobody uses, different for directories that there are at the same time; clears what
/// killed trials left.
fn free(quota: &ProjectQuota, inode: u64) -> Result<u32, Errno> {
    let mut at = TRIALS;
    while let Some((left, usage)) = quota.next(at)?.filter(|(id, _)| *id < FIRST) {
        if usage.inodes == 0 && usage.limit.is_some() {
            quota.set_limit(left, None)?;
        }
        at = left + 1;
    }
    let start = u32::try_from(inode % u64::from(TRIAL_COUNT)).unwrap_or(0);
    for number in 0..TRIAL_COUNT {
        let id = TRIALS + (start + number) % TRIAL_COUNT;
        if quota.usage(id)?.is_none() {
            return Ok(id);
        }
    }
    Err(Errno::USERS)
}

fn exceed(quota: &ProjectQuota, project: u32, root: &Path) -> Result<Vec<String>, Error> {
    let error = Error::io(Step::Exceed);
    let mut file = File::create(root.join("full")).map_err(error)?;
    let chunk = vec![b'x'; CHUNK];
    let mut refused = None;
    for _ in 0..CHUNKS {
        if let Err(error) = file.write_all(&chunk) {
            refused = Some(error);
            break;
        }
    }
    // What was accepted may be refused when it goes to the disk.
    let refused = refused.map_or_else(|| file.sync_all(), Err);
    let usage = quota.usage(project).map_err(Error::at(Step::Exceed))?;
    let Err(refusal) = refused else {
        let words = "nothing stopped it; ext4 exempts who has CAP_SYS_RESOURCE";
        return Err(Error::at(Step::Exceed)(Errno::OPNOTSUPP).with(words));
    };
    let errno = Errno::from_io_error(&refusal);
    if !matches!(errno, Some(Errno::DQUOT | Errno::NOSPC)) {
        return Err(error(refusal));
    }
    if !(LEAST..=LIMIT).contains(&usage.bytes) {
        let words = format!("of {LIMIT} bytes {} are counted", usage.bytes);
        return Err(error(refusal).with(words));
    }
    let name = match errno {
        Some(Errno::DQUOT) => "EDQUOT",
        _ => "ENOSPC",
    };
    Ok(vec![format!(
        "by project quotas: writing more gives {name}"
    )])
}
