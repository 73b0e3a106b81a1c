//! What fuzz targets want of a fuzzer's library, without a fuzzer: a target becomes a function.
//!
//! `fuzz/` is a workspace of its own that ordinary builds do not see. The tests here compile all of its
//! targets all the same, and run each on the inputs that it starts from.

#[path = "../../../fuzz/src/lib.rs"]
#[expect(clippy::expect_used, reason = "a target fails by panicking")]
mod shared;

pub use shared::*;

/// Input as a target wants it; what it cannot have is passed over, as a fuzzer does.
pub trait Input<'a>: Sized {
    /// The bytes as one.
    fn of(bytes: &'a [u8]) -> Option<Self>;
}

impl<'a> Input<'a> for &'a [u8] {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        Some(bytes)
    }
}

impl<'a> Input<'a> for &'a str {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        std::str::from_utf8(bytes).ok()
    }
}

/// Makes a target the function `run` of its module.
#[macro_export]
macro_rules! fuzz_target {
    (|$input:ident: $kind:ty| $body:block) => {
        /// Runs the target on one input.
        pub fn run(bytes: &[u8]) {
            let target = |$input: $kind| $body;
            if let Some(input) = $crate::Input::of(bytes) {
                target(input);
            }
        }
    };
}
