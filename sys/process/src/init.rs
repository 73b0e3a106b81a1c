//! The smallest possible pid 1.
//!
//! A pid namespace needs a process that lives as long as it does and that inherits orphans. The
//! kernel already keeps the signals of the namespace's own processes from a pid 1 that has no
//! handler for them, and kills the namespace when it ends. What is left to do is to wait.
#![expect(
    unsafe_code,
    reason = "signal dispositions and pause have no safe face"
)]

/// Stays for ever; children that end are gone at once, without anybody waiting for them.
///
/// Takes no memory but its stack's. To be called in a process with one thread.
pub fn reap_forever() -> ! {
    // SAFETY: ignoring a signal runs no code of ours. With SIGCHLD ignored the kernel reaps
    // children by itself (POSIX, XSI), also those that ended before they were inherited.
    unsafe { libc::signal(libc::SIGCHLD, libc::SIG_IGN) };
    loop {
        // SAFETY: only waits for a signal.
        unsafe { libc::pause() };
    }
}
