//! Project ids of images: what the file system counts and limits what is written to them by.
//!
//! ```text
//! projects/START/N ─► ../../images/ID                      the project is that image's
//!                  ─► /ELSEWHERE/warren-rootfs-STORE/ID    the same, its upper layer being there
//! ```
//!
//! An id is taken before anything of the image is there, and given back when all of it is gone and
//! the limit with it. A link whose target is not there, and that nobody is making, was left by a
//! crash: opening the store clears the limit and removes the link.
//!
//! Several stores may be on one file system, unseen by each other in containers. So each begins at
//! an id of its own, made from its name and its directory's inode, goes up from there, and leaves
//! out what the file system knows anything of. START is where: in a copy of a store it is another
//! number, so that a copy does not take the ids of the original for its own. Ids close to each other take less room in XFS's
//! quota file, which does not shrink; so they are given again, lowest first.

use std::fs::{DirBuilder, File};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use warren_sys_mount::project_quota::{ProjectQuota, State, give_to_project};

use super::state::Kept;
use super::{Quota, checked_id};
use crate::driver::{FIRST_PROJECT, Rung};
use crate::layer::Digest;
use crate::store::lock::{Hold, Lock};
use crate::store::{Error, Store, io};

/// Ids of images, above the first.
const COUNT: u32 = 0x4000_0000;
/// Where a store begins is a multiple of this.
const STRIDE: u32 = 4096;
/// How many ids are looked at before giving up.
const TRIES: u32 = 1 << 20;

/// A project id that is taken.
struct Claim {
    project: u32,
    link: PathBuf,
    /// As written in the link.
    target: PathBuf,
}

impl Claim {
    fn is_of(&self, id: &str) -> bool {
        self.target.file_name() == Some(id.as_ref())
    }
}

