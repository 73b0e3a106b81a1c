//! Which rights files get that this process, and what it starts, makes.

use rustix::fs::Mode;
use rustix::process::umask;

/// The usual ones: users of containers go through directories that root makes, whatever root keeps from others of files of
/// its own.
pub fn usual() {
    umask(Mode::from_raw_mode(0o022));
}
