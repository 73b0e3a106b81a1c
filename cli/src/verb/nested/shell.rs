//! `warren shell`.
//!
//! A process that bpm keeps has mounts, a pid namespace and limits of its own: a shell is bpm's, beside the
//! process, and a command enters the process's namespaces. Any other process sees what its container does.

use std::ffi::OsString;
use std::process::Command;

use warren_environment::{Found, Level, Place, Process, awake, find};
use warren_wire_garden::process::ProcessSpec;

use super::home::Home;
use crate::failure::{Failure, exit};
use crate::output::Format;
use crate::verb::container;

/// Who a shell is unless somebody else is named.
const ROOT: &str = "root";
/// Where bpm may be: Warren's stemcells have it, to others a job of a release brings it.
const BPM: &str = "for bpm in /var/vcap/bosh/bin/bpm /var/vcap/jobs/bpm/bin/bpm; do
    [ ! -x $bpm ] || exec $bpm shell \"$0\" -p \"$1\"
done
echo there is no bpm here >&2
exit 1";
/// Into the namespaces of the process with this number, as this user.
const ENTER: &str = "pid=$0 user=$1; shift
exec nsenter -t \"$pid\" -m -u -i -n -p -C -r -w -S $(id -u \"$user\") -G $(id -g \"$user\") -- \"$@\"";

/// Open a shell, or run a command, in anything at any level
///
/// NAME is what 'tree' shows: machine, director, level1, a machine of the director's as GROUP/INDEX or
/// DEPLOYMENT/GROUP/INDEX, or any container's handle. Behind a colon may be a process that runs there, as in
/// web/0:nginx: if bpm keeps it, all is seen as the process sees it, and a shell has the process's user.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  warren shell director
  warren shell zookeeper/0 -- tail -f /var/vcap/sys/log/zookeeper/zookeeper.stdout.log
  warren shell zookeeper/0:zookeeper")]
pub struct Arguments {
    #[command(flatten)]
    home: Home,

    /// Where
    name: String,

    /// User, by name or number
    #[arg(short, long, value_name = "USER", default_value = ROOT)]
    user: String,

    /// What to run instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        let Found { place, process } = find(&self.home.home, &self.name)?;
        let Place::Container { level, handle, .. } = place else {
            return self.here();
        };
        awake(&self.home.home)?;
        let process = match process {
            Some(name) => Some(warren_environment::process(&level, &handle, &name)?),
            None => None,
        };
        self.inside(&level, &handle, process)
    }

    /// On this machine.
    fn here(self) -> Result<u8, Failure> {
        if self.user != ROOT {
            let failure = Failure::text("on this machine a shell is whoever asks for it");
            return Err(failure
                .remedy(format!("su {}", self.user))
                .code(exit::UNKNOWN));
        }
        let mut words = self.command.into_iter();
        let program = words.next().unwrap_or_else(|| "/bin/sh".into());
        let status = Command::new(&program).args(words).status();
        let status = status.map_err(|error| {
            Failure::text(format!("running {}: {error}", program.to_string_lossy()))
        })?;
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Ok(code.unwrap_or(exit::BAD))
    }

    fn inside(self, level: &Level, handle: &str, process: Option<Process>) -> Result<u8, Failure> {
        let client = level.garden();
        let mut words: Vec<String> = self
            .command
            .iter()
            .map(|word| word.to_string_lossy().into_owned())
            .collect();
        let is_shell = words.is_empty();
        if is_shell {
            words = vec!["/bin/sh".to_owned(), "-l".to_owned()];
        }
        let (user, words) = match process {
            Some(Process {
                in_bpm: Some((job, process)),
                ..
            }) if is_shell && self.user == ROOT => (self.user, script(BPM, [job, process])),
            Some(Process {
                pid,
                in_bpm: Some(_),
            }) => {
                let mut all = script(ENTER, [pid.to_string(), self.user]);
                all.append(&mut words);
                (ROOT.to_owned(), all)
            }
            _ => (self.user, words),
        };
        if is_shell {
            return container::open_shell(&client, handle, &user, words);
        }
        let mut words = words.into_iter();
        let process = ProcessSpec {
            path: words.next().unwrap_or_default(),
            args: words.collect(),
            user,
            ..ProcessSpec::default()
        };
        container::run_attached(&client, handle, &process)
    }
}

fn script(text: &str, arguments: [String; 2]) -> Vec<String> {
    let script = ["/bin/sh", "-c", text].map(str::to_owned);
    script.into_iter().chain(arguments).collect()
}
