//! What `((placeholders))` become, as the CLI does it.
//!
//! Operations first, then the definitions under `variables` (those with a type, in order; a store may
//! make their values), then every placeholder, then `--path`.
//!
//! - `((name))`, `((!name))`, `((name.key.key))`; letters, digits and `_ - . /`. One blank inside the
//!   parentheses is allowed where the placeholder is the whole text.
//! - The whole text being one placeholder, the value keeps its type. Inside a longer text only texts and
//!   integers fit.
//! - What is not found stays as it is, for the director, unless all is expected to be found.
//! - A definition whose value was found here is dropped from `variables`.
//!
//! Two points differ from the stock CLI on purpose: `-v a.x=1 -v a.y=2` keeps both values, and names
//! missing inside the options of a definition are reported under `--var-errs` too.

mod error;
mod placeholder;
mod sources;
#[cfg(test)]
mod tests;
mod tracker;

pub use error::{InterpolateError, SourceError, VariableFlagError};
pub use placeholder::{Placeholder, placeholders};
pub use sources::{
    Chain, Definition, StaticVariables, Variables, parse_env, parse_file_flag, parse_flag,
    parse_vars_file,
};

use crate::ops::{self, Op, Path};
use crate::yaml::{self, Value};

/// What is asked for besides the replacing.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// `--var-errs`: every placeholder and definition must be found.
    pub expect_all: bool,
    /// `--var-errs-unused`: every value must be used.
    pub expect_used: bool,
    /// `--path`: only this part of the result.
    pub path: Option<Path>,
}

/// Applies operations and variables to a document.
pub fn evaluate(
    document: Value,
    ops: &[Op],
    variables: &mut dyn Variables,
    options: &Options,
) -> Result<Value, InterpolateError> {
    let mut document = ops::apply(document, ops)?;
    let mut tracker = tracker::Tracker::new(&document, variables)?;
    tracker.definitions()?;
    tracker.interpolate(&mut document)?;
    tracker.finish(&mut document, options)?;
    match &options.path {
        Some(path) => Ok(ops::find(&document, path)?),
        None => Ok(document),
    }
}

/// The result as the CLI prints it: a text that was asked for by path is bare.
pub fn render(result: &Value, options: &Options) -> String {
    match (result, &options.path) {
        (Value::String(text), Some(_)) => format!("{text}\n"),
        _ => yaml::to_go(result),
    }
}
