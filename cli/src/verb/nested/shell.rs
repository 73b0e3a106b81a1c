//! `warren shell`.

use std::ffi::OsString;

use warren_environment::{Found, find};
use warren_wire_garden::process::ProcessSpec;

use super::home::Home;
use crate::failure::Failure;
use crate::output::Format;
use crate::verb::container;

/// Open a shell, or run a command, in anything at any level
///
/// NAME is what 'tree' shows: director, level1, a machine as GROUP/INDEX or DEPLOYMENT/GROUP/INDEX, or
/// any container's handle.
#[derive(clap::Args, Debug)]
#[command(after_help = "Examples:
  warren shell director
  warren shell zookeeper/0 -- tail -f /var/vcap/sys/log/zookeeper/zookeeper.stdout.log")]
pub struct Arguments {
    #[command(flatten)]
    home: Home,

    /// Where
    name: String,

    /// User, by name or number
    #[arg(short, long, value_name = "USER", default_value = "root")]
    user: String,

    /// What to run instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, _format: Format) -> Result<u8, Failure> {
        let Found { level, handle, .. } = find(&self.home.home, &self.name)?;
        let client = level.garden();
        let mut words = self
            .command
            .iter()
            .map(|word| word.to_string_lossy().into_owned());
        let Some(path) = words.next() else {
            return container::open_shell(&client, &handle, &self.user);
        };
        let process = ProcessSpec {
            path,
            args: words.collect(),
            user: self.user,
            ..ProcessSpec::default()
        };
        container::run_attached(&client, &handle, &process)
    }
}
