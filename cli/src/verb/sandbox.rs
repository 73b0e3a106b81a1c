//! `warren sandbox`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;

use warren_container_sandbox::{Error, Options, Report, check, run};

use crate::failure::{Failure, exit};
use crate::output::Format;

/// What of the environment a program gets unasked: nothing that could be a secret.
const HARMLESS: &[&str] = &["PATH", "LANG", "LC_ALL", "TZ"];

/// Run a program that may compute and do nothing else
///
/// It sees the operating system's programs and libraries, read-only, and the directory that it is
/// installed in. It has no network, cannot write to any file, sees no other process, and its memory
/// is bounded. Without a program the verb tells by which means that holds here.
///
/// The exit status is the program's, or 125 if no sandbox can be had.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren sandbox --memory 256M -- ruby -e 'puts 1 + 1'")]
pub struct Arguments {
    /// Files that it may read too; may be repeated
    #[arg(long, value_name = "PATH")]
    read: Vec<PathBuf>,

    /// Most memory of each of its processes, in bytes or with K, M or G
    #[arg(long, value_name = "SIZE", default_value = "1G", value_parser = size)]
    memory: u64,

    /// Most open files of each of its processes
    #[arg(long, value_name = "N", default_value_t = 256)]
    open_files: u64,

    /// A variable of its environment, besides PATH, LANG, LC_ALL and TZ; may be repeated
    #[arg(long, value_name = "NAME=VALUE")]
    env: Vec<OsString>,

    /// The program and its arguments
    #[arg(value_name = "PROGRAM", last = true)]
    program: Vec<OsString>,
}

/// Exit status if no sandbox can be had, as of programs that start others.
const NO_SANDBOX: u8 = 125;

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let mut words = self.program.into_iter();
        let program = words.next();
        let is_check = program.is_none();
        let mut options = Options::new(program.unwrap_or_else(|| "true".into()));
        options.arguments = words.collect();
        options.environment = environment(&self.env)?;
        options.readable = self.read;
        options.memory = self.memory;
        options.open_files = self.open_files;
        if is_check {
            let report = check(&options).map_err(|error| refused(&error))?;
            match format {
                Format::Human => println!("{}", report.line()),
                Format::Json => println!("{}", serde_json::to_string(&report)?),
            }
            return Ok(exit::GOOD);
        }
        run(&options, warn).map_err(|error| refused(&error))
    }
}

/// Says so if there is a better way that the kernel refused.
fn warn(report: &Report) {
    if report.is_weaker() {
        eprintln!("sandbox: {}", report.line());
    }
}

fn refused(error: &Error) -> Failure {
    let failure = Failure::new(error).code(NO_SANDBOX);
    match error {
        Error::Refused { .. } => failure.remedy(
            "run as root, or let users make user namespaces, or use a kernel with Landlock",
        ),
        Error::NoProgram { .. } => failure.remedy("install it, or give its path"),
        _ => failure,
    }
}

fn environment(pairs: &[OsString]) -> Result<BTreeMap<OsString, OsString>, Failure> {
    let unasked = HARMLESS
        .iter()
        .filter_map(|name| Some((OsString::from(name), std::env::var_os(name)?)));
    let mut environment: BTreeMap<_, _> = unasked.collect();
    for pair in pairs {
        let bytes = pair.as_bytes();
        let Some(at) = bytes.iter().position(|byte| *byte == b'=') else {
            let text = format!("--env {} is not NAME=VALUE", pair.display());
            return Err(Failure::text(text).code(exit::UNKNOWN));
        };
        let (name, value) = (&bytes[..at], &bytes[at + 1..]);
        environment.insert(
            OsStr::from_bytes(name).into(),
            OsStr::from_bytes(value).into(),
        );
    }
    Ok(environment)
}

fn size(text: &str) -> Result<u64, String> {
    let (digits, factor) = match text.char_indices().next_back() {
        Some((at, 'K' | 'k')) => (&text[..at], 1 << 10),
        Some((at, 'M' | 'm')) => (&text[..at], 1 << 20),
        Some((at, 'G' | 'g')) => (&text[..at], 1 << 30),
        _ => (text, 1),
    };
    let number: Option<u64> = digits.parse().ok();
    number
        .and_then(|number| number.checked_mul(factor))
        .ok_or_else(|| "not a size, such as 512M".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("17"), Ok(17));
        assert_eq!(size("2k"), Ok(2048));
        assert_eq!(size("3G"), Ok(3 << 30));
        for wrong in ["", "G", "-1", "1T", "99999999999G"] {
            assert!(size(wrong).is_err(), "{wrong}");
        }
    }
}
