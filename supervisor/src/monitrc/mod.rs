//! The language of monit's control files, as far as jobs use it.
//!
//! [`parse`] is one file, [`load`](load::load) the main file with what it includes, and
//! [`assemble`](assemble::assemble) sorts out what cannot stand side by side.

pub mod assemble;
pub mod load;
pub mod model;

mod check;
mod condition;
mod connection;
mod cursor;
mod lexer;
mod settings;
mod units;

#[cfg(test)]
mod tests;

use std::path::Path;

use self::cursor::Cursor;
pub use self::lexer::LONGEST;
use self::model::File;

/// Why a text is no control file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct ParseError {
    /// From 1.
    pub line: usize,
    /// What is wrong there.
    pub reason: String,
}

impl ParseError {
    fn new(line: usize, reason: impl Into<String>) -> Self {
        ParseError {
            line,
            reason: reason.into(),
        }
    }
}

/// Reads the text of a control file; `name` is only put into the services' places.
///
/// # Errors
/// The first thing that is no statement of the language, or one that is not supported.
pub fn parse(name: &Path, text: &str) -> Result<File, ParseError> {
    let mut cursor = Cursor::new(lexer::words(text)?);
    let mut file = File::default();
    while let Some(word) = cursor.next_word() {
        match word.as_str() {
            "set" => settings::statement(&mut cursor, &mut file)?,
            "include" => {
                let line = cursor.line();
                file.includes.push((cursor.text("a file pattern")?, line));
            }
            "check" => {
                let service = check::statement(&mut cursor, name, &mut file.warnings)?;
                file.services.push(service);
            }
            _ => return Err(cursor.unexpected_last("'set', 'include' or 'check'")),
        }
    }
    Ok(file)
}
