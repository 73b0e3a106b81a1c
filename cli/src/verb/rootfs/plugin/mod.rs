//! `warren rootfs plugin`: GrootFS's command line over our store, so that a stock guardian can use
//! it as its image plugin.
//!
//! Answers and errors go to standard output, log lines to standard error, any failure ends with 1.
//! Source: grootfs, `commands/` and `main.go`; guardian, `imageplugin/`.

mod commands;
mod config;
mod mappings;
mod store;
mod texts;

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use config::Config;

/// The exit code of any failure.
const FAILED: u8 = 1;

/// Speak GrootFS's command line, as an image plugin of a stock guardian
///
/// Also done when called by the name 'grootfs'. Flags and files that make no sense here, such as
/// those of helper programs, are accepted and left alone.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren rootfs plugin --store /var/vcap/data/warren create docker:///busybox web"
)]
pub struct Arguments {
    /// A file of settings in YAML; flags win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,

    /// The store's directory
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,

    /// debug, info, error or fatal: what is written to standard error; fatal if nothing is said
    #[arg(long, value_name = "LEVEL")]
    log_level: Option<String>,

    /// Write log lines to this file instead
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,

    /// Not needed
    #[arg(long, value_name = "FILE", hide = true)]
    tardis_bin: Option<PathBuf>,

    /// Not needed
    #[arg(long, value_name = "FILE", hide = true)]
    newuidmap_bin: Option<PathBuf>,

    /// Not needed
    #[arg(long, value_name = "FILE", hide = true)]
    newgidmap_bin: Option<PathBuf>,

    /// Not used, as the log tells: no metrics are sent
    #[arg(long, value_name = "ADDRESS")]
    metron_endpoint: Option<String>,

    /// Not needed
    #[arg(long, value_name = "FORMAT", hide = true)]
    log_timestamp_format: Option<String>,

    #[command(subcommand)]
    command: commands::Command,
}

/// Writes log lines as GrootFS does, which guardian passes on.
#[derive(Debug)]
struct Log {
    most: Level,
    file: Option<PathBuf>,
}

/// How much is written, in lager's words and numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Level {
    Info = 1,
    Error = 2,
    Fatal = 3,
}

impl Level {
    /// As GrootFS reads it: a file without a level is for information.
    fn new(name: Option<&str>, has_file: bool) -> Self {
        match name {
            Some("debug" | "info") => Level::Info,
            Some("error") => Level::Error,
            None if has_file => Level::Info,
            _ => Level::Fatal,
        }
    }
}

impl Log {
    fn error(&self, command: &str, message: &str) {
        let message = serde_json::json!({"error": message});
        self.write(Level::Error, &format!("{command}.failed"), &message);
    }

    /// Tells of a setting that makes no difference, though somebody may count on it.
    fn unused(&self, setting: &str, why: &str) {
        let data = serde_json::json!({"setting": setting, "because": why});
        self.write(Level::Info, "setting-not-used", &data);
    }

    fn write(&self, level: Level, what: &str, data: &serde_json::Value) {
        if level < self.most {
            return;
        }
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let seconds = since.unwrap_or_default();
        let line = serde_json::json!({
            "timestamp": format!("{}.{:09}", seconds.as_secs(), seconds.subsec_nanos()),
            "source": "grootfs",
            "message": format!("grootfs.{what}"),
            "log_level": level as u8,
            "data": data,
        });
        // The failure itself is told on standard output; nobody is left to tell of a lost log line.
        let _ = match &self.file {
            Some(path) => std::fs::File::options()
                .append(true)
                .create(true)
                .open(path)
                .and_then(|mut file| writeln!(file, "{line}")),
            None => writeln!(std::io::stderr(), "{line}"),
        };
    }
}

impl Arguments {
    /// Runs the command; the answer is the exit code.
    pub fn run(self) -> u8 {
        let name = self.command.name();
        let config = match self.config.as_deref().map(Config::read).transpose() {
            Ok(config) => config.unwrap_or_default(),
            Err(error) => {
                say(&warren_lib_errchain::chain(&error));
                return FAILED;
            }
        };
        let level = self.log_level.or(config.log_level.clone());
        let file = self.log_file.or(config.log_file.clone());
        let log = Log {
            most: Level::new(level.as_deref(), file.is_some()),
            file,
        };
        let metron = self.metron_endpoint.or(config.metron_endpoint.clone());
        for (setting, is_given, why) in [
            ("metron_endpoint", metron.is_some(), "no metrics are sent"),
            (
                "init.owneruser",
                config.init.owneruser.is_some(),
                "the store is root's",
            ),
            (
                "init.ownergroup",
                config.init.ownergroup.is_some(),
                "the store is root's",
            ),
            (
                "init.with_direct_io",
                config.init.with_direct_io,
                "there is no file behind the store",
            ),
        ] {
            if is_given {
                log.unused(setting, why);
            }
        }
        let root = self.store.or(config.store.clone());
        let root = root.unwrap_or_else(|| PathBuf::from("/var/lib/grootfs"));
        let context = store::Context {
            root,
            config,
            config_path: self.config,
        };
        match self.command.run(&context) {
            Ok(answer) => {
                say(&answer.text);
                if let Some(wanted) = answer.clean_after {
                    context.clean_in_background(&wanted);
                }
                0
            }
            Err(error) => {
                log.error(name, &error.detail());
                say(&error.to_string());
                FAILED
            }
        }
    }
}

/// Writes an answer; nothing where there is nothing to say.
fn say(text: &str) {
    if !text.is_empty() {
        // Whoever closed it does not want to know.
        let _ = writeln!(std::io::stdout(), "{text}");
    }
}

/// Tells of a command line that could not be understood, if it is one of these: where GrootFS
/// does, with its exit code.
pub fn report_refused_line(line: &[OsString], error: &clap::Error) -> Option<ExitCode> {
    let is_ours = line.get(1).is_some_and(|word| word == "rootfs")
        && line.get(2).is_some_and(|word| word == "plugin");
    if !is_ours || !error.use_stderr() {
        return None;
    }
    say(error.to_string().trim_end());
    Some(ExitCode::from(FAILED))
}
