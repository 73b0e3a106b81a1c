//! Checking values as the director does: its error codes, its messages, its idea of types.

mod canonical;
mod code;
mod fields;
mod rubyval;

pub use canonical::canonical;
pub use code::Code;
pub use rubyval::{inspect, read_manifest, to_s};

pub(crate) use fields::{Fields, Int};
pub(crate) use rubyval::class;

/// A manifest or config that the director refuses. The text is the stock director's, and then what there is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Invalid {
    /// The director's error code.
    pub code: Code,
    /// What is wrong.
    pub message: String,
}

impl Invalid {
    pub(crate) fn new(code: Code, message: impl Into<String>) -> Invalid {
        Invalid {
            code,
            message: message.into(),
        }
    }
}

/// Fails with a code and a message.
macro_rules! refuse {
    ($code:ident, $($message:tt)*) => {
        return Err($crate::check::Invalid::new($crate::check::Code::$code, format!($($message)*)))
    };
}
pub(crate) use refuse;

/// So many names are listed.
const LISTED: usize = 20;

/// What there is in place of what was named, for the end of a refusal.
pub fn instead<'a>(place: &str, names: impl IntoIterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.into_iter().collect();
    let more = match names.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    match names.get(..LISTED).unwrap_or(&names) {
        [] => format!("; {place} has none"),
        listed => format!("; {place} has: {}{more}", listed.join(", ")),
    }
}

/// The first name that occurs for a second time.
pub(crate) fn duplicate<'a>(names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut seen = std::collections::HashSet::new();
    names.into_iter().find(|name| !seen.insert(*name))
}
