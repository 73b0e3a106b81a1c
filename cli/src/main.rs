//! The `warren` executable: parse the command line, run one verb, report.

mod early;
mod failure;
mod line;
mod output;
mod umask;
mod verb;

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches, Parser};

use failure::{Failure, exit};
use output::Format;
use verb::Verb;

/// A whole BOSH inside containers, nested as deep as wanted.
#[derive(Parser)]
#[command(
    name = "warren",
    version,
    max_term_width = 100,
    propagate_version = true
)]
struct CommandLine {
    /// Print one JSON document instead of tables
    #[arg(long, global = true)]
    json: bool,

    #[command(subcommand)]
    verb: Verb,
}

fn main() -> ExitCode {
    if let Some(code) = early::dispatch() {
        return code;
    }
    let mut arguments = under_stock_name(std::env::args_os().collect());
    verb::from_stock_flags(&mut arguments);
    line::from_stock(&mut arguments);
    let arguments = verb::without_common_flags(arguments);
    let arguments = verb::director::flags_behind(arguments);
    let parsed = CommandLine::command()
        .try_get_matches_from(&arguments)
        .and_then(|matches| CommandLine::from_arg_matches(&matches));
    let command_line = match parsed {
        Ok(command_line) => command_line,
        Err(mut error) => match verb::report_refused_line(&arguments, &error) {
            Some(code) => return code,
            None => {
                line::suggest_best(&mut error);
                error.exit()
            }
        },
    };
    let format = if command_line.json {
        Format::Json
    } else {
        Format::Human
    };
    match command_line.verb.run(format) {
        Ok(code) => ExitCode::from(code),
        Err(failure) => report(&failure, format),
    }
}

/// Turns the name of a stock tool that we were called by into our own verb.
fn under_stock_name(mut arguments: Vec<OsString>) -> Vec<OsString> {
    let called = arguments.first().map(Path::new).and_then(Path::file_name);
    let verb: &[&str] = match called.and_then(|name| name.to_str()) {
        Some("bosh-enable-monit-access") => &["firewall", "enable-monit-access"],
        Some("grootfs") => &["rootfs", "plugin"],
        Some("gaol") => &["container"],
        Some("bpm") => &["bpm"],
        Some("cpi") => &["cpi"],
        Some("monit") => &["monit"],
        Some("bosh-agent") => &["serve", "agent"],
        Some("runsvdir-start") => &["init"],
        _ => return arguments,
    };
    arguments.splice(
        0..1,
        std::iter::once("warren")
            .chain(verb.iter().copied())
            .map(Into::into),
    );
    arguments
}

fn report(failure: &Failure, format: Format) -> ExitCode {
    if failure.is_unread {
        return ExitCode::from(failure.code);
    }
    let mut err = std::io::stderr().lock();
    let written = match format {
        Format::Human => {
            let remedy = failure
                .remedy
                .as_ref()
                .map(|text| format!("\n  Remedy: {text}"));
            writeln!(
                err,
                "Error: {}{}",
                failure.message,
                remedy.unwrap_or_default()
            )
        }
        Format::Json => {
            let document = serde_json::json!({"error": failure.message, "remedy": failure.remedy});
            writeln!(err, "{document}")
        }
    };
    // A closed standard error leaves nobody to tell; the exit code still says it.
    let code = if written.is_ok() {
        failure.code
    } else {
        exit::UNKNOWN
    };
    ExitCode::from(code)
}
