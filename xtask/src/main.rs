//! Checks of the workspace itself, run as `cargo xtask CHECK`.
//!
//! | check | question |
//! |---|---|
//! | `layers` | does every crate depend only on what its row of the table allows? |
//! | `tidy` | does every source file, and every page, keep the rules that no lint can express? |
//!
//! Each finding is one line on standard error. Exit code 0: nothing found;
//! 1: findings; 2: the check could not run.

mod layers;
mod tidy;

use std::path::PathBuf;
use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask layers|tidy";

/// What a check saw.
struct Report {
    /// Findings that fail the check, one line each.
    errors: Vec<String>,
    /// Findings worth a look, one line each.
    warnings: Vec<String>,
    /// How much was looked at, for the closing line.
    looked_at: String,
}

/// Why a check could not run at all.
#[derive(Debug, thiserror::Error)]
enum Error {
    #[error("cannot run {command}")]
    Spawn {
        command: String,
        source: std::io::Error,
    },
    #[error("{command} failed: {stderr}")]
    Command { command: String, stderr: String },
    #[error("cannot understand the output of cargo metadata")]
    Metadata(#[source] serde_json::Error),
    #[error("cannot read {}", path.display())]
    Read {
        path: PathBuf,
        source: std::io::Error,
    },
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let root = workspace_root();
    let (name, result) = match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["layers"] => ("layers", layers::check(&root)),
        ["tidy"] => ("tidy", tidy::check(&root)),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(report) => {
            for warning in &report.warnings {
                eprintln!("warning: {warning}");
            }
            for error in &report.errors {
                eprintln!("error: {error}");
            }
            eprintln!(
                "{name}: {}, {} error(s)",
                report.looked_at,
                report.errors.len()
            );
            ExitCode::from(u8::from(!report.errors.is_empty()))
        }
        Err(error) => {
            eprintln!("{name}: {}", chain(&error));
            ExitCode::from(2)
        }
    }
}

/// The folder that holds the workspace's `Cargo.toml`.
fn workspace_root() -> PathBuf {
    let mut root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    root.pop();
    root
}

/// The error and its sources on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
