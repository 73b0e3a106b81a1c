//! Turns: tests that change the machine as a whole have it to themselves.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use warren_tests_vm::Vm;

/// How long what the last test had may take to go.
const PATIENCE: Duration = Duration::from_secs(120);

/// Waits until no other test has the machine to itself, and until what the last one had is gone:
/// the kernel takes down links of a network namespace some time after its last process.
pub(crate) fn take() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::new(());
    /// Those that the boot left.
    static LINKS: OnceLock<String> = OnceLock::new();
    // A test that failed left what it left; the next says so itself if that matters.
    let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
    let links = || {
        let list = "ip -o link | cut -d: -f2";
        Vm::shared().shell(list).success().stdout
    };
    let stock = LINKS.get_or_init(links);
    let deadline = Instant::now() + PATIENCE;
    while links() != *stock && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(200));
    }
    turn
}
