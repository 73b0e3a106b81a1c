//! The filter of system calls of an unprivileged container: a list of what is allowed.
//!
//! Everything else fails with `EPERM`. New namespaces cannot be had: `clone` is allowed without
//! their flags only, and `clone3`, whose flags a filter cannot see, does not exist (`ENOSYS`, upon
//! which C libraries use `clone`). On x86-64 the same holds for 32-bit programs.

use super::syscalls::ALLOWED;
use super::syscalls32;
use crate::oci::{Seccomp, Syscall, SyscallArgument};
use crate::spec::ContainerSpec;

/// `CLONE_NEWNS`, `NEWCGROUP`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID` and `NEWNET`.
pub const NEW_NAMESPACES: u64 = 0x7e02_0000;

/// What personality(2) may be set to: Linux's own, 32-bit addresses, no randomisation, a query.
const PERSONALITIES: [u64; 5] = [0x0, 0x8, 0x2_0000, 0x2_0008, 0xffff_ffff];

const ALLOW: &str = "SCMP_ACT_ALLOW";
const ERRNO: &str = "SCMP_ACT_ERRNO";
/// The same numbers on every architecture.
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// The filter; none for a privileged container, or if none is wanted.
#[must_use]
pub fn filter(spec: &ContainerSpec) -> Option<Seccomp> {
    if spec.privileged || !spec.seccomp {
        return None;
    }
    let own = ALLOWED.iter().map(|(name, _)| *name);
    let of_32_bits = syscalls32::ALLOWED.split_ascii_whitespace();
    let allowed = Syscall {
        names: own.chain(of_32_bits).map(str::to_owned).collect(),
        action: ALLOW.to_owned(),
        ..Syscall::default()
    };
    let personality = PERSONALITIES.into_iter().map(|value| Syscall {
        names: vec!["personality".to_owned()],
        action: ALLOW.to_owned(),
        errno_ret: None,
        args: vec![SyscallArgument {
            index: 0,
            value,
            value_two: 0,
            op: "SCMP_CMP_EQ".to_owned(),
        }],
    });
    let mut syscalls = vec![allowed];
    syscalls.extend(clones(NEW_NAMESPACES, 0));
    syscalls.extend(personality);
    Some(Seccomp {
        default_action: ERRNO.to_owned(),
        default_errno_ret: Some(EPERM),
        architectures: architectures()
            .iter()
            .map(|&name| name.to_owned())
            .collect(),
        syscalls,
    })
}

/// What is said of `clone`: it is allowed if its flags, of which `mask` counts, are `flags`. A filter
/// cannot see those of `clone3`.
#[must_use]
pub fn clones(mask: u64, flags: u64) -> [Syscall; 2] {
    let clone = Syscall {
        names: vec!["clone".to_owned()],
        action: ALLOW.to_owned(),
        errno_ret: None,
        args: vec![SyscallArgument {
            index: 0,
            value: mask,
            value_two: flags,
            op: "SCMP_CMP_MASKED_EQ".to_owned(),
        }],
    };
    let clone3 = Syscall {
        names: vec!["clone3".to_owned()],
        action: ERRNO.to_owned(),
        errno_ret: Some(ENOSYS),
        args: Vec::new(),
    };
    [clone, clone3]
}

fn architectures() -> &'static [&'static str] {
    match std::env::consts::ARCH {
        "aarch64" => &["SCMP_ARCH_AARCH64"],
        _ => &["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"],
    }
}
