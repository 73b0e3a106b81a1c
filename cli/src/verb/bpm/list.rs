//! `warren bpm list`.

use std::io::{self, Write};

use serde::Serialize;
use warren_bpm::act::{Bpm, Entry};
use warren_bpm::state::Status;
use warren_lib_errchain::chain;

use crate::failure::{Failure, exit};
use crate::output::{Format, Report, show};

/// List the processes of all jobs
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren bpm list")]
pub(super) struct Arguments {}

impl Arguments {
    pub fn run(self, bpm: &Bpm, format: Format) -> Result<u8, Failure> {
        let list = bpm.list()?;
        for (job, error) in &list.invalid {
            eprintln!("invalid config for {job}: {}", chain(error));
        }
        let processes = list.processes;
        show(&View { processes }, format)?;
        Ok(exit::GOOD)
    }
}

#[derive(Serialize)]
struct View {
    processes: Vec<Entry>,
}

impl Report for View {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut rows = vec![["Name".to_owned(), "Pid".to_owned(), "Status".to_owned()]];
        for entry in &self.processes {
            let pid = entry
                .pid
                .map_or_else(|| "-".to_owned(), |pid| pid.to_string());
            let status = match entry.status {
                Status::Stopped => "stopped",
                Status::Creating => "creating",
                Status::Running => "running",
                Status::Failed => "failed",
            };
            rows.push([entry.name.clone(), pid, status.to_owned()]);
        }
        let width = |text: fn(&[String; 3]) -> &String| {
            rows.iter()
                .map(|row| text(row).chars().count())
                .max()
                .unwrap_or(0)
        };
        let (names, pids) = (width(|row| &row[0]), width(|row| &row[1]));
        for [name, pid, status] in &rows {
            writeln!(to, "{name:names$} {pid:pids$} {status}")?;
        }
        Ok(())
    }
}
