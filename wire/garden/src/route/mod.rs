//! Which call a request is, and which request a call is.
//!
//! [`TABLE`] lists every route; [`find`] goes from method and path to
//! [`Route`] and [`Params`], [`Route::path`] the other way, [`Query`] reads and
//! writes what stands after the `?`.

mod matching;
mod query;
mod table;
#[cfg(test)]
mod tests;

pub use matching::{Found, NoRoute, Params, find, split_target};
pub use query::Query;
pub use table::{Entry, Method, Route, TABLE};

use crate::escape;

/// A parameter that a path needs was not given, or is empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the path {pattern} needs a value for :{name}")]
pub struct MissingParam {
    /// The path's pattern.
    pub pattern: &'static str,
    /// The parameter's name.
    pub name: &'static str,
}

impl Route {
    /// The path of this call, with its parameters percent-encoded.
    ///
    /// Parameters the path has no place for are ignored.
    ///
    /// # Errors
    ///
    /// [`MissingParam`] when a parameter is absent or empty.
    pub fn path(self, params: &Params) -> Result<String, MissingParam> {
        let pattern = self.entry().pattern;
        let mut path = String::with_capacity(pattern.len() + 40);
        for segment in pattern.split('/').skip(1) {
            path.push('/');
            match segment.strip_prefix(':') {
                None => path.push_str(segment),
                Some(name) => match params.get(name) {
                    Some(value) if !value.is_empty() => {
                        path.push_str(&escape::encode_segment(value));
                    }
                    _ => return Err(MissingParam { pattern, name }),
                },
            }
        }
        Ok(path)
    }
}
