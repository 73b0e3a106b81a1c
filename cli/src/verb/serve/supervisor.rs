//! `warren serve supervisor`.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;
use warren_lib_errchain::chain;
use warren_supervisor::{Error, Grouping, Http, Options, SETTLE, Supervisor};

use crate::failure::{Failure, exit};
use crate::output::Format;

/// Keep the processes of BOSH jobs up, as monit does, until SIGTERM or SIGINT; processes live on
///
/// Reads monit's control files and answers on monit's HTTP interface. SIGHUP has it read them anew,
/// SIGUSR1 begins a cycle at once. A job file with a mistake is left out and shown as a failing
/// service; the others are not affected. Prints a line when it answers.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren serve supervisor --listen 127.0.0.1:2822")]
pub struct Arguments {
    /// The main control file
    #[arg(long, short = 'c', value_name = "FILE", default_value = warren_supervisor::CONTROL_FILE)]
    control_file: PathBuf,

    /// Where its state is kept [default: as the control file says, else
    /// /var/vcap/monit/supervisor.json]
    #[arg(long, value_name = "FILE")]
    state: Option<PathBuf>,

    /// Where its log is written [default: as the control file says, else standard error]
    #[arg(long, value_name = "FILE")]
    log_file: Option<PathBuf>,

    /// Where to answer over HTTP [default: as the control file says]
    #[arg(long, value_name = "ADDRESS:PORT", conflicts_with = "no_http")]
    listen: Option<SocketAddr>,

    /// Do not answer over HTTP
    #[arg(long)]
    no_http: bool,

    /// Seconds of a cycle [default: as the control file says]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    interval: Option<Duration>,

    /// Seconds that a process must live after its start before its service counts as running
    /// [default: 2]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    settle: Option<Duration>,

    /// Leave services in the control group of the supervisor, instead of giving each its own where
    /// that can be had
    #[arg(long)]
    no_groups: bool,
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| "this is no number".to_owned())?;
    if (0.0..=86400.0).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err("0 to 86400 can be".to_owned())
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let http = match (self.no_http, self.listen) {
            (true, _) => Http::Off,
            (false, Some(address)) => Http::At(address),
            (false, None) => Http::AsConfigured,
        };
        let options = Options {
            control_file: self.control_file,
            state_file: self.state,
            log_file: self.log_file,
            http,
            interval: self.interval,
            settle: self.settle.unwrap_or(SETTLE),
            grouping: if self.no_groups {
                Grouping::Shared
            } else {
                Grouping::Each
            },
            on_event: None,
        };
        run(options, format)
    }
}

/// Supervises until a signal or somebody over HTTP ends it.
pub fn run(options: Options, format: Format) -> Result<u8, Failure> {
    // What we were started with is not for the jobs.
    warren_sys_process::exec::close_from_on_exec(3)?;
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1])?;
    let pid_file = pid_file(&options);
    let supervisor = Supervisor::start(options).map_err(|error| failure(&error))?;
    if let Some(path) = &pid_file {
        let failed = |error| Failure::text(format!("cannot write {}: {error}", path.display()));
        std::fs::write(path, format!("{}\n", std::process::id())).map_err(failed)?;
    }
    announce(&supervisor, format);
    let handle = supervisor.handle();
    let listener = signals.handle();
    let for_signals = handle.clone();
    let thread = std::thread::spawn(move || {
        for signal in signals.forever() {
            match signal {
                // What is wrong is in the log, and the old configuration stays.
                SIGHUP => drop(for_signals.reload()),
                SIGUSR1 => for_signals.validate(),
                _ => for_signals.quit(),
            }
        }
    });
    supervisor.wait();
    listener.close();
    let _ = thread.join();
    if let Some(path) = pid_file {
        let _ = std::fs::remove_file(path);
    }
    Ok(exit::GOOD)
}

/// The pidfile that the control file asks for.
fn pid_file(options: &Options) -> Option<PathBuf> {
    let configuration = warren_supervisor::monitrc::load::load(&options.control_file).ok()?;
    configuration.settings.pid_file
}

/// For whoever waits for it on standard output.
fn announce(supervisor: &Supervisor, format: Format) {
    let snapshot = supervisor.handle().snapshot();
    let services = snapshot.services.len();
    let address = supervisor.http_address();
    let mut out = std::io::stdout().lock();
    // Nobody needs to listen.
    let _ = match (format, address) {
        (Format::Json, _) => {
            let address = address.map(|address| address.to_string());
            let left_out = &snapshot.problems;
            writeln!(
                out,
                "{}",
                json!({"serving": address, "services": services, "left_out": left_out})
            )
        }
        (Format::Human, Some(address)) => {
            writeln!(out, "Supervising {services} services, on {address}")
        }
        (Format::Human, None) => writeln!(out, "Supervising {services} services"),
    };
    let _ = out.flush();
}

fn failure(error: &Error) -> Failure {
    let failure = Failure::text(format!("cannot supervise jobs: {}", chain(error)));
    match error {
        Error::Running(_) => failure.remedy("end it, or choose another --state"),
        Error::Listen(_, source) if source.kind() == std::io::ErrorKind::AddrInUse => {
            failure.remedy("end monit or whatever listens there, or choose another --listen")
        }
        Error::Load(_) => failure.remedy("'warren monit -t' tries a control file"),
        _ => failure,
    }
}
