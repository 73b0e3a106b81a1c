//! A director in a container, nested as deep as wanted: one command makes it, others look at it.
//!
//! `stop`, `start`, `logs` and `env` are verbs of the bosh CLI as well: where a deployment or a
//! director is named they mean that, else the environment of this machine.

mod down;
mod home;
mod logs;
mod looking;
mod own;
mod progress;
mod rest;
mod shell;
mod status;
mod tree;
mod up;

use crate::failure::Failure;
use crate::output::Format;
use crate::umask;

pub use home::{awake, exports, is_made, local, usual};
pub use logs::{Asked as AskedLogs, run as show_logs};
pub use rest::{run_start, run_stop};

/// What to do.
#[derive(clap::Subcommand)]
pub enum Verb {
    Up(Box<up::Arguments>),
    Down(down::Arguments),
    Status(status::Arguments),
    Tree(tree::Arguments),
    Shell(shell::Arguments),
}

impl Verb {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        // Either may begin a Garden server.
        if matches!(self, Verb::Up(_) | Verb::Down(_)) {
            umask::usual();
        }
        match self {
            Verb::Up(arguments) => arguments.run(format),
            Verb::Down(arguments) => arguments.run(format),
            Verb::Status(arguments) => arguments.run(format),
            Verb::Tree(arguments) => arguments.run(format),
            Verb::Shell(arguments) => arguments.run(format),
        }
    }
}
