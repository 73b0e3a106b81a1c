//! `warren tree`.

use std::io::{self, Write};

use serde::Serialize;
use warren_environment::tree::{Node, tree};

use super::home::Home;
use super::looking::looking;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// Draw the nesting: levels, machines and processes, with address, group, device filter and firewall
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren tree")]
pub struct Arguments {
    #[command(flatten)]
    home: Home,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Tree(Node);

impl Report for Tree {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        line(to, &self.0, "", "")?;
        below(to, &self.0, "")
    }
}

fn line(to: &mut dyn Write, node: &Node, before: &str, branch: &str) -> io::Result<()> {
    writeln!(
        to,
        "{before}{branch}{}  {}",
        node.name,
        node.about.join(", ")
    )
}

fn below(to: &mut dyn Write, node: &Node, before: &str) -> io::Result<()> {
    let last = node.inside.len().saturating_sub(1);
    for (index, inner) in node.inside.iter().enumerate() {
        let (branch, more) = match index == last {
            true => ("└─ ", "   "),
            false => ("├─ ", "│  "),
        };
        line(to, inner, before, branch)?;
        below(to, inner, &format!("{before}{more}"))?;
    }
    Ok(())
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        show(
            &Tree(looking(|left| {
                tree(&self.home.home, left).map_err(Failure::from)
            })?),
            format,
        )?;
        Ok(exit::GOOD)
    }
}