impl Store {
    /// Takes a project id for an image that is to be made; `None` where the file system keeps no
    /// limits, or not on this rung.
    pub(super) fn claim_project(&self, id: &str, rung: &Rung) -> Result<Option<u32>, Error> {
        if *rung == Rung::OverlayTmpfs || !self.report().limits.works() {
            return Ok(None);
        }
        let (place, target) = match rung {
            Rung::OverlayElsewhere(other) => (other.clone(), self.elsewhere(other).join(id)),
            _ => (self.images(), Path::new("../../images").join(id)),
        };
        // Asked anew: the file system may have been mounted otherwise since the probe.
        let Ok((quota, State::Enforced)) = opened(&place) else {
            return Ok(None);
        };
        let failed = quota_error("find a project id", id, &place);
        let lock_path = self.lock_path("store", "projects");
        let _lock = Lock::wait(&lock_path, Hold::Exclusive).map_err(io("lock", &lock_path))?;
        let projects = self.projects()?;
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&projects).map_err(io("make", &projects))?;
        let mut claimed: Vec<u32> = self.claims()?.iter().map(|claim| claim.project).collect();
        claimed.sort_unstable();
        let start = self.first_project()?;
        for number in 0..TRIES {
            let project = FIRST_PROJECT + (start + number) % COUNT;
            if claimed.binary_search(&project).is_ok()
                || !quota.usage(project).map_err(&failed)?.is_none()
            {
                continue;
            }
            let link = projects.join(project.to_string());
            std::os::unix::fs::symlink(&target, &link).map_err(io("make", &link))?;
            return Ok(Some(project));
        }
        Err(failed(Errno::USERS))
    }

    /// Limits what may be written to an image that is whole: what it has now does not count.
    pub(super) fn limit(&self, id: &str, kept: &Kept) -> Result<(), Error> {
        let (Some(project), Quota::Project { bytes }) = (kept.project, kept.quota) else {
            return Ok(());
        };
        let place = self.counted_at(kept);
        let failed = quota_error("set the disk limit", id, &place);
        let (quota, _) = opened(&place).map_err(&failed)?;
        let there = quota.usage(project).map_err(&failed)?.bytes;
        quota
            .set_limit(project, Some(there.saturating_add(bytes)))
            .map_err(&failed)
    }

    /// Limits how many files and directories may be in an image beside those of now. Whether that is
    /// kept: where the file system has project quotas, and on every rung but a tmpfs.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::Quota`].
    pub fn limit_inodes(&self, id: &str, most: u64) -> Result<bool, Error> {
        let kept = self.kept(checked_id(id)?)?;
        let Some(project) = kept.project else {
            return Ok(false);
        };
        let place = self.counted_at(&kept);
        let failed = quota_error("set the limit of inodes", id, &place);
        let (quota, _) = opened(&place).map_err(&failed)?;
        let there = quota.usage(project).map_err(&failed)?.inodes;
        let limited = quota.set_inode_limit(project, Some(there.saturating_add(most)));
        limited.map(|()| true).map_err(&failed)
    }

    /// Where the file system is that counts what is written to an image.
    fn counted_at(&self, kept: &Kept) -> PathBuf {
        match &kept.rung {
            Rung::OverlayElsewhere(other) => other.clone(),
            _ => self.images(),
        }
    }

    /// Gives back what was taken for an image, all of which is gone.
    pub(super) fn release_projects_of(&self, id: &str) -> Result<(), Error> {
        let claims = self.claims()?;
        let mut own = claims.iter().filter(|claim| claim.is_of(id));
        own.try_for_each(|claim| self.release(claim))
    }

    /// Whether a project id was taken for an image.
    pub(super) fn has_projects(&self, id: &str) -> Result<bool, Error> {
        Ok(self.claims()?.iter().any(|claim| claim.is_of(id)))
    }

    /// Gives back what crashed processes had taken.
    pub(crate) fn sweep_projects(&self) -> Result<(), Error> {
        self.forget_copied()?;
        for claim in self.claims()? {
            let name = claim.target.file_name().and_then(|name| name.to_str());
            let Some(id) = name.and_then(|name| checked_id(name).ok()) else {
                continue;
            };
            if self.is_used(&claim, id) {
                continue;
            }
            let path = self.lock_path("image", id);
            let Some(lock) = Lock::attempt(&path).map_err(io("lock", &path))? else {
                continue;
            };
            // It may have been made meanwhile, and the link may be another's.
            if !self.is_used(&claim, id) && self.is_same(&claim) {
                self.release(&claim)?;
                lock.retire().map_err(io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Links that came with a copy say nothing of this store.
    fn forget_copied(&self) -> Result<(), Error> {
        let (all, own) = (self.root().join("projects"), self.projects()?);
        let entries = match std::fs::read_dir(&all) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
            entries => entries.map_err(io("list", &all))?,
        };
        for entry in entries {
            let path = entry.map_err(io("list", &all))?.path();
            if path != own {
                crate::store::work::remove(&path).map_err(io("remove", &path))?;
            }
        }
        Ok(())
    }

    /// Whether there is anything of the image, in the store or elsewhere.
    fn is_used(&self, claim: &Claim, id: &str) -> bool {
        // The link is followed.
        self.images().join(id).exists() || claim.link.exists()
    }

    /// Whether a project that an image's file names is still ours: it is not after a copy.
    pub(super) fn has_project(&self, project: u32) -> Result<bool, Error> {
        let link = self.projects()?.join(project.to_string());
        Ok(link.symlink_metadata().is_ok())
    }

    fn is_same(&self, claim: &Claim) -> bool {
        std::fs::read_link(&claim.link).is_ok_and(|target| target == claim.target)
    }

    fn release(&self, claim: &Claim) -> Result<(), Error> {
        // The directory `warren-rootfs-STORE` goes with its last image.
        let place = match claim.target.is_absolute() {
            true => claim.target.ancestors().nth(2).unwrap_or(&claim.target),
            false => self.root(),
        };
        match opened(place).map(|(quota, _)| quota.clear(claim.project)) {
            Ok(Ok(())) => {}
            // Quotas are off, so nothing is limited; the limit is cleared when they are on again.
            Err(_) | Ok(Err(Errno::SRCH | Errno::NOSYS | Errno::INVAL | Errno::PERM)) => {
                return Ok(());
            }
            Ok(Err(errno)) => {
                let id = claim.target.file_name().unwrap_or_default();
                let failed = quota_error("remove the disk limit", &id.to_string_lossy(), place);
                return Err(failed(errno));
            }
        }
        match std::fs::remove_file(&claim.link) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(io("remove", &claim.link)),
        }
    }

    fn claims(&self) -> Result<Vec<Claim>, Error> {
        let projects = self.projects()?;
        let entries = match std::fs::read_dir(&projects) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries.map_err(io("list", &projects))?,
        };
        let mut claims = Vec::new();
        for entry in entries {
            let name = entry.map_err(io("list", &projects))?.file_name();
            let Some(project) = name.to_str().and_then(|name| name.parse().ok()) else {
                continue;
            };
            let link = projects.join(&name);
            match std::fs::read_link(&link) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                target => claims.push(Claim {
                    project,
                    target: target.map_err(io("read", &link))?,
                    link,
                }),
            }
        }
        Ok(claims)
    }

    fn projects(&self) -> Result<PathBuf, Error> {
        let start = self.first_project()?.to_string();
        Ok(self.root().join("projects").join(start))
    }

    /// Where this store's ids begin, counted from the first.
    fn first_project(&self) -> Result<u32, Error> {
        let meta = std::fs::metadata(self.root()).map_err(io("look at", self.root()))?;
        let name = format!("{} {}", self.id(), meta.ino());
        let digits = Digest::of(name.as_bytes()).hex();
        let number = digits
            .get(..8)
            .and_then(|digits| u32::from_str_radix(digits, 16).ok());
        Ok(number.unwrap_or(0) % (COUNT / STRIDE) * STRIDE)
    }
}

/// Makes a directory, and what will be in it, part of the image's project.
pub(super) fn give_project(kept: &Kept, directory: &Path) -> Result<(), Error> {
    let Some(project) = kept.project else {
        return Ok(());
    };
    let opened = File::open(directory).map_err(io("open", directory))?;
    give_to_project(&opened, project).map_err(io("give a project id to", directory))
}

/// Bytes of a project on the file system of a directory.
pub(super) fn taken(directory: BorrowedFd<'_>, project: u32) -> Result<u64, Errno> {
    let quota = ProjectQuota::of(directory)?;
    match quota.state()? {
        State::Off => Err(Errno::SRCH),
        State::Accounted | State::Enforced => Ok(quota.usage(project)?.bytes),
    }
}

fn opened(place: &Path) -> Result<(ProjectQuota, State), Errno> {
    let directory = File::open(place);
    let directory = directory.map_err(|error| Errno::from_io_error(&error).unwrap_or(Errno::IO))?;
    let quota = ProjectQuota::of(directory.as_fd())?;
    let state = quota.state()?;
    Ok((quota, state))
}

fn quota_error(step: &'static str, id: &str, path: &Path) -> impl Fn(Errno) -> Error + use<> {
    let (id, path) = (id.to_owned(), path.to_owned());
    move |source| Error::Quota {
        step,
        id: id.clone(),
        path: path.clone(),
        source,
    }
}
