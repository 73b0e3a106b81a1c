//! Regular expressions of control files.

use regex_lite::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const LONGEST: usize = 1024;

/// Compiled size above which a pattern is refused: repetitions multiply.
const LARGEST: usize = 1 << 18;

/// Compiles a pattern.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn compile(pattern: &str) -> Result<Regex, String> {
    if pattern.len() > LONGEST {
        return Err(format!("longer than {LONGEST} bytes"));
    }
    RegexBuilder::new(pattern)
        .size_limit(LARGEST)
        .nest_limit(50)
        .build()
        .map_err(|error| error.to_string())
}
