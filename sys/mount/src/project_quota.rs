//! Limits on directory trees: project quotas (`quotactl(2)`, `ioctl_xfs_fsgetxattr(2)`).
//!
//! Every file has a project id, 0 unless somebody gave it another; a directory can hand its own on
//! to what is made in it. ext4 (`-O quota,project`, mounted with `prjquota`) and XFS (mounted with
//! `prjquota`) count the bytes of each id and refuse what is beyond its limit: `EDQUOT` from ext4,
//! `ENOSPC` from XFS.
//!
//! The kernel is asked by a descriptor of the file system (`quotactl_fd`, Linux 5.14). Older ones
//! want the path of the block device, which is looked up in the mount table. Both need
//! `CAP_SYS_ADMIN` in the initial user namespace.
#![expect(unsafe_code, reason = "these calls have no safe face")]

use std::ffi::CString;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::io::Errno;

use crate::{Device, MountTable};

/// Commands of linux/quota.h and linux/dqblk_xfs.h.
const Q_GETQUOTA: u32 = 0x80_0007;
const Q_SETQUOTA: u32 = 0x80_0008;
const Q_GETNEXTQUOTA: u32 = 0x80_0009;
const Q_XGETQSTAT: u32 = 0x5805;
/// The kind of quota.
const PRJQUOTA: u32 = 2;
/// `dqb_valid`: the limit of bytes is set, or that of inodes, and nothing else.
const QIF_BLIMITS: u32 = 1;
const QIF_ILIMITS: u32 = 4;
/// Unit of `dqb_bhardlimit`, in bytes.
const BLOCK: u64 = 1024;
/// `qs_flags`: project quotas are counted, and limits hold.
const PDQ_ACCOUNTED: u16 = 1 << 4;
const PDQ_ENFORCED: u16 = 1 << 5;

/// linux/fs.h.
const FS_IOC_FSGETXATTR: libc::c_ulong = 0x801C_581F;
const FS_IOC_FSSETXATTR: libc::c_ulong = 0x401C_5820;
const FS_XFLAG_PROJINHERIT: u32 = 0x200;

/// `struct fsxattr`.
#[derive(Default)]
#[repr(C)]
struct Attributes {
    flags: u32,
    extent_size: u32,
    extents: u32,
    project: u32,
    copy_extent_size: u32,
    pad: [u8; 8],
}

/// `struct if_nextdqblk`, which begins as `struct if_dqblk`.
#[derive(Default)]
#[repr(C)]
struct Block {
    block_hard: u64,
    block_soft: u64,
    space: u64,
    inode_hard: u64,
    inode_soft: u64,
    inodes: u64,
    block_time: u64,
    inode_time: u64,
    valid: u32,
    id: u32,
}

/// `struct fs_quota_stat`, of which only the flags are of interest; with room for more.
#[derive(Default)]
#[repr(C)]
struct Stat {
    version: i8,
    flags: u16,
    rest: [u64; 20],
}

/// What a file system does with project ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing.
    Off,
    /// It counts, but limits do not hold.
    Accounted,
    /// Limits hold.
    Enforced,
}

/// What the files of a project take.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes, those included that are not on the disk yet.
    pub bytes: u64,
    /// Files and directories.
    pub inodes: u64,
    /// Most bytes that they may take.
    pub limit: Option<u64>,
    /// Most files and directories that they may be.
    pub inode_limit: Option<u64>,
}

impl Usage {
    /// Whether the file system has anything of the project.
    #[must_use]
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// The project quotas of a file system.
#[derive(Debug)]
pub struct ProjectQuota {
    reach: Reach,
}

/// How the kernel is told which file system is meant.
#[derive(Debug)]
enum Reach {
    Descriptor(OwnedFd),
    Device(CString),
}

impl ProjectQuota {
    /// Those of the file system that `directory` is on.
    ///
    /// # Errors
    /// `ENOSYS` if the kernel or the file system knows none.
    pub fn of(directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let own = directory.try_clone_to_owned();
        let own = own.map_err(|error| warren_sys_errno::of(&error))?;
        let by_descriptor = Self {
            reach: Reach::Descriptor(own),
        };
        match by_descriptor.state() {
            Err(Errno::NOSYS) => Self::by_device(directory),
            _ => Ok(by_descriptor),
        }
    }

