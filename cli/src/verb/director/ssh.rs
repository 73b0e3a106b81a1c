//! `warren ssh`: a user with a key of its own for as long as it takes, over the system's `ssh`.

use std::path::PathBuf;

use super::problem::Problem;
use super::remote::{Gateway, Visit, Way, run, with_hosts};
use super::session::Session;

#[derive(clap::Args, Debug)]
pub struct Arguments {
    /// GROUP or GROUP/ID; all unless given
    #[arg(value_name = "INSTANCE", default_value = "")]
    slug: String,

    /// Run this on each, instead of a shell on one
    #[arg(short, long, value_name = "COMMAND", allow_hyphen_values = true)]
    command: Vec<String>,

    /// Show what each wrote when all have ended, instead of line by line
    #[arg(short, long)]
    results: bool,

    /// Give `ssh` these as well
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true)]
    opts: Vec<String>,

    /// Go there with this key instead of a new user; INSTANCE may be an address then
    #[arg(short = 'i', long, value_name = "FILE")]
    private_key: Option<PathBuf>,

    /// Whose key that is
    #[arg(short = 'l', long, value_name = "USER", default_value = "vcap")]
    username: String,

    #[command(flatten)]
    gateway: Gateway,
}

impl Arguments {
    fn work(&self, session: &mut Session<'_>, visit: &Visit) -> Result<u8, Problem> {
        let mut ways = Vec::new();
        for host in &visit.hosts {
            let mut command = visit.ssh(host, true, &self.opts)?;
            command.args(&self.command);
            ways.push((host.name.clone(), command));
        }
        match (self.command.is_empty(), self.results) {
            (false, true) => run::collected(session, ways),
            (false, false) => run::streamed(session, ways),
            (true, _) => match (ways.pop(), ways.is_empty()) {
                (Some((_, command)), true) => run::attached(command),
                _ => Err(Problem::text(
                    "Interactive SSH only works for a single host at a time: name one, GROUP/ID",
                )),
            },
        }
    }

    /// Runs the verb.
    pub fn run(self, session: &mut Session<'_>) -> Result<u8, Problem> {
        if self.command.is_empty() && (self.results || !session.common.is_asked()) {
            return Err(Problem::text("Non-interactive SSH requires non-empty command"));
        }
        let way = Way {
            slug: &self.slug,
            private_key: self.private_key.as_deref(),
            username: &self.username,
            gateway: &self.gateway,
        };
        with_hosts(session, &way, |session, visit| {
            self.work(session, visit).map_err(|problem| problem.step("Running SSH"))
        })
    }
}
