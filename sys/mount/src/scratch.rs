//! A thread in a cgroup namespace of its own.
#![expect(unsafe_code, reason = "unshare is an unsafe function")]

use rustix::io::Errno;
use rustix::thread::UnshareFlags;

/// Runs `work` on a short-lived thread whose cgroup namespace is new, and therefore rooted at the
/// calling process's present cgroup. Descriptors it opens are the process's; nothing else stays.
///
/// # Errors
/// The thread or its namespace cannot be made: `EPERM` without `CAP_SYS_ADMIN`, `ENOSPC` at the
/// limit of namespaces.
pub(crate) fn in_own_cgroup_namespace<T: Send>(
    work: impl FnOnce() -> T + Send,
) -> Result<T, Errno> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, || {
            // SAFETY: only the cgroup namespace is unshared. Threads of a process may differ in it
            // (it is a property of the task), and descriptors and memory stay shared.
            unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWCGROUP) }?;
            Ok(work())
        });
        let thread = thread.map_err(|e| Errno::from_io_error(&e).unwrap_or(Errno::AGAIN))?;
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}
