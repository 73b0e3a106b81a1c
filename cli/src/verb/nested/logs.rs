//! `warren logs NAME`: what processes at any level say.

use std::path::Path;

use warren_environment::{Found, find};
use warren_wire_garden::process::ProcessSpec;

use crate::failure::Failure;
use crate::verb::container;

/// Lines of each log if nobody says.
const LINES: u64 = 40;

/// Shows the end of the logs of a process, or of all in a container.
pub fn run(home: &Path, name: &str, follow: bool, lines: u64) -> Result<u8, Failure> {
    let Found {
        level,
        handle,
        process,
    } = find(home, name)?;
    let lines = match lines {
        0 => LINES.to_string(),
        lines => lines.to_string(),
    };
    let script =
        "cd /var/vcap/sys/log && set -- ${1:-*}/*.log && exec tail -n \"$0\" $FOLLOW -- \"$@\"";
    let process = ProcessSpec {
        path: "/bin/sh".to_owned(),
        args: vec![
            "-c".to_owned(),
            script.to_owned(),
            lines,
            process.unwrap_or_default(),
        ],
        env: vec![format!("FOLLOW={}", if follow { "-F" } else { "" })],
        user: "root".to_owned(),
        ..ProcessSpec::default()
    };
    container::run_attached(&level.garden(), &handle, &process)
}
