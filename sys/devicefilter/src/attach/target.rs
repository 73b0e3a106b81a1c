//! One locked cgroup, and the steps of changing its programs. The order is in the parent module.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, fstatfs, openat};
use rustix::io::Errno;

use super::{AttachError, How, Owned, ProgramRef, Record, Report};
use crate::bpf::{self, Attached, BpfError, Loaded};
use crate::program::Program;

/// `f_type` of cgroup2 (`include/uapi/linux/magic.h`).
const CGROUP2_MAGIC: u64 = 0x6367_7270;

/// A program of ours that is attached; the descriptor is missing without CAP_SYS_ADMIN.
pub(super) struct Ours {
    pub reference: ProgramRef,
    program: Option<Loaded>,
}

/// What the record names and what of it is really attached here.
pub(super) struct Mine {
    saved: Option<Owned>,
    pub attached: Vec<Ours>,
}

pub(super) struct Target {
    /// Own open description, so that the lock is ours alone.
    dir: OwnedFd,
    pub id: u64,
    pub locked: bool,
    /// Whether the kernel is asked to replace in one step. Off only to test the other way.
    pub one_step: bool,
}

impl Target {
    pub fn open(cgroup: BorrowedFd<'_>, patience: Duration) -> Result<Self, AttachError> {
        let directory = |step| move |errno| AttachError::Directory { step, errno };
        let f_type = fstatfs(cgroup).map_err(directory("stat"))?.f_type as u64;
        if f_type != CGROUP2_MAGIC {
            return Err(AttachError::NotCgroup2 { f_type });
        }
        let dir = open_dir(cgroup, ".")?;
        let deadline = Instant::now() + patience;
        let locked = loop {
            match flock(&dir, FlockOperation::NonBlockingLockExclusive) {
                Ok(()) => break true,
                Err(Errno::WOULDBLOCK) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(2));
                }
                Err(Errno::WOULDBLOCK) => break false,
                Err(errno) => return Err(directory("lock")(errno)),
            }
        };
        let id = fstat(&dir).map_err(directory("stat"))?.st_ino;
        Ok(Self {
            dir,
            id,
            locked,
            one_step: true,
        })
    }

    pub fn recorded(&self, record: &mut dyn Record) -> Result<Mine, AttachError> {
        let saved = record.load().map_err(|source| AttachError::Record {
            step: "load",
            source,
        })?;
        let here = saved.iter().filter(|owned| owned.cgroup_id == self.id);
        let named: Vec<ProgramRef> = here.flat_map(|owned| owned.programs.clone()).collect();
        let present = self.query()?.ids;
        let mut attached = Vec::new();
        for reference in named
            .into_iter()
            .filter(|named| present.contains(&named.id))
        {
            match bpf::by_id(reference.id) {
                Ok(Some(program)) => {
                    if ProgramRef::of(&program) == reference {
                        attached.push(Ours {
                            reference,
                            program: Some(program),
                        });
                    }
                }
                Ok(None) => {}
                // Not allowed to look: then it cannot be replaced either. It stays, and narrows.
                Err(BpfError {
                    errno: Errno::PERM | Errno::ACCESS,
                    ..
                }) => {
                    attached.push(Ours {
                        reference,
                        program: None,
                    });
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Mine { saved, attached })
    }

    pub fn change(
        &self,
        program: &Program,
        mine: Mine,
        record: &mut dyn Record,
    ) -> Result<Report, AttachError> {
        let new = bpf::load(program)?;
        let reference = ProgramRef::of(&new);
        let mut programs: Vec<ProgramRef> = mine
            .attached
            .iter()
            .map(|ours| ours.reference.clone())
            .collect();
        programs.push(reference.clone());
        save(
            record,
            &Owned {
                cgroup_id: self.id,
                programs,
            },
        )?;

        let replaced = match self.put(&new, &mine.attached) {
            Ok(replaced) => replaced,
            Err(error) => {
                let programs = mine
                    .attached
                    .into_iter()
                    .map(|ours| ours.reference)
                    .collect();
                let before = mine.saved.unwrap_or(Owned {
                    cgroup_id: self.id,
                    programs,
                });
                save(record, &before)?;
                return Err(error);
            }
        };
        let mut detached = Vec::new();
        let mut kept = Vec::new();
        for ours in mine
            .attached
            .iter()
            .filter(|ours| Some(ours.reference.id) != replaced)
        {
            if self.detach(ours)? {
                detached.push(ours.reference.id);
            } else if self.has(ours)? {
                kept.push(ours.reference.clone());
            }
        }
        let leftover: Vec<u32> = kept.iter().map(|reference| reference.id).collect();
        let new_id = reference.id;
        kept.push(reference);
        let owned = Owned {
            cgroup_id: self.id,
            programs: kept,
        };
        save(record, &owned)?;
        let mut foreign = self.query()?.ids;
        foreign.retain(|id| *id != new_id && !leftover.contains(id));
        let how = match replaced {
            Some(id) => How::Replaced(id),
            None if detached.is_empty() => How::Added,
            None => How::AddedThenDetached(detached),
        };
        Ok(Report {
            contended: !self.locked,
            owned,
            how,
            foreign,
            leftover,
        })
    }

    /// Brings `new` in; the id it replaced, if it did.
    fn put(&self, new: &Loaded, mine: &[Ours]) -> Result<Option<u32>, AttachError> {
        for ours in mine.iter().rev().filter(|_| self.one_step) {
            let Some(old) = &ours.program else { continue };
            match bpf::replace(self.dir.as_fd(), new.as_fd(), old.as_fd()) {
                Ok(()) => return Ok(Some(ours.reference.id)),
                // Detached meanwhile, attached through a link, or a kernel without REPLACE.
                Err(Errno::NOENT | Errno::INVAL) => {}
                Err(errno) => return Err(self.why_not(errno)?),
            }
        }
        match bpf::attach(self.dir.as_fd(), new.as_fd()) {
            Ok(()) => Ok(None),
            Err(errno) => Err(self.why_not(errno)?),
        }
    }

    /// EPERM on attach is either a missing capability or a list that admits no other program,
    /// here or above.
    fn why_not(&self, errno: Errno) -> Result<AttachError, AttachError> {
        let plain = AttachError::Attach { errno };
        if errno != Errno::PERM {
            return Ok(plain);
        }
        let mut dir = open_dir(self.dir.as_fd(), ".")?;
        let mut id = self.id;
        for levels_up in 0.. {
            let Attached { ids, flags } = bpf::query(dir.as_fd())?;
            if let Some(&holder) = ids.first() {
                if flags & bpf::ALLOW_MULTI != 0 && levels_up > 0 {
                    break;
                }
                // An ancestor in override mode lets lower levels attach.
                let admits = if levels_up == 0 {
                    bpf::ALLOW_MULTI
                } else {
                    bpf::ALLOW_MULTI | bpf::ALLOW_OVERRIDE
                };
                if flags & admits == 0 {
                    // Not being allowed to read the name is no reason to hide the id.
                    let name = bpf::by_id(holder).ok().flatten();
                    let name = name
                        .map(|program| program.info().name.clone())
                        .unwrap_or_default();
                    return Ok(AttachError::SingleMode {
                        id: holder,
                        name,
                        cgroup_id: id,
                        levels_up,
                    });
                }
            }
            dir = open_dir(dir.as_fd(), "..")?;
            let directory = |errno| AttachError::Directory {
                step: "stat a parent of",
                errno,
            };
            let up = fstat(&dir).map_err(directory)?.st_ino;
            if up == id || fstatfs(&dir).map_err(directory)?.f_type as u64 != CGROUP2_MAGIC {
                break;
            }
            id = up;
        }
        Ok(plain)
    }

    fn query(&self) -> Result<Attached, AttachError> {
        Ok(bpf::query(self.dir.as_fd())?)
    }

    pub fn has(&self, ours: &Ours) -> Result<bool, AttachError> {
        Ok(self.query()?.ids.contains(&ours.reference.id))
    }

    pub fn detach(&self, ours: &Ours) -> Result<bool, AttachError> {
        let Some(program) = &ours.program else {
            return Ok(false);
        };
        Ok(bpf::detach(
            self.dir.as_fd(),
            ours.reference.id,
            program.as_fd(),
        )?)
    }
}

impl ProgramRef {
    fn of(program: &Loaded) -> Self {
        let info = program.info();
        Self {
            id: info.id,
            tag: info.tag.clone(),
            loaded_at_ns: info.loaded_at_ns,
        }
    }
}

pub(super) fn save(record: &mut dyn Record, owned: &Owned) -> Result<(), AttachError> {
    record.save(owned).map_err(|source| AttachError::Record {
        step: "save",
        source,
    })
}

pub(super) fn open_dir(at: BorrowedFd<'_>, name: &str) -> Result<OwnedFd, AttachError> {
    openat(
        at,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(|errno| AttachError::Directory {
        step: "open",
        errno,
    })
}
