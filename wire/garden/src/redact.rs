//! What `Debug` shows in place of values that must not reach a log.

use std::fmt;

/// Stands for a value that is not shown; empty values are told apart.
pub(crate) struct Hidden(pub(crate) usize);

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("(none)"),
            count => write!(f, "({count} hidden)"),
        }
    }
}
