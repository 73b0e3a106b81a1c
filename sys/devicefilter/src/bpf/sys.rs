//! `bpf(2)`, one function per command used here.
//!
//! Every call passes [`ATTR_SIZE`] zeroed bytes, more than any kernel's `union bpf_attr`: a kernel
//! takes a longer union as long as what it does not know is zero (`bpf_check_uarg_tail_zero`).
//! A *short* union is a trap. Some kernels (6.17 and later, until repaired) answer
//! `BPF_PROG_QUERY` by writing `revision` at bytes 56..64 whatever size was passed, so a caller
//! with the 5.x layout gets its stack overwritten.
//!
//! Offsets are those of `include/uapi/linux/bpf.h`.
#![expect(unsafe_code, reason = "bpf(2) has no safe wrapper")]

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

use crate::insn::Insn;

/// Bytes passed to every call.
pub const ATTR_SIZE: usize = 256;
/// Bytes offered for `bpf_prog_info` and `bpf_link_info`; the kernel writes at most its own.
const INFO_SIZE: usize = 512;

const PROG_LOAD: libc::c_int = 5;
const PROG_ATTACH: libc::c_int = 8;
const PROG_DETACH: libc::c_int = 9;
const PROG_GET_NEXT_ID: libc::c_int = 11;
const PROG_GET_FD_BY_ID: libc::c_int = 13;
const OBJ_GET_INFO_BY_FD: libc::c_int = 15;
const PROG_QUERY: libc::c_int = 16;
const LINK_GET_FD_BY_ID: libc::c_int = 30;
const LINK_GET_NEXT_ID: libc::c_int = 31;

/// `BPF_PROG_TYPE_CGROUP_DEVICE`.
pub const TYPE_CGROUP_DEVICE: u32 = 15;
/// `BPF_CGROUP_DEVICE`.
pub const ATTACH_CGROUP_DEVICE: u32 = 6;

#[repr(C, align(8))]
struct Bytes<const N: usize>([u8; N]);

impl<const N: usize> Bytes<N> {
    const fn zeroed() -> Self {
        Self([0; N])
    }

    fn put32(mut self, at: usize, value: u32) -> Self {
        self.0[at..at + 4].copy_from_slice(&value.to_ne_bytes());
        self
    }

    fn put64(mut self, at: usize, value: u64) -> Self {
        self.0[at..at + 8].copy_from_slice(&value.to_ne_bytes());
        self
    }

    fn put_fd(self, at: usize, fd: BorrowedFd<'_>) -> Self {
        self.put32(at, fd.as_raw_fd().cast_unsigned())
    }

    fn get32(&self, at: usize) -> u32 {
        let mut bytes = [0; 4];
        bytes.copy_from_slice(&self.0[at..at + 4]);
        u32::from_ne_bytes(bytes)
    }

    fn get64(&self, at: usize) -> u64 {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(&self.0[at..at + 8]);
        u64::from_ne_bytes(bytes)
    }
}

type Attr = Bytes<ATTR_SIZE>;

/// # Safety
/// Every address inside `attr` that `command` reads or writes must be valid for the length that
/// `attr` states beside it, for the whole call.
unsafe fn call(command: libc::c_int, attr: &mut Attr) -> Result<libc::c_long, Errno> {
    // SAFETY: `attr` is valid for reads and writes of ATTR_SIZE bytes, which is at least what any
    // kernel accesses; addresses inside are the caller's promise.
    let answer = unsafe { libc::syscall(libc::SYS_bpf, command, attr.0.as_mut_ptr(), ATTR_SIZE) };
    if answer >= 0 {
        return Ok(answer);
    }
    // SAFETY: errno of this thread, just set.
    Err(Errno::from_raw_os_error(unsafe {
        *libc::__errno_location()
    }))
}

/// For commands whose `attr` holds no address.
fn call_plain(command: libc::c_int, attr: &mut Attr) -> Result<libc::c_long, Errno> {
    // SAFETY: callers below put only numbers and descriptors into `attr`.
    unsafe { call(command, attr) }
}