    /// The same by way of the block device, as kernels before 5.14 want it.
    ///
    /// # Errors
    /// `ENOSYS` if the mount table names no such device for it.
    pub fn by_device(directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        let device = rustix::fs::fstat(directory)?.st_dev;
        let wanted = Device {
            major: rustix::fs::major(device),
            minor: rustix::fs::minor(device),
        };
        let table =
            MountTable::read(Path::new("/proc"), "thread-self").map_err(|_| Errno::NOSYS)?;
        let is_it = |path: &Path| {
            std::fs::metadata(path)
                .is_ok_and(|meta| meta.file_type().is_block_device() && meta.rdev() == device)
        };
        let found = table
            .iter()
            .filter(|mount| mount.device == wanted)
            .map(|mount| Path::new(&mount.source))
            .find(|source| source.is_absolute() && is_it(source))
            .ok_or(Errno::NOSYS)?;
        let path = CString::new(found.as_os_str().as_bytes()).map_err(|_| Errno::NOSYS)?;
        Ok(Self {
            reach: Reach::Device(path),
        })
    }

    /// Whether it counts and limits. This alone needs no capability.
    ///
    /// # Errors
    /// `ENOSYS` if the kernel or the file system knows no quotas.
    pub fn state(&self) -> Result<State, Errno> {
        let mut stat = Stat::default();
        match self.call(Q_XGETQSTAT, 0, &mut stat) {
            // XFS without any quota.
            Err(Errno::INVAL | Errno::SRCH) => return Ok(State::Off),
            done => done?,
        }
        Ok(match stat.flags {
            flags if flags & PDQ_ENFORCED != 0 => State::Enforced,
            flags if flags & PDQ_ACCOUNTED != 0 => State::Accounted,
            _ => State::Off,
        })
    }

    /// What a project takes and may take.
    ///
    /// # Errors
    /// `ESRCH` if project quotas are off, `EPERM`.
    pub fn usage(&self, project: u32) -> Result<Usage, Errno> {
        let mut block = Block::default();
        match self.call(Q_GETQUOTA, project, &mut block) {
            // XFS has never heard of it.
            Err(Errno::NOENT) => return Ok(Usage::default()),
            done => done?,
        }
        Ok(usage_of(&block))
    }

    /// Lets a project take `bytes`, rounded up to 1024, or as much as there is.
    ///
    /// # Errors
    /// `ESRCH` if project quotas are off, `EPERM`.
    pub fn set_limit(&self, project: u32, bytes: Option<u64>) -> Result<(), Errno> {
        // 0 is no limit.
        let blocks = bytes.map_or(0, |bytes| bytes.div_ceil(BLOCK).max(1));
        let mut block = Block {
            block_hard: blocks,
            block_soft: 0,
            valid: QIF_BLIMITS,
            ..Block::default()
        };
        self.call(Q_SETQUOTA, project, &mut block)
    }

    /// Lets a project have so many files and directories, or as many as there can be.
    ///
    /// # Errors
    /// `ESRCH` if project quotas are off, `EPERM`.
    pub fn set_inode_limit(&self, project: u32, inodes: Option<u64>) -> Result<(), Errno> {
        let mut block = Block {
            // More than that the kernel takes for a mistake.
            inode_hard: inodes.map_or(0, |inodes| inodes.clamp(1, i64::MAX.cast_unsigned())),
            valid: QIF_ILIMITS,
            ..Block::default()
        };
        self.call(Q_SETQUOTA, project, &mut block)
    }

    /// Removes all limits of a project.
    ///
    /// # Errors
    /// `ESRCH` if project quotas are off, `EPERM`.
    pub fn clear(&self, project: u32) -> Result<(), Errno> {
        let mut block = Block {
            valid: QIF_BLIMITS | QIF_ILIMITS,
            ..Block::default()
        };
        self.call(Q_SETQUOTA, project, &mut block)
    }

