//! Device programs in the kernel: load, attach, replace, query, look at.
//!
//! Facts that shape it (`kernel/bpf/cgroup.c`, `kernel/bpf/syscall.c`):
//! - Attaching needs `BPF_F_ALLOW_MULTI` on all of a cgroup's programs or on none.
//! - `BPF_F_REPLACE` needs the descriptor of a program attached at this very cgroup; else ENOENT.
//! - Programs attached through a link are listed, but can be neither replaced nor detached by
//!   program descriptor (ENOENT).
//! - Detaching from a list that is not MULTI removes its program whichever one was named.
//! - A short buffer gives ENOSPC and the true count.
//! - A program lives while it is attached; our descriptor may be closed.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::{Deserialize, Serialize};

use crate::insn::Insn;
use crate::program::Program;

mod sys;

/// `BPF_F_ALLOW_OVERRIDE`.
pub const ALLOW_OVERRIDE: u32 = 1;
/// `BPF_F_ALLOW_MULTI`.
pub const ALLOW_MULTI: u32 = 2;
const REPLACE: u32 = 4;
const QUERY_EFFECTIVE: u32 = 1;
/// Name our programs carry, for people who list programs. Never used to decide ownership.
pub const PROGRAM_NAME: &str = "warren_devices";
const LOG_SIZE: usize = 64 * 1024;
const LOAD_TRIES: usize = 10;
/// The kernel allows 64 own programs per level; effective sets of deep trees are longer.
const MOST_IDS: usize = 1 << 16;

/// A failed `bpf(2)` call.
#[derive(Debug, thiserror::Error)]
#[error("{step}{}", hint.as_deref().map(|hint| format!(" ({hint})")).unwrap_or_default())]
pub struct BpfError {
    /// What was being done.
    pub step: &'static str,
    /// What to know or do about it, or what the verifier said.
    pub hint: Option<String>,
    /// The kernel's answer.
    #[source]
    pub errno: Errno,
}

fn failed(step: &'static str) -> impl Fn(Errno) -> BpfError {
    move |errno| BpfError {
        step,
        hint: None,
        errno,
    }
}

/// The kernel's hash over a program's instructions, in hex.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Tag(pub String);

/// What the kernel tells about a program.
#[derive(Debug, Clone)]
pub struct ProgramInfo {
    /// Id, unique among the loaded programs.
    pub id: u32,
    /// `BPF_PROG_TYPE_*`; 15 is a cgroup device program.
    pub kind: u32,
    /// Hash of the instructions.
    pub tag: Tag,
    /// Name given by the loader; may be empty.
    pub name: String,
    /// Nanoseconds from boot to load.
    pub loaded_at_ns: u64,
    /// User id of the loader.
    pub uid: u32,
    /// How often it ran; counts only while `kernel.bpf_stats_enabled` is 1.
    pub run_count: u64,
    /// Translated instructions, if we may read them (CAP_SYS_ADMIN or CAP_PERFMON + CAP_BPF).
    pub insns: Option<Vec<Insn>>,
}

/// A loaded program.
#[derive(Debug)]
pub struct Loaded {
    fd: OwnedFd,
    info: ProgramInfo,
}

impl Loaded {
    /// What the kernel tells about it.
    #[must_use]
    pub const fn info(&self) -> &ProgramInfo {
        &self.info
    }
}

