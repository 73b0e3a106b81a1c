//! The filter of system calls: a list of what is allowed, the same as the stock tool's.
//!
//! Everything else fails with `EPERM`; `clone` is allowed without new namespaces, `clone3`, whose
//! flags a filter cannot see, does not exist, and `personality` may only be asked for or be one of
//! two usual ones. Calls newer than the list do not exist either, so that C libraries use the older
//! ones instead.

use warren_container_runtime::oci::{Seccomp, Syscall, SyscallArgument};

/// What is allowed whatever the arguments, on any architecture.
const ALLOWED: &str = "
_llseek _newselect accept accept4 access alarm arch_prctl bind brk capget capset chdir chmod
chown chown32 chroot clock_getres clock_gettime clock_nanosleep close connect copy_file_range
creat dup dup2 dup3 epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_wait
epoll_wait_old eventfd eventfd2 execve execveat exit exit_group faccessat fadvise64 fadvise64_64
fallocate fanotify_mark fchdir fchmod fchmodat fchown fchown32 fchownat fcntl fcntl64 fdatasync
fgetxattr flistxattr flock fork fremovexattr fsetxattr fstat fstat64 fstatat64 fstatfs fstatfs64
fsync ftruncate ftruncate64 futex futimesat get_robust_list get_thread_area getcpu getcwd
getdents getdents64 getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32
getitimer getpeername getpgid getpgrp getpid getppid getpriority getrandom getresgid getresgid32
getresuid getresuid32 getrlimit getrusage getsid getsockname getsockopt gettid gettimeofday
getuid getuid32 getxattr inotify_add_watch inotify_init inotify_init1 inotify_rm_watch io_cancel
io_destroy io_getevents io_setup io_submit ioctl ioprio_get ioprio_set ipc kill lchown lchown32
lgetxattr link linkat listen listxattr llistxattr lremovexattr lseek lsetxattr lstat lstat64
madvise memfd_create mincore mkdir mkdirat mknod mknodat mlock mlock2 mlockall mmap mmap2
modify_ldt mprotect mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink
mremap msgctl msgget msgrcv msgsnd msync munlock munlockall munmap nanosleep newfstatat open
openat openat2 pause pipe pipe2 poll ppoll prctl pread64 preadv preadv2 prlimit64 pselect6
pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv recv recvfrom recvmmsg
recvmsg remap_file_pages removexattr rename renameat renameat2 restart_syscall rmdir
rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend
rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max sched_get_priority_min
sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
sched_setaffinity sched_setattr sched_setparam sched_setscheduler sched_yield seccomp select
semctl semget semop semtimedop send sendfile sendfile64 sendmmsg sendmsg sendto set_robust_list
set_thread_area set_tid_address setfsgid setfsgid32 setfsuid setfsuid32 setgid setgid32
setgroups setgroups32 setitimer setpgid setpriority setregid setregid32 setresgid setresgid32
setresuid setresuid32 setreuid setreuid32 setrlimit setsid setsockopt setuid setuid32 setxattr
shmat shmctl shmdt shmget shutdown sigaltstack signalfd signalfd4 sigreturn socket socketcall
socketpair splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range
syncfs sysinfo syslog tee tgkill time timer_create timer_delete timer_getoverrun timer_gettime
timer_settime timerfd_create timerfd_gettime timerfd_settime times tkill truncate truncate64
ugetrlimit umask uname unlink unlinkat utime utimensat utimes vfork vmsplice wait4 waitid
waitpid write writev
";

/// Calls newer than the newest in the list.
const NEWER: &str = "
cachestat epoll_pwait2 faccessat2 fchmodat2 futex_requeue futex_wait futex_waitv futex_wake
landlock_add_rule landlock_create_ruleset landlock_restrict_self map_shadow_stack memfd_secret
process_mrelease
";

/// `CLONE_NEWNS`, `NEWUTS`, `NEWIPC`, `NEWUSER`, `NEWPID` and `NEWNET`.
const NEW_NAMESPACES: u64 = 0x7c02_0000;

/// Linux's own, 32-bit addresses, and the question.
const PERSONALITIES: [u64; 3] = [0x0, 0x8, 0xffff_ffff];

const ALLOW: &str = "SCMP_ACT_ALLOW";
const ERRNO: &str = "SCMP_ACT_ERRNO";
const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// The filter.
#[must_use]
pub fn filter() -> Seccomp {
    let argument = |value, value_two, op: &str| SyscallArgument {
        index: 0,
        value,
        value_two,
        op: op.to_owned(),
    };
    let only = |name: &str, argument| Syscall {
        args: vec![argument],
        ..calls(name, ALLOW, None)
    };
    let mut syscalls = vec![
        calls(ALLOWED, ALLOW, None),
        only("clone", argument(NEW_NAMESPACES, 0, "SCMP_CMP_MASKED_EQ")),
        calls("clone3", ERRNO, Some(ENOSYS)),
        calls(NEWER, ERRNO, Some(ENOSYS)),
    ];
    let personality = |value: &u64| only("personality", argument(*value, 0, "SCMP_CMP_EQ"));
    syscalls.extend(PERSONALITIES.iter().map(personality));
    let architectures = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"];
    Seccomp {
        default_action: ERRNO.to_owned(),
        default_errno_ret: Some(EPERM),
        architectures: architectures.map(str::to_owned).to_vec(),
        syscalls,
    }
}

fn calls(names: &str, action: &str, errno_ret: Option<u32>) -> Syscall {
    Syscall {
        names: names.split_ascii_whitespace().map(str::to_owned).collect(),
        action: action.to_owned(),
        errno_ret,
        args: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use warren_container_runtime::bundle::syscalls::number;

    use super::*;

    /// Those of other architectures and their wider or narrower variants, which this one lacks.
    const ELSEWHERE: &str =
        "_llseek _newselect chown32 fadvise64_64 fchown32 fcntl64 fstat64 fstatat64
        fstatfs64 ftruncate64 getegid32 geteuid32 getgid32 getgroups32 getresgid32 getresuid32
        getuid32 ipc lchown32 lstat64 mmap2 recv send sendfile64 setfsgid32 setfsuid32 setgid32
        setgroups32 setregid32 setresgid32 setresuid32 setreuid32 setuid32 sigreturn socketcall
        stat64 statfs64 truncate64 ugetrlimit waitpid";

    #[test]
    fn there_are_as_many_calls_as_in_the_stock_list() {
        let mut names: Vec<&str> = ALLOWED.split_ascii_whitespace().collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len() + ["clone", "clone3", "personality"].len(), 314);
    }

    #[test]
    #[cfg(target_arch = "x86_64")]
    fn every_call_of_this_machine_is_known_by_number() {
        let unknown: Vec<&str> = ALLOWED
            .split_ascii_whitespace()
            .chain(NEWER.split_ascii_whitespace())
            .filter(|name| number(name).is_none())
            .collect();
        let expected: Vec<&str> = ELSEWHERE.split_ascii_whitespace().collect();
        assert_eq!(unknown, expected);
        let newest = ALLOWED.split_ascii_whitespace().filter_map(number).max();
        let oldest = NEWER.split_ascii_whitespace().filter_map(number).min();
        assert!(newest < oldest, "{newest:?} {oldest:?}");
    }
}