fn adopt(fd: libc::c_long) -> Result<OwnedFd, Errno> {
    let fd = i32::try_from(fd).map_err(|_| Errno::BADF)?;
    // SAFETY: the kernel just made this descriptor for us and nobody else knows it.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

fn address<T>(slice: &[T]) -> u64 {
    slice.as_ptr() as u64
}

/// `BPF_PROG_LOAD` of a cgroup device program. With `log`, the verifier explains itself there.
pub fn prog_load(insns: &[Insn], name: [u8; 16], log: Option<&mut [u8]>) -> Result<OwnedFd, Errno> {
    const LICENSE: &[u8] = b"Apache-2.0\0";
    let count = u32::try_from(insns.len()).map_err(|_| Errno::TOOBIG)?;
    let mut attr = Attr::zeroed()
        .put32(0, TYPE_CGROUP_DEVICE)
        .put32(4, count)
        .put64(8, address(insns))
        .put64(16, address(LICENSE))
        .put32(68, ATTACH_CGROUP_DEVICE);
    attr.0[48..64].copy_from_slice(&name);
    if let Some(log) = log {
        let size = u32::try_from(log.len()).map_err(|_| Errno::TOOBIG)?;
        attr = attr
            .put32(24, 1)
            .put32(28, size)
            .put64(32, log.as_mut_ptr() as u64);
    }
    // SAFETY: instructions, license (NUL-terminated) and log are live borrows with the stated
    // lengths; the log is a mutable one.
    adopt(unsafe { call(PROG_LOAD, &mut attr)? })
}

/// `BPF_PROG_ATTACH` to a cgroup, with `BPF_F_REPLACE` if `replace` is given.
pub fn prog_attach(
    cgroup: BorrowedFd<'_>,
    program: BorrowedFd<'_>,
    flags: u32,
    replace: Option<BorrowedFd<'_>>,
) -> Result<(), Errno> {
    let mut attr = Attr::zeroed()
        .put_fd(0, cgroup)
        .put_fd(4, program)
        .put32(8, ATTACH_CGROUP_DEVICE)
        .put32(12, flags);
    if let Some(old) = replace {
        attr = attr.put_fd(16, old);
    }
    call_plain(PROG_ATTACH, &mut attr).map(drop)
}

/// `BPF_PROG_DETACH`. On a list that is not MULTI the kernel ignores `program` and detaches
/// whatever is there: check before.
pub fn prog_detach(cgroup: BorrowedFd<'_>, program: BorrowedFd<'_>) -> Result<(), Errno> {
    let mut attr = Attr::zeroed()
        .put_fd(0, cgroup)
        .put_fd(4, program)
        .put32(8, ATTACH_CGROUP_DEVICE);
    call_plain(PROG_DETACH, &mut attr).map(drop)
}

/// What `BPF_PROG_QUERY` told.
#[derive(Debug, Clone, Copy)]
pub struct Queried {
    /// `attach_flags` of the list (own queries; 0 for effective ones).
    pub attach_flags: u32,
    /// How many programs there are, also if more than fit (then the error is ENOSPC).
    pub count: u32,
    /// Whether the list was longer than `ids`.
    pub truncated: bool,
}

/// `BPF_PROG_QUERY` of a cgroup's device programs into `ids`.
pub fn prog_query(
    cgroup: BorrowedFd<'_>,
    query_flags: u32,
    ids: &mut [u32],
) -> Result<Queried, Errno> {
    let room = u32::try_from(ids.len()).map_err(|_| Errno::TOOBIG)?;
    let mut attr = Attr::zeroed()
        .put_fd(0, cgroup)
        .put32(4, ATTACH_CGROUP_DEVICE)
        .put32(8, query_flags)
        .put64(16, ids.as_mut_ptr() as u64)
        .put32(24, room);
    // SAFETY: `ids` is a live mutable borrow with the stated number of 32-bit slots; the per
    // program flags, link ids and link flags addresses are zero, meaning not wanted.
    let truncated = match unsafe { call(PROG_QUERY, &mut attr) } {
        Ok(_) => false,
        Err(Errno::NOSPC) => true,
        Err(errno) => return Err(errno),
    };
    Ok(Queried {
        attach_flags: attr.get32(12),
        count: attr.get32(24),
        truncated,
    })
}

/// `BPF_PROG_GET_FD_BY_ID`.
pub fn prog_by_id(id: u32) -> Result<OwnedFd, Errno> {
    adopt(call_plain(
        PROG_GET_FD_BY_ID,
        &mut Attr::zeroed().put32(0, id),
    )?)
}

/// `BPF_PROG_GET_NEXT_ID`: the least program id above `id`; ENOENT at the end.
pub fn next_prog_id(id: u32) -> Result<u32, Errno> {
    let mut attr = Attr::zeroed().put32(0, id);
    call_plain(PROG_GET_NEXT_ID, &mut attr)?;
    Ok(attr.get32(4))
}

/// `BPF_LINK_GET_NEXT_ID`: the least link id above `id`; ENOENT at the end.
pub fn next_link_id(id: u32) -> Result<u32, Errno> {
    let mut attr = Attr::zeroed().put32(0, id);
    call_plain(LINK_GET_NEXT_ID, &mut attr)?;
    Ok(attr.get32(4))
}

/// `BPF_LINK_GET_FD_BY_ID`.
pub fn link_by_id(id: u32) -> Result<OwnedFd, Errno> {
    adopt(call_plain(
        LINK_GET_FD_BY_ID,
        &mut Attr::zeroed().put32(0, id),
    )?)
}

/// The parts of `struct bpf_prog_info` used here. Fields a kernel lacks are 0.
#[derive(Debug, Clone)]
pub struct RawProgInfo {
    pub kind: u32,
    pub id: u32,
    pub tag: [u8; 8],
    pub xlated_len: u32,
    /// Whether the kernel filled the instruction buffer.
    pub xlated_given: bool,
    pub load_time: u64,
    pub uid: u32,
    pub name: [u8; 16],
    pub run_count: u64,
}

/// `BPF_OBJ_GET_INFO_BY_FD` of a program, its translated instructions into `xlated`.
pub fn prog_info(program: BorrowedFd<'_>, xlated: &mut [[u8; 8]]) -> Result<RawProgInfo, Errno> {
    let room = u32::try_from(xlated.len() * 8).map_err(|_| Errno::TOOBIG)?;
    let mut info = Bytes::<INFO_SIZE>::zeroed();
    if room > 0 {
        info = info.put32(20, room).put64(32, xlated.as_mut_ptr() as u64);
    }
    let info = object_info(program, info)?;
    let mut tag = [0; 8];
    tag.copy_from_slice(&info.0[8..16]);
    let mut name = [0; 16];
    name.copy_from_slice(&info.0[64..80]);
    Ok(RawProgInfo {
        kind: info.get32(0),
        id: info.get32(4),
        tag,
        xlated_len: info.get32(20),
        xlated_given: info.get64(32) != 0,
        load_time: info.get64(40),
        uid: info.get32(48),
        name,
        run_count: info.get64(200),
    })
}

/// The parts of `struct bpf_link_info` used here.
#[derive(Debug, Clone, Copy)]
pub struct RawLinkInfo {
    pub kind: u32,
    pub id: u32,
    pub prog_id: u32,
    /// Meaningful for cgroup links only.
    pub cgroup_id: u64,
    /// Meaningful for cgroup links only.
    pub attach_type: u32,
}

/// `BPF_OBJ_GET_INFO_BY_FD` of a link.
pub fn link_info(link: BorrowedFd<'_>) -> Result<RawLinkInfo, Errno> {
    let info = object_info(link, Bytes::zeroed())?;
    Ok(RawLinkInfo {
        kind: info.get32(0),
        id: info.get32(4),
        prog_id: info.get32(8),
        cgroup_id: info.get64(16),
        attach_type: info.get32(24),
    })
}

fn object_info(
    object: BorrowedFd<'_>,
    mut info: Bytes<INFO_SIZE>,
) -> Result<Bytes<INFO_SIZE>, Errno> {
    let mut attr = Attr::zeroed()
        .put_fd(0, object.as_fd())
        .put32(4, INFO_SIZE as u32)
        .put64(8, info.0.as_mut_ptr() as u64);
    // SAFETY: `info` is writable for INFO_SIZE bytes. An address inside it (translated
    // instructions) is only put there by `prog_info`, from a live mutable borrow with its length.
    unsafe { call(OBJ_GET_INFO_BY_FD, &mut attr)? };
    Ok(info)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the kernel writes stays within what we pass, whatever it believes the size to be.
    #[test]
    fn query_writes_stay_inside_the_union() {
        let root = crate::attach::tests_support::cgroup2_root();
        let dir = std::fs::File::open(&root).unwrap();
        // The union in front of a page of canaries, so that a longer write would show.
        let mut memory = vec![0xa5_u8; 4096];
        memory[..ATTR_SIZE].fill(0);
        let attr = Attr::zeroed()
            .put_fd(0, dir.as_fd())
            .put32(4, ATTACH_CGROUP_DEVICE);
        memory[..ATTR_SIZE].copy_from_slice(&attr.0);
        for size in [ATTR_SIZE, 40] {
            // SAFETY: 4096 writable bytes, far more than any kernel's union; no address inside.
            let answer =
                unsafe { libc::syscall(libc::SYS_bpf, PROG_QUERY, memory.as_mut_ptr(), size) };
            assert_eq!(answer, 0, "{}", std::io::Error::last_os_error());
            assert!(
                memory[ATTR_SIZE..].iter().all(|byte| *byte == 0xa5),
                "size {size}"
            );
            // Everything the kernel may write (revision is the last, 56..64) lies in our union.
            assert!(
                memory[64..ATTR_SIZE].iter().all(|byte| *byte == 0),
                "size {size}"
            );
        }
    }

    #[test]
    fn a_longer_union_than_the_kernels_is_taken() {
        assert!(matches!(
            next_prog_id(u32::MAX - 1),
            Err(Errno::NOENT | Errno::INVAL)
        ));
        assert_eq!(prog_by_id(u32::MAX - 1).unwrap_err(), Errno::NOENT);
    }
}
