//! The init program of test containers: does nothing, and does not keep the dead.

use rustix::process::{WaitOptions, wait};

/// Waits for children that end, and for ever.
pub fn run() -> ! {
    loop {
        match wait(WaitOptions::empty()) {
            Ok(_) => {}
            // No child yet.
            Err(_) => std::thread::sleep(std::time::Duration::from_secs(1)),
        }
    }
}
