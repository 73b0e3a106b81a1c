//! `warren monit`, also called as `monit`: monit's command line.
//!
//! Its output and exit codes are monit's, since the agent and operators' scripts read them: 0 when
//! all was taken, 1 otherwise.

mod ask;

use std::io::Write;
use std::path::PathBuf;

use warren_lib_errchain::chain;
use warren_supervisor::monitrc::load::load;
use warren_supervisor::{Grouping, Options, http::xml::VERSION};

use super::serve::supervisor;
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Look at and drive the supervisor of BOSH jobs, with monit's words
///
/// What can be said: summary, status (also with a NAME), start, stop, restart, monitor, unmonitor (each with
/// NAME, all, or -g GROUP), validate, reload, quit. With -I it is the supervisor itself.
#[derive(clap::Args, Debug)]
#[command(
    disable_version_flag = true,
    after_help = "Example: warren monit restart -g vcap"
)]
pub struct Arguments {
    /// The main control file
    #[arg(short = 'c', value_name = "FILE", default_value = warren_supervisor::CONTROL_FILE)]
    control_file: PathBuf,

    /// Only services of this group
    #[arg(short = 'g', value_name = "GROUP")]
    group: Option<String>,

    /// Try the control files and say what is wrong with them
    #[arg(short = 't')]
    test: bool,

    /// Be the supervisor, in the foreground
    #[arg(short = 'I')]
    foreground: bool,

    /// Seconds of a cycle, with -I
    #[arg(short = 'd', value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..=86400))]
    daemon: Option<u64>,

    /// Where the log is written, with -I
    #[arg(short = 'l', value_name = "FILE")]
    log_file: Option<PathBuf>,

    /// Where the state is kept, with -I
    #[arg(short = 's', value_name = "FILE")]
    state_file: Option<PathBuf>,

    /// Accepted; the log always says all
    #[arg(short = 'v', action = clap::ArgAction::Count)]
    verbose: u8,

    /// Print the version of monit that is spoken here
    #[arg(short = 'V')]
    version: bool,

    /// What to do, and to which service
    #[arg(value_name = "WORD")]
    words: Vec<String>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let mut out = std::io::stdout();
        if self.version {
            let ours = env!("CARGO_PKG_VERSION");
            writeln!(
                out,
                "This is Monit version {VERSION} (as spoken by Warren {ours})"
            )?;
            return Ok(exit::GOOD);
        }
        if self.test {
            return self.test();
        }
        if self.foreground {
            let options = Options {
                control_file: self.control_file,
                state_file: self.state_file,
                log_file: self.log_file,
                interval: self.daemon.map(std::time::Duration::from_secs),
                grouping: Grouping::Each,
                ..Options::default()
            };
            return supervisor::run(options, format);
        }
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let settings = match load(&self.control_file) {
            Ok(configuration) => configuration.settings,
            Err(error) => return Err(Failure::new(&error)),
        };
        let Some(httpd) = settings.httpd else {
            let file = self.control_file.display();
            let failure = Failure::text(format!("{file} says nothing of an HTTP interface"));
            return Err(failure.remedy("add 'set httpd port 2822 and use address 127.0.0.1'"));
        };
        ask::run(&httpd, self.group.as_deref(), &words, format)
    }

    fn test(&self) -> Result<u8, Failure> {
        let configuration = match load(&self.control_file) {
            Ok(configuration) => configuration,
            Err(error) => return Err(Failure::text(chain(&error))),
        };
        let mut err = std::io::stderr();
        for warning in &configuration.warnings {
            writeln!(err, "Warning: {warning}")?;
        }
        for problem in &configuration.problems {
            writeln!(err, "{problem}")?;
        }
        if configuration.problems.is_empty() {
            writeln!(std::io::stdout(), "Control file syntax OK")?;
            return Ok(exit::GOOD);
        }
        Ok(exit::BAD)
    }
}
