//! The filter of system calls: a container's, less what a program that only computes never needs.

use warren_container_runtime::bundle::seccomp::{NEW_NAMESPACES, clones};
use warren_container_runtime::bundle::syscalls::ALLOWED;
use warren_container_runtime::engine::{ConfineError, confine};
use warren_container_runtime::oci::{Seccomp, Syscall, SyscallArgument};

use crate::plan::Rung;

/// Of what is allowed in a container: sockets, files without a name, memory that outlives its process,
/// other processes' memory, and what widens the kernel's surface for nothing.
const REFUSED: &[&str] = &[
    "accept",
    "accept4",
    "bind",
    "chroot",
    "connect",
    "fanotify_mark",
    "io_destroy",
    "io_setup",
    "io_submit",
    "listen",
    "memfd_create",
    "memfd_secret",
    "mknod",
    "mknodat",
    "modify_ldt",
    "mq_open",
    "msgget",
    "name_to_handle_at",
    "pidfd_open",
    "process_mrelease",
    "prlimit64",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "semget",
    "shmat",
    "shmget",
    "socket",
    "vmsplice",
];

/// Calls by which one process reaches or starts another, which only a pid namespace makes harmless: a
/// child could outlive the one that is waited for.
const REFUSED_BARE: &[&str] = &[
    "fork",
    "ioprio_set",
    "kill",
    "pidfd_send_signal",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "sched_setaffinity",
    "sched_setattr",
    "sched_setparam",
    "sched_setscheduler",
    "setpgid",
    "setpriority",
    "setsid",
    "tgkill",
    "tkill",
    "vfork",
];

/// `CLONE_THREAD`.
const THREAD: u64 = 0x1_0000;
const ALLOW: &str = "SCMP_ACT_ALLOW";
const ERRNO: &str = "SCMP_ACT_ERRNO";
/// The same number on every architecture.
const EPERM: u32 = 1;

/// Puts the filter on the calling process, for good. It needs `no_new_privs`.
pub(crate) fn put_on(rung: Rung) -> Result<(), ConfineError> {
    confine(&filter(rung)).map(|_length| ())
}

fn filter(rung: Rung) -> Seccomp {
    let is_refused = |name: &str| {
        REFUSED.contains(&name) || (rung == Rung::Bare && REFUSED_BARE.contains(&name))
    };
    let names = ALLOWED.iter().map(|(name, _)| *name);
    let allowed = Syscall {
        names: names
            .filter(|name| !is_refused(name))
            .map(str::to_owned)
            .collect(),
        action: ALLOW.to_owned(),
        ..Syscall::default()
    };
    // As in a container: processes and threads, but no namespaces, in which a program would have
    // capabilities again; bare, threads alone.
    let (mask, flags) = match rung {
        Rung::Bare => (NEW_NAMESPACES | THREAD, THREAD),
        _ => (NEW_NAMESPACES, 0),
    };
    let [clone, clone3] = clones(mask, flags);
    // A process may lower its own limits; C libraries have one call for one's own and others'.
    let limits = Syscall {
        names: vec!["prlimit64".to_owned()],
        action: ALLOW.to_owned(),
        errno_ret: None,
        args: vec![SyscallArgument {
            index: 0,
            value: 0,
            value_two: 0,
            op: "SCMP_CMP_EQ".to_owned(),
        }],
    };
    Seccomp {
        default_action: ERRNO.to_owned(),
        default_errno_ret: Some(EPERM),
        architectures: Vec::new(),
        syscalls: vec![allowed, clone, clone3, limits],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_are_refused_and_what_ruby_lives_on_is_not() {
        let allowed = |rung| filter(rung).syscalls[0].names.clone();
        let has = |rung, name: &str| allowed(rung).iter().any(|each| each == name);
        for rung in [Rung::Namespaces, Rung::UserNamespace, Rung::Bare] {
            for name in ["socket", "connect", "ptrace", "unshare", "mount", "bpf"] {
                assert!(!has(rung, name), "{name}");
            }
            for name in ["read", "write", "mmap", "futex", "execve", "setrlimit"] {
                assert!(has(rung, name), "{name}");
            }
        }
        assert!(has(Rung::Namespaces, "kill") && !has(Rung::Bare, "kill"));
    }

    /// A name that is misspelt would refuse nothing.
    #[test]
    fn every_name_is_one_of_the_containers_or_not_allowed_there() {
        let known: Vec<_> = ALLOWED.iter().map(|(name, _)| *name).collect();
        let unknown: Vec<_> = REFUSED
            .iter()
            .chain(REFUSED_BARE)
            .filter(|name| !known.contains(name))
            .collect();
        assert_eq!(unknown, Vec::<&&str>::new());
    }
}
