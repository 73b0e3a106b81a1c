//! `warren container`, also called as `gaol`: containers of a Garden server.
//!
//! Verbs, flags and plain output are those of the gaol command line client, so that scripts for it
//! go on working.

mod attach;
mod capacity;
mod create;
mod destroy;
mod info;
mod list;
mod net_in;
mod net_out;
mod ping;
mod properties;
mod property;
mod run;
mod set_grace_time;
mod shell;
mod stats;
mod stop;
mod stream_in;
mod stream_out;
mod target;
mod terminal;

use std::io::{self, Write};

use serde::Serialize;
use warren_garden_client::Client;
use warren_wire_garden::process::ProcessSpec;

use crate::failure::Failure;
use crate::output::{Format, Report, show};
pub use target::usual_client;
use target::{Garden, ServerArguments};

/// What to do, and where.
#[derive(clap::Args)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerArguments,

    #[command(subcommand)]
    verb: Verb,
}

/// What to do.
#[derive(clap::Subcommand)]
enum Verb {
    Create(create::Arguments),
    Run(run::Arguments),
    Shell(shell::Arguments),
    Attach(attach::Arguments),
    List(list::Arguments),
    Info(info::Arguments),
    Stop(stop::Arguments),
    Destroy(destroy::Arguments),
    StreamIn(stream_in::Arguments),
    StreamOut(stream_out::Arguments),
    NetIn(net_in::Arguments),
    NetOut(net_out::Arguments),
    Properties(properties::Arguments),
    Property(property::Arguments),
    #[command(alias = "set-gracetime")]
    SetGraceTime(set_grace_time::Arguments),
    Stats(stats::Arguments),
    Capacity(capacity::Arguments),
    Ping(ping::Arguments),
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let garden = Garden::find(&self.server)?;
        match self.verb {
            Verb::Create(arguments) => arguments.run(&garden, format),
            Verb::Run(arguments) => arguments.run(&garden, format),
            Verb::Shell(arguments) => arguments.run(&garden),
            Verb::Attach(arguments) => arguments.run(&garden),
            Verb::List(arguments) => arguments.run(&garden, format),
            Verb::Info(arguments) => arguments.run(&garden, format),
            Verb::Stop(arguments) => arguments.run(&garden, format),
            Verb::Destroy(arguments) => arguments.run(&garden, format),
            Verb::StreamIn(arguments) => arguments.run(&garden, format),
            Verb::StreamOut(arguments) => arguments.run(&garden),
            Verb::NetIn(arguments) => arguments.run(&garden, format),
            Verb::NetOut(arguments) => arguments.run(&garden, format),
            Verb::Properties(arguments) => arguments.run(&garden, format),
            Verb::Property(arguments) => arguments.run(&garden, format),
            Verb::SetGraceTime(arguments) => arguments.run(&garden, format),
            Verb::Stats(arguments) => arguments.run(&garden, format),
            Verb::Capacity(arguments) => arguments.run(&garden, format),
            Verb::Ping(arguments) => arguments.run(&garden, format),
        }
    }
}

/// Runs a shell, or what opens one, on our terminal; its exit code.
pub fn open_shell(
    client: &Client,
    handle: &str,
    user: &str,
    words: Vec<String>,
) -> Result<u8, Failure> {
    shell::open(client, handle, user.to_owned(), words)
}

/// Runs a program with our own streams; its exit code.
pub fn run_attached(client: &Client, handle: &str, process: &ProcessSpec) -> Result<u8, Failure> {
    let step = format!("run {} in container {handle}", process.path);
    let process = client.run(handle, process, terminal::own_streams()?);
    let ended = process.and_then(warren_garden_client::Process::wait);
    Ok(terminal::status(ended.map_err(target::failed(step))?))
}

/// A result that is one text for people, and a document for programs.
#[derive(Serialize)]
#[serde(transparent)]
struct Line<T: Serialize> {
    document: T,
    #[serde(skip)]
    text: String,
}

impl<T: Serialize> Report for Line<T> {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        if self.text.is_empty() {
            return Ok(());
        }
        writeln!(to, "{}", self.text)
    }
}

/// Shows such a result. An empty text is no line.
fn say<T: Serialize>(document: T, text: impl Into<String>, format: Format) -> Result<(), Failure> {
    let text = text.into();
    Ok(show(&Line { document, text }, format)?)
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').filter(|(name, _)| !name.is_empty());
    let pair = pair.map(|(name, value)| (name.to_owned(), value.to_owned()));
    pair.ok_or_else(|| "must be NAME=VALUE".to_owned())
}

/// A duration as Go writes it: `90s`, `1h30m`, `500ms`.
fn duration(text: &str) -> Result<std::time::Duration, String> {
    use warren_wire_garden::config::{Kind, Value};
    match Kind::Duration.parse(text) {
        Ok(Value::Duration(duration)) if duration.0 >= 0 => Ok(duration.to_duration()),
        Ok(_) => Err("must not be negative".to_owned()),
        Err(error) => Err(format!("{error}; an example is 1h30m")),
    }
}
