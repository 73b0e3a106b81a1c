//! Why a text is no document, in the words of the library whose dialect was asked for.

use super::Dialect;

/// A text that could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum YamlError {
    /// The text breaks the grammar. Go says `yaml: line 1: PROBLEM`, Ruby
    /// `(<unknown>): PROBLEM CONTEXT at line 1 column 4`.
    #[error("{}", syntax(*.dialect, *.line, *.column, .problem, .context, *.scanner))]
    Syntax {
        /// Whose words to use.
        dialect: Dialect,
        /// Line of the problem, from 1.
        line: usize,
        /// Column of the problem, from 1.
        column: usize,
        /// What is wrong.
        problem: String,
        /// What was being read; may be empty.
        context: String,
        /// Whether the scanner found it: Go counts its lines differently.
        scanner: bool,
    },
    /// Deeper than any manifest is.
    #[error("yaml: exceeded max depth of {0}")]
    TooDeep(usize),
    /// Aliases that would grow beyond bounds.
    #[error("yaml: document contains excessive aliasing")]
    ExcessiveAliasing,
    /// An explicit tag that the text does not fit, or a merge of what is no mapping.
    #[error("yaml: {0}")]
    BadNode(String),
    /// Ruby's safe loading refuses the class that the node stands for.
    #[error("Tried to load unspecified class: {0}")]
    DisallowedClass(String),
    /// An integer of more than 128 bits.
    #[error("integer '{0}' is too large")]
    IntegerTooLarge(String),
}

fn syntax(
    dialect: Dialect,
    line: usize,
    column: usize,
    problem: &str,
    context: &str,
    scanner: bool,
) -> String {
    match dialect {
        Dialect::Go => {
            // The library counts from 0 and calls 0 unknown; only the scanner's lines are corrected.
            let from_zero = line.saturating_sub(1);
            match (from_zero, scanner) {
                (0, _) => format!("yaml: {problem}"),
                (line, true) => format!("yaml: line {}: {problem}", line + 1),
                (line, false) => format!("yaml: line {line}: {problem}"),
            }
        }
        Dialect::Ruby => {
            let gap = if context.is_empty() { "" } else { " " };
            format!("(<unknown>): {problem}{gap}{context} at line {line} column {column}")
        }
    }
}
