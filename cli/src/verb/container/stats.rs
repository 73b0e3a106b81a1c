//! `warren container stats`.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use warren_wire_garden::metrics::{BulkMetricsResponse, Metrics};

use super::target::{Garden, failed};
use crate::failure::{Failure, exit};
use crate::output::{Format, Report, Table, show};

/// Tell what containers use of processor, memory, disk and processes
///
/// Exit code 1: not known for all of them.
#[derive(clap::Args, Debug)]
#[command(after_help = "Example: warren container stats web")]
pub(super) struct Arguments {
    /// Which [default: all]
    #[arg(value_name = "HANDLE")]
    handles: Vec<String>,
}

impl Arguments {
    pub fn run(self, garden: &Garden, format: Format) -> Result<u8, Failure> {
        let mut handles = self.handles;
        if handles.is_empty() {
            let all = garden.client.list(&std::collections::BTreeMap::new());
            handles = all.map_err(failed("list containers"))?;
        }
        let metrics = garden.client.bulk_metrics(&handles);
        let view = View(metrics.map_err(failed("ask what containers use"))?);
        show(&view, format)?;
        let is_known = handles.iter().all(|handle| {
            let entry = view.0.get(handle);
            entry.is_some_and(|entry| entry.err.is_none())
        });
        Ok(if is_known { exit::GOOD } else { exit::BAD })
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct View(BulkMetricsResponse);

impl Report for View {
    fn write_human(&self, to: &mut dyn Write) -> io::Result<()> {
        let mut table = Table::new(&[
            "Container",
            "Age",
            "Processor time",
            "Memory",
            "Disk",
            "Processes",
        ]);
        for (handle, entry) in &self.0 {
            match &entry.err {
                Some(error) => table.row([handle.clone(), format!("unknown: {error}")]),
                None => table.row(cells(handle, &entry.metrics)),
            }
        }
        table.write(to)
    }
}

fn cells(handle: &str, metrics: &Metrics) -> [String; 6] {
    let seconds = |duration: Duration| format!("{:.1} s", duration.as_secs_f64());
    let processes = match metrics.pid_stat.max {
        0 => metrics.pid_stat.current.to_string(),
        max => format!("{} of {max}", metrics.pid_stat.current),
    };
    [
        handle.to_owned(),
        seconds(metrics.age.to_duration()),
        seconds(Duration::from_nanos(metrics.cpu_stat.usage)),
        format!("{} bytes", metrics.memory_stat.total_usage_toward_limit),
        format!("{} bytes", metrics.disk_stat.exclusive_bytes_used),
        processes,
    ]
}
