//! What the user sees: tables or JSON on standard output, errors on standard error.

mod listing;
mod table;
mod waiting;

use std::io::{self, Write};

use serde::Serialize;

pub use listing::Listing;
pub use table::Table;
pub use waiting::Display;

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Human,
    /// One JSON document, for programs.
    Json,
}

/// A result that can be shown both ways.
pub trait Report: Serialize {
    /// Writes it for people.
    ///
    /// # Errors
    /// The writer's.
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()>;
}

/// Writes a report to standard output in the format chosen.
///
/// # Errors
/// When standard output is closed or full.
pub fn show(report: &impl Report, format: Format) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Human => report.write_human(&mut out)?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, report)?;
            writeln!(out)?;
        }
    }
    out.flush()
}