impl AsFd for Loaded {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// Loads a program under [`PROGRAM_NAME`].
///
/// EAGAIN (a signal hit the verifier) is retried. On EPERM with a small `RLIMIT_MEMLOCK` (only
/// kernels before 5.11 count programs against it) the limit is raised for one more try and put
/// back. On other failures the verifier's log is in the error.
///
/// # Errors
/// [`BpfError`].
pub fn load(program: &Program) -> Result<Loaded, BpfError> {
    let fd = match load_retrying(program.insns(), None) {
        Ok(fd) => fd,
        Err(Errno::PERM) => load_with_memlock(program.insns())?,
        Err(errno) => return Err(explain_load(program.insns(), errno)),
    };
    let info = info(fd.as_fd())?;
    Ok(Loaded { fd, info })
}

fn load_retrying(insns: &[Insn], mut log: Option<&mut [u8]>) -> Result<OwnedFd, Errno> {
    let mut name = [0; 16];
    name[..PROGRAM_NAME.len()].copy_from_slice(PROGRAM_NAME.as_bytes());
    let mut answer = Err(Errno::AGAIN);
    for _ in 0..LOAD_TRIES {
        answer = sys::prog_load(insns, name, log.as_deref_mut());
        if !matches!(answer, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    answer
}

fn load_with_memlock(insns: &[Insn]) -> Result<OwnedFd, BpfError> {
    let before = getrlimit(Resource::Memlock);
    let unlimited = Rlimit {
        current: None,
        maximum: None,
    };
    let to_the_top = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    let raised = setrlimit(Resource::Memlock, unlimited)
        .or_else(|_| setrlimit(Resource::Memlock, to_the_top));
    let answer = load_retrying(insns, None);
    if raised.is_ok() {
        // With the hard limit raised this lowers it again, which is always permitted.
        setrlimit(Resource::Memlock, before).map_err(failed("putting RLIMIT_MEMLOCK back"))?;
    }
    answer.map_err(|errno| {
        let limit = before
            .maximum
            .map_or_else(|| "unlimited".to_owned(), |n| format!("{n} bytes"));
        let hint = format!(
            "needs CAP_BPF and CAP_NET_ADMIN, or CAP_SYS_ADMIN, in the initial user namespace; \
             kernels before 5.11 also need RLIMIT_MEMLOCK, here at most {limit}"
        );
        BpfError {
            step: "loading a device program",
            hint: Some(hint),
            errno,
        }
    })
}

fn explain_load(insns: &[Insn], errno: Errno) -> BpfError {
    let mut log = vec![0; LOG_SIZE];
    // Only wanted for its log; a program that loads this time is closed again.
    drop(load_retrying(insns, Some(&mut log)));
    let end = log.iter().position(|byte| *byte == 0).unwrap_or(log.len());
    let text = String::from_utf8_lossy(&log[..end]).trim().to_owned();
    let hint = (!text.is_empty()).then_some(text);
    BpfError {
        step: "loading a device program",
        hint,
        errno,
    }
}

/// The device programs of a cgroup.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attached {
    /// Ids, in the order they run.
    pub ids: Vec<u32>,
    /// `BPF_F_ALLOW_MULTI`, `BPF_F_ALLOW_OVERRIDE` or 0: the mode of the list. Meaningless while
    /// the list is empty, and for effective queries.
    pub flags: u32,
}

impl Attached {
    /// Whether others can add programs here.
    #[must_use]
    pub fn is_multi(&self) -> bool {
        self.flags & ALLOW_MULTI != 0
    }
}

/// Programs attached to this cgroup itself.
///
/// # Errors
/// [`BpfError`]; EBADF means the descriptor is no cgroup2 directory.
pub fn query(cgroup: BorrowedFd<'_>) -> Result<Attached, BpfError> {
    query_with(cgroup, 0, 64)
}

/// Programs that run for processes of this cgroup: its own and the inherited ones.
///
/// # Errors
/// [`BpfError`].
pub fn query_effective(cgroup: BorrowedFd<'_>) -> Result<Attached, BpfError> {
    query_with(cgroup, QUERY_EFFECTIVE, 64)
}

fn query_with(cgroup: BorrowedFd<'_>, flags: u32, start: usize) -> Result<Attached, BpfError> {
    let step = "querying the device programs of a cgroup";
    let mut room = start.max(1);
    loop {
        let mut ids = vec![0; room];
        let queried = sys::prog_query(cgroup, flags, &mut ids).map_err(|errno| {
            let hint = (errno == Errno::BADF)
                .then(|| "the directory is not in a cgroup2 file system".to_owned());
            BpfError { step, hint, errno }
        })?;
        let count = queried.count as usize;
        if !queried.truncated && count <= room {
            ids.truncate(count);
            return Ok(Attached {
                ids,
                flags: queried.attach_flags,
            });
        }
        // The list may grow again meanwhile, so leave some room; and always get on.
        room = (count + 16).max(room * 2);
        if room > MOST_IDS {
            return Err(failed(step)(Errno::NOSPC));
        }
    }
}

/// Adds a program to a cgroup's list (`BPF_F_ALLOW_MULTI`).
///
/// # Errors
/// The bare errno, for the caller to tell apart: EPERM (a list that is not MULTI here or above,
/// or no capability), EINVAL (attached already), E2BIG (more than 64).
pub fn attach(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<(), Errno> {
    sys::prog_attach(cgroup, program, ALLOW_MULTI, None)
}

/// Puts `program` in the place of `old` in one step (`BPF_F_REPLACE`, Linux 5.6).
///
/// # Errors
/// The bare errno: ENOENT (`old` is not attached here, or through a link), EINVAL (kernel
/// without REPLACE).
pub fn replace(
    cgroup: BorrowedFd<'_>,
    program: BorrowedFd<'_>,
    old: BorrowedFd<'_>,
) -> Result<(), Errno> {
    sys::prog_attach(cgroup, program, ALLOW_MULTI | REPLACE, Some(old))
}

/// Takes a program off a MULTI list. `Ok(false)` if it was not there, or only through a link.
///
/// On a list that is not MULTI nothing is done, because the kernel would take off whatever
/// program is there.
///
/// # Errors
/// [`BpfError`].
pub fn detach(cgroup: BorrowedFd<'_>, id: u32, program: BorrowedFd<'_>) -> Result<bool, BpfError> {
    let attached = query(cgroup)?;
    if !attached.is_multi() || !attached.ids.contains(&id) {
        return Ok(false);
    }
    match sys::prog_detach(cgroup, program) {
        Ok(()) => Ok(true),
        Err(Errno::NOENT) => Ok(false),
        Err(errno) => Err(failed("detaching a device program")(errno)),
    }
}

/// Opens a loaded program by id. `None` if it is gone.
///
/// # Errors
/// [`BpfError`]; EPERM without CAP_SYS_ADMIN.
pub fn by_id(id: u32) -> Result<Option<Loaded>, BpfError> {
    let fd = match sys::prog_by_id(id) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => {
            let hint = (errno == Errno::PERM)
                .then(|| "needs CAP_SYS_ADMIN in the initial user namespace".to_owned());
            return Err(BpfError {
                step: "opening a program by id",
                hint,
                errno,
            });
        }
    };
    let info = info(fd.as_fd())?;
    Ok(Some(Loaded { fd, info }))
}

/// What the kernel tells about a program.
///
/// # Errors
/// [`BpfError`].
pub fn info(program: BorrowedFd<'_>) -> Result<ProgramInfo, BpfError> {
    let fail = failed("reading a program's info");
    let sizes = sys::prog_info(program, &mut []).map_err(&fail)?;
    let mut xlated = vec![[0; 8]; sizes.xlated_len as usize / 8];
    let raw = sys::prog_info(program, &mut xlated).map_err(&fail)?;
    let readable = !xlated.is_empty() && raw.xlated_given && raw.xlated_len == sizes.xlated_len;
    let insns = readable.then(|| xlated.into_iter().map(Insn::from_bytes).collect());
    let name_end = raw
        .name
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(raw.name.len());
    Ok(ProgramInfo {
        id: raw.id,
        kind: raw.kind,
        tag: Tag(raw.tag.iter().map(|byte| format!("{byte:02x}")).collect()),
        name: String::from_utf8_lossy(&raw.name[..name_end]).into_owned(),
        loaded_at_ns: raw.load_time,
        uid: raw.uid,
        run_count: raw.run_count,
        insns,
    })
}

/// Ids of all programs in the kernel, of every type.
///
/// # Errors
/// [`BpfError`]; EPERM without CAP_SYS_ADMIN.
pub fn all_ids() -> Result<Vec<u32>, BpfError> {
    ids_with(sys::next_prog_id).map_err(failed("listing all programs"))
}

/// A program attached to a cgroup's device hook through a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeviceLink {
    /// Id of the link.
    pub id: u32,
    /// Id of the program.
    pub program: u32,
    /// Id (inode number) of the cgroup.
    pub cgroup_id: u64,
}

/// All links to device hooks of cgroups.
///
/// # Errors
/// [`BpfError`]; EPERM without CAP_SYS_ADMIN.
pub fn device_links() -> Result<Vec<DeviceLink>, BpfError> {
    const LINK_TYPE_CGROUP: u32 = 3;
    let fail = failed("listing links");
    let mut links = Vec::new();
    for id in ids_with(sys::next_link_id).map_err(&fail)? {
        let link = match sys::link_by_id(id) {
            Ok(link) => link,
            // Gone meanwhile, or not yet complete.
            Err(Errno::NOENT | Errno::AGAIN) => continue,
            Err(errno) => return Err(fail(errno)),
        };
        let raw = sys::link_info(link.as_fd()).map_err(&fail)?;
        if raw.kind == LINK_TYPE_CGROUP && raw.attach_type == sys::ATTACH_CGROUP_DEVICE {
            links.push(DeviceLink {
                id: raw.id,
                program: raw.prog_id,
                cgroup_id: raw.cgroup_id,
            });
        }
    }
    Ok(links)
}

fn ids_with(next: impl Fn(u32) -> Result<u32, Errno>) -> Result<Vec<u32>, Errno> {
    let mut ids = Vec::new();
    let mut id = 0;
    loop {
        match next(id) {
            Ok(found) => id = found,
            Err(Errno::NOENT) => return Ok(ids),
            Err(errno) => return Err(errno),
        }
        ids.push(id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_program_shows_the_verifiers_words() {
        // Without `exit`: every kernel refuses it.
        let error = explain_load(&[Insn::move32(0, 1)], Errno::INVAL);
        assert_eq!(error.errno, Errno::INVAL);
        assert!(error.hint.is_some_and(|log| !log.is_empty()));
    }
}
