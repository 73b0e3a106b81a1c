//! `warren init`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use warren_agent::init::{Service, run};

use crate::failure::{Failure, exit};
use crate::output::Format;

/// This executable, also if it has been replaced since.
const OURSELVES: &str = "/proc/self/exe";
const SSHD: &str = "/usr/sbin/sshd";

/// Be the first process of a VM that is a container
///
/// Keeps the job supervisor, the agent and the name server running, and sshd where the image has it;
/// takes the ends of orphans. Also under the name runsvdir-start, by which the stock Warden CPI starts a VM's
/// services; it need not be process 1 then. SIGTERM, SIGINT and SIGPWR end the VM in order.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren init --agent-config /var/vcap/bosh/agent.json")]
pub struct Arguments {
    /// The agent's configuration
    #[arg(long, value_name = "FILE", default_value = "/var/vcap/bosh/agent.json")]
    agent_config: PathBuf,

    /// Where logs are written
    #[arg(long, value_name = "DIR", default_value = "/var/vcap/bosh/log")]
    logs: PathBuf,

    /// Cut logs of jobs below this directory when they are long, DIR/JOB/*.log, where no agent's image does
    #[arg(long, value_name = "DIR")]
    cut_logs: Option<PathBuf>,

    /// Do not start the agent: nobody but the supervisor keeps jobs up
    #[arg(long)]
    no_agent: bool,

    /// Do not start sshd
    #[arg(long)]
    no_sshd: bool,

    /// Do not start the name server
    #[arg(long)]
    no_dns: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        let mut services = vec![ours(
            "supervisor",
            "supervisor",
            &["serve", "supervisor"],
            None,
        )];
        if !self.no_agent {
            let agent = &["serve", "agent", "-C"];
            services.insert(0, ours("agent", "current", agent, Some(&self.agent_config)));
        }
        // The last to end: jobs that are stopped look for others.
        if !self.no_dns {
            services.push(ours("dns", "dns", &["serve", "dns"], None));
        }
        if !self.no_sshd && Path::new(SSHD).exists() {
            services.insert(0, sshd());
        }
        run(services, &self.logs, self.cut_logs.as_deref())?;
        Ok(exit::GOOD)
    }
}

fn ours(name: &str, log: &str, arguments: &[&str], last: Option<&Path>) -> Service {
    let words = arguments.iter().map(OsString::from);
    Service {
        name: name.to_owned(),
        program: PathBuf::from(OURSELVES),
        arguments: words
            .chain(last.map(|path| path.as_os_str().to_owned()))
            .collect(),
        log: log.to_owned(),
    }
}

/// The image has no host keys: each VM makes its own, at its first start, and nobody waits for them.
fn sshd() -> Service {
    let script = "mkdir -p /run/sshd && nice -n 19 ssh-keygen -A && exec /usr/sbin/sshd -D -e";
    Service {
        name: "sshd".to_owned(),
        program: PathBuf::from("/bin/sh"),
        arguments: vec!["-c".into(), script.into()],
        log: "sshd".to_owned(),
    }
}
