//! YAML as the stock tools read and write it.
//!
//! There is not one YAML: the CLI is written in Go (`yaml.v2`), the director in Ruby (Psych), and the
//! two disagree on what `08`, `1:30`, `2026-01-02` or `12e3` are and on how a text is quoted. Both are
//! here as a [`Dialect`]; what is common (grammar, anchors, merge keys) is read once.
//!
//! | | Go | Ruby |
//! |---|---|---|
//! | `yes`, `on`, `Off` | booleans | booleans |
//! | `y`, `N` | booleans | texts |
//! | `0777`, `0o17` | 511, 15 | 511, text |
//! | `08` | 8 (a float) | text |
//! | `1_000` / `1,000` | 1000 / text | 1000 / 1000 |
//! | `1:30` | text | 5400 |
//! | `12e3` | 12000 (a float) | text |
//! | `2026-01-02` | text, printed quoted | refused: `Tried to load unspecified class: Date` |
//! | keys when printed | sorted, numbers by value | in order |
//!
//! Known to be coarser than the stock: Ruby's symbols (`:a`) are read as texts, and local tags are
//! ignored as Go does.
//!
//! The grammar comes from `saphyr-parser`, which yields events with style and tag; `yaml_serde`, used
//! elsewhere, resolves scalars by YAML 1.2 before anyone can look and refuses a repeated key.
//!
//! Reading is total and bounded: at most [`MAX_DEPTH`] levels, and aliases may not blow a document up.

mod error;
mod print;
mod read;
mod resolve;
mod value;

#[cfg(test)]
pub(crate) mod tests;

pub use error::YamlError;
pub use read::{MAX_DEPTH, parse};
pub use value::{Mapping, Value};

pub(crate) use print::go_float;

/// Whose reading and writing of YAML is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dialect {
    /// `yaml.v2`, as in the CLI.
    Go,
    /// Psych with safe loading and aliases, as in the director.
    Ruby,
}

/// Writes a document in the CLI's style: sorted keys, no `---`.
pub fn to_go(value: &Value) -> String {
    print::print(value, Dialect::Go)
}

/// Writes a document as Ruby's `to_yaml(indent: 2)` does, without the `---` line.
pub fn to_ruby(value: &Value) -> String {
    print::print(value, Dialect::Ruby)
}
