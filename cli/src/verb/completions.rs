//! `warren completions`: what a shell needs to complete our lines, made of the verbs themselves.

use std::io::Write;

use clap::CommandFactory;
use clap_complete::{Shell, generate};
use serde_json::json;

use crate::CommandLine;
use crate::failure::{Failure, exit};
use crate::output::Format;

/// Where shells look for what is printed here.
const PLACES: &str = "Example: . <(warren completions bash)

For good:
  bash  warren completions bash >/etc/bash_completion.d/warren
  zsh   warren completions zsh >\"${fpath[1]}/_warren\"
  fish  warren completions fish >~/.config/fish/completions/warren.fish";

/// Print what a shell needs to complete the lines of this program
#[derive(clap::Args, Debug)]
#[command(after_help = PLACES)]
pub struct Arguments {
    /// The shell
    shell: Shell,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let mut script = Vec::new();
        generate(
            self.shell,
            &mut CommandLine::command(),
            "warren",
            &mut script,
        );
        let mut out = std::io::stdout().lock();
        match format {
            Format::Human => out.write_all(&script)?,
            Format::Json => {
                let script = String::from_utf8_lossy(&script);
                writeln!(
                    out,
                    "{}",
                    json!({"shell": self.shell.to_string(), "script": script})
                )?;
            }
        }
        out.flush()?;
        Ok(exit::GOOD)
    }
}
