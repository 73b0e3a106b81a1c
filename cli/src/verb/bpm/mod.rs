//! `warren bpm`, also called as `bpm`: the processes of BOSH jobs.
//!
//! Verbs, flags, output and exit codes are those of the stock tool, which monit files and operators
//! call: an error is `Error: ...` on standard error and exit code 1, also for a command line that is
//! not understood.

mod list;
mod logs;
mod pid;
mod run;
mod shell;
mod start;
mod stop;
mod trace;
mod version;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::CommandFactory;
use rustix::fd::AsFd;
use warren_bpm::act::Bpm;
use warren_bpm::root::Name;
use warren_bpm::settings::{self, NoChoice};
use warren_bpm::{Error, Root, Settings};
use warren_sys_process::descriptors::close_all_but;

use crate::failure::{Failure, exit};
use crate::output::Format;

/// What to do, and how processes are kept.
#[derive(clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Processes are configured in /var/vcap/jobs/JOB/config/bpm.yml (or below \
                  $BPM_BOSH_ROOT instead of /var/vcap).\n\nExample: warren bpm start nats -p \
                  bosh_nats_sync"
)]
pub struct Arguments {
    /// How processes are kept apart: container, or direct, as plain processes of the machine
    /// [default: $WARREN_BPM_ISOLATION or container]
    #[arg(long, global = true, value_name = "HOW")]
    isolation: Option<String>,

    /// Whose device filter holds: own, or inherited from the container outside alone
    /// [default: $WARREN_BPM_DEVICES or own]
    #[arg(long, global = true, value_name = "WHOSE")]
    devices: Option<String>,

    /// What makes control groups: cgroupfs or systemd [default: $WARREN_BPM_CGROUP_DRIVER or
    /// cgroupfs]
    #[arg(long, global = true, value_name = "DRIVER")]
    cgroup_driver: Option<String>,

    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(clap::Subcommand)]
enum Verb {
    Start(start::Arguments),
    Stop(stop::Arguments),
    Run(run::Arguments),
    Pid(pid::Arguments),
    List(list::Arguments),
    Logs(logs::Arguments),
    Shell(shell::Arguments),
    Trace(trace::Arguments),
    Version(version::Arguments),
}

/// Which process.
#[derive(clap::Args, Debug)]
pub(super) struct Which {
    /// The job
    job: Option<String>,

    /// The process, if it is not called like the job
    #[arg(short, long, value_name = "NAME")]
    process: Option<String>,
}

impl Which {
    fn name(&self) -> Result<Name, Failure> {
        let name = Name::new(
            self.job.as_deref().unwrap_or_default(),
            self.process.as_deref(),
        );
        name.map_err(|error| match error {
            Error::NoJob => Failure::new(&error).remedy("bpm VERB JOB [-p PROCESS]"),
            error => Failure::new(&error),
        })
    }
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        if let Verb::Version(arguments) = &self.verb {
            return arguments.run(format);
        }
        own_descriptors()?;
        let root = Root::from_environment();
        let bpm = Bpm::new(root, self.settings()?)?;
        match self.verb {
            Verb::Start(arguments) => arguments.run(&bpm),
            Verb::Stop(arguments) => arguments.run(&bpm),
            Verb::Run(arguments) => arguments.run(&bpm),
            Verb::Pid(arguments) => arguments.run(&bpm, format),
            Verb::List(arguments) => arguments.run(&bpm, format),
            Verb::Logs(arguments) => arguments.run(&bpm),
            Verb::Shell(arguments) => arguments.run(&bpm),
            Verb::Trace(arguments) => arguments.run(&bpm),
            Verb::Version(arguments) => arguments.run(format),
        }
    }

    fn settings(&self) -> Result<Settings, Failure> {
        let mut chosen = Settings::default();
        let at = |error: NoChoice, name: &str| Failure::text(format!("{name} {error}"));
        if let Some(text) = choice(self.isolation.as_deref(), "WARREN_BPM_ISOLATION") {
            chosen.isolation = text.parse().map_err(|error| at(error, "isolation"))?;
        }
        if let Some(text) = choice(self.devices.as_deref(), "WARREN_BPM_DEVICES") {
            chosen.devices = settings::devices(&text).map_err(|error| at(error, "devices"))?;
        }
        if let Some(text) = choice(self.cgroup_driver.as_deref(), "WARREN_BPM_CGROUP_DRIVER") {
            chosen.driver = text.parse().map_err(|error| at(error, "cgroup driver"))?;
        }
        Ok(chosen)
    }
}

/// What the flag says, else the environment.
fn choice(flag: Option<&str>, variable: &str) -> Option<String> {
    let given = flag
        .map(str::to_owned)
        .or_else(|| std::env::var(variable).ok());
    given.filter(|text| !text.is_empty())
}

/// Leaves the three standard streams, which our runtime has opened if they were closed, and closes
/// whatever else we were started with.
fn own_descriptors() -> Result<(), Failure> {
    let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
    close_all_but(&[stdin.as_fd(), stdout.as_fd(), stderr.as_fd()])
        .map_err(|errno| Failure::text(format!("cannot close inherited descriptors: {errno}")))
}

/// An exit status as ours: what does not fit is a failure all the same.
fn status(status: i32) -> u8 {
    u8::try_from(status).unwrap_or(u8::MAX)
}

/// Tells of a command line that is not understood as the stock tool does, if it is one of this verb.
pub fn report_refused_line(arguments: &[OsString], error: &clap::Error) -> Option<ExitCode> {
    use clap::error::ErrorKind;
    if arguments.get(1)? != "bpm" {
        return None;
    }
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => return None,
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => eprintln!("{error}"),
        _ => {
            let text = error.to_string();
            let text = text.strip_prefix("error: ").unwrap_or(&text);
            eprintln!("Error: {}", text.trim_end());
            if error.kind() == ErrorKind::InvalidSubcommand {
                let mut command = crate::CommandLine::command();
                let usage = command
                    .find_subcommand_mut("bpm")
                    .map(clap::Command::render_usage);
                eprintln!("{}", usage.unwrap_or_default());
            }
        }
    }
    Some(ExitCode::from(exit::BAD))
}
