//! `warren status`.

use std::io::{self, Write};

use serde::Serialize;
use warren_environment::status::{Row, State, status};

use super::home::Home;
use super::looking::looking;
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Check every part of the environment now, and say how it fares
///
/// Each row is a check that is made, not remembered: a query, a round trip over NATS, a blob put and
/// got, a container made in the innermost Garden, a process started by bpm in it, the quorum of
/// ZooKeeper. The exit code is 1 if any part fails, or if the environment is stopped, which is said in one
/// line. On a terminal a line tells what is waited for.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren status")]
pub struct Arguments {
    #[command(flatten)]
    home: Home,
}

#[derive(Serialize)]
#[serde(transparent)]
struct Status(Vec<Row>);

impl Report for Status {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&["Component", "Level", "Status", "Latency", "Notes"]);
        for row in &self.0 {
            let state = match row.state {
                State::Working => "working",
                State::Failing => "FAILING",
                State::Unused => "unused",
                State::NotBuilt => "not built",
            };
            let mut note = row.note.clone();
            if let Some(log) = &row.log {
                note.push_str(&format!("; see {}", log.display()));
            }
            table.row([
                row.component.to_owned(),
                row.level
                    .map_or_else(|| "-".to_owned(), |level| level.to_string()),
                state.to_owned(),
                row.milliseconds
                    .map_or_else(|| "-".to_owned(), |ms| format!("{ms:.1} ms")),
                note,
            ]);
        }
        table.write(to)
    }
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let rows = Status(looking(|left| {
            status(&self.home.home, left).map_err(Failure::from)
        })?);
        show(&rows, format)?;
        let fails = rows.0.iter().any(|row| row.state == State::Failing);
        Ok(if fails { exit::BAD } else { exit::GOOD })
    }
}
