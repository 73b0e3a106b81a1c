//! `warren serve dns`.

use std::ffi::OsString;
use std::net::IpAddr;
use std::path::PathBuf;

use warren_agent::log;
use warren_dns::keeper::{self, KeeperError, Options};
use warren_dns::{ADDRESS, PORT, Sources, serve};

use crate::failure::{Failure, exit};
use crate::output::Format;

/// This executable, also if it has been replaced since.
const OURSELVES: &str = "/proc/self/exe";

/// Resolve names of instances, and ask others for all else, until SIGTERM or SIGINT
///
/// Answers where bosh-dns does, from the records that the agent keeps and the aliases of jobs. Puts
/// itself first in /etc/resolv.conf, then gives up all rights. Stands aside as long as there is a job
/// bosh-dns, or somebody else listens there. Ends when there is something to do that needs rights: it
/// is to be started again then, as warren init does. Writes its log to standard error.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren serve dns --address 127.0.0.2 --resolv-conf /tmp/resolv.conf"
)]
pub struct Arguments {
    /// Where to answer; added to loopback if this machine does not have it
    #[arg(long, value_name = "ADDRESS", default_value_t = ADDRESS)]
    address: IpAddr,

    /// The port
    #[arg(long, value_name = "PORT", default_value_t = PORT)]
    port: u16,

    /// The records of instances
    #[arg(
        long,
        value_name = "FILE",
        default_value = "/var/vcap/instance/dns/records.json"
    )]
    records: PathBuf,

    /// Jobs, whose dns/aliases.json and dns/handlers.json count
    #[arg(long, value_name = "DIR", default_value = "/var/vcap/jobs")]
    jobs: PathBuf,

    /// Whose name servers are asked for other names, and where this one is put first
    #[arg(long, value_name = "FILE", default_value = "/etc/resolv.conf")]
    resolv_conf: PathBuf,

    /// Groups; what answers is in vcap, which may read files of jobs
    #[arg(long, value_name = "FILE", default_value = "/etc/group")]
    groups: PathBuf,

    /// Answer without rights, on the sockets that are standard input and output
    #[arg(long, hide = true)]
    answer: bool,

    /// The resolv.conf names this one first
    #[arg(long, hide = true, requires = "answer")]
    first: bool,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        let say = |text: &str| log::line("dns", format_args!("{text}"));
        let sources = Sources {
            records: self.records.clone(),
            jobs: self.jobs.clone(),
            resolv_conf: self.resolv_conf.clone(),
            own: self.address,
        };
        if self.answer {
            serve::without_rights(sources, self.first, say)
                .map_err(|error| Failure::new(&error))?;
            return Ok(exit::GOOD);
        }
        let options = Options {
            sources,
            port: self.port,
            program: (PathBuf::from(OURSELVES), self.answering()),
            groups: self.groups,
        };
        keeper::begin(&options, say).map_err(|error| failure(&error))?;
        Ok(exit::GOOD)
    }

    /// The command line of what answers.
    fn answering(&self) -> Vec<OsString> {
        let mut words: Vec<OsString> = ["warren", "serve", "dns", "--answer"]
            .map(Into::into)
            .into();
        for (flag, value) in [
            ("--address", self.address.to_string().into()),
            ("--records", self.records.clone().into_os_string()),
            ("--jobs", self.jobs.clone().into_os_string()),
            ("--resolv-conf", self.resolv_conf.clone().into_os_string()),
        ] {
            words.extend([OsString::from(flag), value]);
        }
        words
    }
}

fn failure(error: &KeeperError) -> Failure {
    let failure = Failure::new(error);
    match error {
        KeeperError::Address(_) => {
            failure.remedy("give the machine CAP_NET_ADMIN, or choose an --address that it has")
        }
        KeeperError::Bind(..) => failure.remedy("ports below 1024 need CAP_NET_BIND_SERVICE"),
        _ => failure,
    }
}
