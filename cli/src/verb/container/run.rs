//! `warren container run`.

use serde_json::json;
use warren_garden_client::Streams;
use warren_wire_garden::container::ImageRef;
use warren_wire_garden::process::ProcessSpec;

use super::say;
use super::target::{Garden, failed};
use super::terminal::{own_streams, status};
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Run a program in a container
///
/// Prints the process's id and lets it run. With --attach, passes on input and output and ends with
/// the process's exit code.
#[derive(clap::Args, Debug)]
#[command(
    after_help = "Example: warren container run web --attach --command \"ls -l '/some where'\"\n         \
                  warren container run web --attach -- ls -l '/some where'"
)]
pub(super) struct Arguments {
    /// Which container
    handle: String,

    /// Stay with it until it ends
    #[arg(short, long)]
    attach: bool,

    /// The program and its arguments, in one text with a shell's quotes
    #[arg(
        short,
        long,
        value_name = "COMMAND",
        required_unless_present = "program",
        conflicts_with = "program"
    )]
    command: Option<String>,

    /// Working directory [default: the user's home]
    #[arg(short, long, value_name = "PATH")]
    dir: Option<String>,

    /// User, by name or number, perhaps with a group after a colon
    #[arg(short, long, default_value = "root")]
    user: String,

    /// An environment variable; may be repeated
    #[arg(short, long, value_name = "NAME=VALUE")]
    env: Vec<String>,

    /// A root filesystem of its own
    #[arg(short, long, value_name = "URI")]
    image: Option<String>,

    /// Its id [default: made by the server]
    #[arg(long, value_name = "ID")]
    id: Option<String>,

    /// The program and its arguments, as they are
    #[arg(last = true)]
    program: Vec<String>,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let words = match &self.command {
            None => self.program,
            Some(text) => shlex::split(text).ok_or_else(|| {
                let failure = Failure::text("cannot understand the command: a quote is not closed");
                failure
                    .remedy("close it, or give the program after --")
                    .code(exit::UNKNOWN)
            })?,
        };
        let mut words = words.into_iter();
        let Some(path) = words.next() else {
            return Err(Failure::text("there is no program in the command").code(exit::UNKNOWN));
        };
        let step = format!("run {path} in container {}", self.handle);
        let process = ProcessSpec {
            id: self.id.unwrap_or_default(),
            path,
            args: words.collect(),
            env: self.env,
            dir: self.dir.unwrap_or_default(),
            user: self.user,
            image: ImageRef {
                uri: self.image.unwrap_or_default(),
                ..ImageRef::default()
            },
            ..ProcessSpec::default()
        };
        let streams = if self.attach {
            own_streams()?
        } else {
            Streams::default()
        };
        let process = garden.client.run(&self.handle, &process, streams);
        let process = process.map_err(failed(&step))?;
        if self.attach {
            return Ok(status(process.wait().map_err(failed(step))?));
        }
        say(json!({"process_id": process.id()}), process.id(), format)?;
        Ok(exit::GOOD)
    }
}