    /// The first project from `project` on that takes something or has a limit (Linux 4.6).
    ///
    /// # Errors
    /// `ESRCH` if project quotas are off, `EPERM`.
    pub fn next(&self, project: u32) -> Result<Option<(u32, Usage)>, Errno> {
        // ext4 keeps ids in a tree, 8 bits a level. Where it comes to another part of the tree it
        // does not begin at that part's first id, and so misses some; unless it is asked from the
        // first id of a part on. XFS does not mind.
        let mut from = project;
        for level in [8, 16, 24, 32] {
            let part = |id: u32| u64::from(id) >> level;
            let found = self.next_as_told(from)?;
            if found.is_some_and(|(id, _)| part(id) == part(from)) {
                return Ok(found);
            }
            match u32::try_from((part(from) + 1) << level) {
                Ok(next) => from = next,
                Err(_) => break,
            }
        }
        Ok(None)
    }

    fn next_as_told(&self, project: u32) -> Result<Option<(u32, Usage)>, Errno> {
        let mut block = Block::default();
        match self.call(Q_GETNEXTQUOTA, project, &mut block) {
            Err(Errno::NOENT) => return Ok(None),
            done => done?,
        }
        Ok(Some((block.id, usage_of(&block))))
    }

    fn call<T>(&self, command: u32, id: u32, argument: &mut T) -> Result<(), Errno> {
        let command = command << 8 | PRJQUOTA;
        let address = std::ptr::from_mut(argument);
        let answer = match &self.reach {
            // SAFETY: each command is called with the structure that it reads or fills, or a larger
            // one, which outlives the call.
            Reach::Descriptor(directory) => unsafe {
                libc::syscall(
                    libc::SYS_quotactl_fd,
                    directory.as_raw_fd(),
                    command,
                    id,
                    address,
                )
            },
            // SAFETY: as above, and the path ends with a NUL.
            Reach::Device(path) => unsafe {
                libc::syscall(libc::SYS_quotactl, command, path.as_ptr(), id, address)
            },
        };
        if answer == 0 {
            Ok(())
        } else {
            Err(warren_sys_errno::last())
        }
    }
}

fn usage_of(block: &Block) -> Usage {
    Usage {
        bytes: block.space,
        inodes: block.inodes,
        limit: (block.block_hard > 0).then(|| block.block_hard.saturating_mul(BLOCK)),
        inode_limit: (block.inode_hard > 0).then_some(block.inode_hard),
    }
}

/// The project of a file or directory.
///
/// # Errors
/// `ENOTTY`, `EOPNOTSUPP` if the file system knows none.
pub fn project_of(file: &File) -> Result<u32, Errno> {
    attributes(file.as_fd()).map(|attributes| attributes.project)
}

/// Makes a directory, and what will be made in it, part of a project.
///
/// # Errors
/// `EINVAL` in a user namespace; `ENOTTY`, `EOPNOTSUPP` if the file system knows no projects.
pub fn give_to_project(directory: &File, project: u32) -> Result<(), Errno> {
    let mut wanted = attributes(directory.as_fd())?;
    wanted.project = project;
    wanted.flags |= FS_XFLAG_PROJINHERIT;
    // SAFETY: the argument is a valid fsxattr that outlives the call; the kernel only reads it.
    let answer = unsafe {
        libc::ioctl(
            directory.as_raw_fd(),
            FS_IOC_FSSETXATTR,
            std::ptr::from_ref(&wanted),
        )
    };
    if answer == 0 {
        Ok(())
    } else {
        Err(warren_sys_errno::last())
    }
}

fn attributes(file: BorrowedFd<'_>) -> Result<Attributes, Errno> {
    let mut attributes = Attributes::default();
    // SAFETY: the argument is a valid fsxattr that outlives the call; the kernel only fills it.
    let answer = unsafe {
        libc::ioctl(
            file.as_raw_fd(),
            FS_IOC_FSGETXATTR,
            std::ptr::from_mut(&mut attributes),
        )
    };
    if answer == 0 {
        Ok(attributes)
    } else {
        Err(warren_sys_errno::last())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structures_have_the_kernels_sizes() {
        assert_eq!(std::mem::size_of::<Attributes>(), 28);
        assert_eq!(std::mem::size_of::<Block>(), 72);
        // `fs_quota_stat` has 80.
        assert!(std::mem::size_of::<Stat>() >= 80);
        assert_eq!(std::mem::offset_of!(Stat, flags), 2);
    }

    #[test]
    fn a_file_system_without_files_of_its_own_has_none() {
        let proc = File::open("/proc").unwrap();
        assert!(matches!(ProjectQuota::of(proc.as_fd()), Err(Errno::NOSYS)));
        assert!(give_to_project(&proc, 1).is_err());
    }
}
