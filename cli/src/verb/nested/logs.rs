//! `warren logs NAME`: what processes at any level say.
//!
//! Logs of levels are files of this machine as well, and are read as such: also when nothing runs there. Those
//! of the director's machines are read in the machine.

use std::path::Path;
use std::process::Command;

use warren_environment::{Found, Place, find};
use warren_wire_garden::process::ProcessSpec;

use crate::failure::{Failure, exit};
use crate::verb::container;

/// Lines of each log if nobody says.
const LINES: u64 = 40;
/// Where jobs write.
const JOBS: &str = "/var/vcap/sys/log";
/// Shows logs, below the directory in `$0`: of the process `$1`, or what follows.
const SCRIPT: &str = "cd \"$0\" || exit 1
if [ -n \"$1\" ]; then
    if [ -d \"$1\" ]; then set -- \"$1\"/*.log; else set -- */\"$1\".log */\"$1\".*.log; fi
    for log; do
        shift
        [ ! -e \"$log\" ] || set -- \"$@\" \"$log\"
    done
    [ $# -gt 0 ] || { echo \"it has no logs; there are those of:\" * >&2; exit 1; }
else
    set -- FILES
fi
exec tail FLAGS -- \"$@\"";

/// Which logs, and how.
pub struct Asked<'a> {
    /// As they grow.
    pub follow: bool,
    /// Lines of each; 0 if nobody says.
    pub lines: u64,
    /// Without the names of files.
    pub quiet: bool,
    /// Words for a shell that name other files than those of all jobs; those that are not absolute are below
    /// where jobs write.
    pub files: &'a [String],
}

/// Shows the end of the logs of a process, or of all in a container.
pub fn run(home: &Path, name: &str, asked: &Asked<'_>) -> Result<u8, Failure> {
    let Found { place, process } = find(home, name)?;
    let is_other = !asked.files.is_empty();
    let refused = |what: &str| Err(Failure::text(format!("{name} {what}")).code(exit::UNKNOWN));
    if is_other && process.is_some() {
        return refused("is a process: its logs are not of several kinds");
    }
    let (level, handle) = match place {
        // All that is here is the Garden server.
        Place::Machine if is_other => return refused("has garden.log alone"),
        Place::Machine => return here(home, None, &["garden.log".to_owned()], asked),
        Place::Container {
            level,
            is_level: true,
            ..
        } if !is_other => {
            let logs = level.next().here("vcap/sys/log");
            return here(&logs, process.as_deref(), &[], asked);
        }
        Place::Container { level, handle, .. } => (level, handle),
    };
    let mut words = words(Path::new(JOBS), process.as_deref(), asked.files, asked).into_iter();
    let process = ProcessSpec {
        path: words.next().unwrap_or_default(),
        args: words.collect(),
        user: "root".to_owned(),
        ..ProcessSpec::default()
    };
    container::run_attached(&level.garden(), &handle, &process)
}

/// Files of this machine.
fn here(
    directory: &Path,
    process: Option<&str>,
    files: &[String],
    asked: &Asked<'_>,
) -> Result<u8, Failure> {
    let words = words(directory, process, files, asked);
    let (program, arguments) = words
        .split_first()
        .ok_or_else(|| Failure::text("no words"))?;
    let status = Command::new(program).args(arguments).status();
    let status = status.map_err(|error| Failure::text(format!("running {program}: {error}")))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(exit::BAD))
}

fn words(
    directory: &Path,
    process: Option<&str>,
    files: &[String],
    asked: &Asked<'_>,
) -> Vec<String> {
    let mut flags = match asked.lines {
        0 => format!("-n {LINES}"),
        lines => format!("-n {lines}"),
    };
    // By name, so that it goes on when a file is renamed.
    flags.push_str(if asked.follow { " -F" } else { "" });
    flags.push_str(if asked.quiet { " -q" } else { "" });
    let files = match files {
        [] => "*/*.log".to_owned(),
        files => files.join(" "),
    };
    let script = SCRIPT.replace("FILES", &files).replace("FLAGS", &flags);
    let directory = directory.display().to_string();
    let process = process.unwrap_or_default().to_owned();
    vec![
        "/bin/sh".to_owned(),
        "-c".to_owned(),
        script,
        directory,
        process,
    ]
}
