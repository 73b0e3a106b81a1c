//! That a container does not outlive its keeper.
//!
//! The built-in engine's init asks the kernel to be killed with its parent. Nobody can ask that for
//! another process, and the program that a runtime's init becomes is not ours to change. So a child
//! of the keeper's waits for both to end:
//!
//! ```text
//! keeper ends ─► SIGKILL to init, and with it its pid namespace ─► ends
//! init ends ─► ends
//! ```
//!
//! It is a copy of the keeper that holds nothing but two descriptors.

use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::process::{Pid, PidfdFlags, Signal, getpid, pidfd_open, pidfd_send_signal, setsid};
use warren_sys_process::descriptors::close_all_but;
use warren_sys_process::fork::{self, Fork, fork};

use super::super::error::Failure;
use super::ExternalError;

/// Begins to watch.
pub(super) fn begin(init: Pid) -> Result<(), ExternalError> {
    let failed = |e| ExternalError::Step(Failure::new("watch", "the keeper and init", e));
    let keeper = pidfd_open(getpid(), PidfdFlags::empty()).map_err(failed)?;
    let init = pidfd_open(init, PidfdFlags::empty()).map_err(failed)?;
    match fork()? {
        Fork::Parent(_) => Ok(()),
        Fork::Child => {
            // The signals of a terminal are not for it. It leads nothing, so that works.
            let _own = setsid();
            let _closed = close_all_but(&[keeper.as_fd(), init.as_fd()]);
            loop {
                let mut ends = [
                    PollFd::new(&keeper, PollFlags::IN),
                    PollFd::new(&init, PollFlags::IN),
                ];
                match poll(&mut ends, None) {
                    Err(Errno::INTR) => continue,
                    // Whatever happened: without a watch there is no container.
                    _ => {
                        let _ended = pidfd_send_signal(&init, Signal::KILL);
                        fork::exit(0)
                    }
                }
            }
        }
    }
}
