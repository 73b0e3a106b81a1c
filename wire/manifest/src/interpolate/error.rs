//! Why a document cannot be interpolated.

use crate::ops::OpsError;

/// A source failed to give or to make a value. Says what failed and why, in one text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SourceError(pub String);

/// A document that could not be interpolated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InterpolateError {
    /// An operation, or the path asked for, does not fit the document.
    #[error(transparent)]
    Ops(#[from] OpsError),
    /// `variables` is no list of definitions.
    #[error("yaml: unmarshal errors:\n  cannot unmarshal {found} into {wanted}")]
    Definitions {
        /// What is there, in Go's words.
        found: &'static str,
        /// What should be.
        wanted: &'static str,
    },
    /// A definition failed.
    #[error("Getting all variables from variable definitions sections: {0}")]
    Definition(Box<InterpolateError>),
    /// The options of a definition cannot be interpolated.
    #[error("Interpolating variable '{name}' definition options: {error}")]
    DefinitionOptions {
        /// The definition's name.
        name: String,
        /// Why.
        error: Box<InterpolateError>,
    },
    /// A value was found, but not the key in it, or its source failed.
    #[error("Finding variable '{name}': {error}")]
    Finding {
        /// The name in the placeholder.
        name: String,
        /// Why.
        error: Box<InterpolateError>,
    },
    /// A source failed.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A definition needs itself.
    #[error("Detected recursion")]
    Recursion,
    /// A value that cannot stand inside a text.
    #[error(
        "Invalid type '{kind}' for value '{value}' and variable '{name}'. Supported types for interpolation within a string are integers and strings."
    )]
    InvalidType {
        /// Its type, in Go's words.
        kind: &'static str,
        /// The value, in Go's words.
        value: String,
        /// The name in the placeholder.
        name: String,
    },
    /// Names that were expected to be found, or to be used. Both lists are sorted.
    #[error("{}", lists(.missing, .unused))]
    Unmet {
        /// Not found.
        missing: Vec<String>,
        /// Not used.
        unused: Vec<String>,
    },
}

fn lists(missing: &[String], unused: &[String]) -> String {
    let mut text = Vec::new();
    for (title, names) in [
        ("Expected to find variables:", missing),
        ("Expected to use variables:", unused),
    ] {
        if !names.is_empty() {
            let names: Vec<String> = names.iter().map(|name| format!("\n    - {name}")).collect();
            text.push(format!("- {title}{}", names.concat()));
        }
    }
    text.join("\n\n")
}

/// A flag that gives no variable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VariableFlagError {
    /// No `=`.
    #[error("Expected var '{flag}' to be in format '{format}'")]
    Format {
        /// What was given.
        flag: String,
        /// `name=value` or `name=path`.
        format: &'static str,
    },
    /// Nothing before or behind the `=`.
    #[error("Expected var '{flag}' to specify non-empty {what}")]
    Empty {
        /// What was given.
        flag: String,
        /// `name`, `value` or `path`.
        what: &'static str,
    },
    /// `--vars-env=`.
    #[error("Expected environment variable prefix to be non-empty")]
    EmptyPrefix,
    /// The value is no YAML.
    #[error("{step}: {problem}")]
    Yaml {
        /// What was read.
        step: String,
        /// What is wrong with it.
        problem: String,
    },
}
