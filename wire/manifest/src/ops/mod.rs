//! Operations files: `replace`, `remove` and `test` on paths into a document.
//!
//! ```yaml
//! - type: replace
//!   path: /instance_groups/name=web/jobs/-
//!   value: {name: agent, release: agent}
//! ```
//!
//! | token | means |
//! |---|---|
//! | `/k`, `/k?` | a mapping's key; `?` makes it and all that follow optional |
//! | `/0`, `/-1`, `/-` | an item by place, from the end, or a new one behind the last |
//! | `/k=v`, `/k=v?` | the one item of a list that has `v` under `k` |
//! | `:prev`, `:next` | the neighbour of an item |
//! | `:before`, `:after` | in the last token of a `replace`: insert there |
//! | `~0`, `~1`, `~7` | `~`, `/` and `:` in a key |
//!
//! What creates: an optional key gets a mapping or a list, by what the next token wants.
//!
//! Messages are those of `go-patch` as the CLI shows them. Paths have at most
//! [`MAX_DEPTH`](crate::yaml::MAX_DEPTH) tokens, so that no operation makes a document too deep to walk.

mod apply;
mod error;
mod file;
mod path;
#[cfg(test)]
mod tests;

pub use apply::find;
pub use error::{DefinitionError, OpsError, OpsFileError, PathError};
pub use file::parse_file;
pub use path::{Modifier, Path, Token};

use crate::yaml::Value;

/// One operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Op {
    /// What it does.
    pub kind: Kind,
    /// Where.
    pub path: Path,
    /// What failing is called, such as `operation [0] in ops.yml failed`.
    pub described: Option<String>,
}

/// What an operation does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// Sets, adds or inserts a value.
    Replace(Value),
    /// Takes a key or an item away.
    Remove,
    /// Fails unless this value is there.
    TestValue(Value),
    /// Fails if something is there.
    TestAbsent,
}

/// Applies operations in order; each sees what those before it did.
pub fn apply(mut document: Value, ops: &[Op]) -> Result<Value, OpsError> {
    for op in ops {
        document = match apply::one(document, op) {
            Ok(document) => document,
            Err(error) => {
                return Err(match &op.described {
                    Some(described) => OpsError::Described {
                        description: described.clone(),
                        error: Box::new(error),
                    },
                    None => error,
                });
            }
        };
    }
    Ok(document)
}
