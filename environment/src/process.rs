//! A process of a container's supervisor, by its name: whether it runs, and in what.
//!
//! Nobody but the agent may ask a machine's supervisor, so the files are read that it goes by: which
//! processes there are and where each has its pid, which tells whether bpm keeps it
//! (`/var/vcap/sys/run/bpm/JOB/PROCESS.pid`).

use warren_garden_client::Streams;

use crate::container::run;
use crate::jobs::quoted;
use crate::{Error, Level};

/// What supervisors read.
const FILES: &str = "cat /var/vcap/monit/*.monitrc /var/vcap/monit/job/*.monitrc 2>/dev/null; true";
/// Where bpm keeps pids.
const IN_BPM: &str = "/var/vcap/sys/run/bpm/";

/// A process that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Process {
    /// Its number in the container.
    pub pid: u32,
    /// Its job and name as bpm calls it, if it has a container of its own.
    pub in_bpm: Option<(String, String)>,
}

/// Looks for a process in a container.
///
/// # Errors
/// [`Error::Unknown`], [`Error::Ended`], or the container cannot be asked.
pub fn process(level: &Level, handle: &str, name: &str) -> Result<Process, Error> {
    let text = run(level, handle, FILES, Streams::default())?;
    let all = services(&text);
    let Some((_, pidfile)) = all.iter().find(|(known, _)| *known == name) else {
        return Err(Error::Unknown {
            name: format!("{handle}:{name}"),
            known: all.iter().map(|(name, _)| (*name).to_owned()).collect(),
            silent: None,
        });
    };
    let look = format!(
        "pid=$(cat {}) 2>/dev/null && kill -0 \"$pid\" 2>/dev/null && echo \"$pid\"; true",
        quoted(pidfile)
    );
    let said = run(level, handle, &look, Streams::default())?;
    let pid = said.trim().parse().map_err(|_| Error::Ended {
        process: name.to_owned(),
        container: handle.to_owned(),
    })?;
    Ok(Process {
        pid,
        in_bpm: in_bpm(pidfile),
    })
}

/// A process that runs, as its container sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Its name.
    pub name: String,
    /// The number of its control group, as text; `0` if it is not known.
    pub group: String,
    /// It has mounts of its own.
    pub is_apart: bool,
}

/// The beginning of a script that tells of processes: the mounts of whoever asks, then of each that runs its
/// name, control group and mounts.
const SEE: &str = r#"see() {
    pid=$(cat "$2" 2>/dev/null) && mounts=$(stat -Lc %i /proc/$pid/ns/mnt 2>/dev/null) || return 0
    group=$(sed -n 's/^0:://p' /proc/$pid/cgroup)
    id=$(stat -c %i "/sys/fs/cgroup/unified$group" 2>/dev/null || stat -c %i "/sys/fs/cgroup$group" 2>/dev/null)
    echo "$1 ${id:-0} $mounts"
}
stat -Lc %i /proc/self/ns/mnt
"#;

/// All that run in a container.
pub(crate) fn all(level: &Level, handle: &str) -> Result<Vec<Seen>, Error> {
    let text = run(level, handle, FILES, Streams::default())?;
    let mut script = SEE.to_owned();
    for (name, pidfile) in services(&text) {
        script.push_str(&format!("see {} {}\n", quoted(name), quoted(pidfile)));
    }
    Ok(seen(&run(level, handle, &script, Streams::default())?))
}

fn seen(text: &str) -> Vec<Seen> {
    let mut lines = text.lines();
    let own = lines.next().unwrap_or_default();
    let each = |line: &str| {
        let mut words = line.split(' ');
        Some(Seen {
            name: words.next()?.to_owned(),
            group: words.next()?.to_owned(),
            is_apart: words.next()? != own,
        })
    };
    lines.filter_map(each).collect()
}

/// Names and pidfiles of control files: `check process NAME with pidfile PATH`.
fn services(text: &str) -> Vec<(&str, &str)> {
    let lines = text.lines().map(str::trim_start);
    let lines = lines.filter(|line| !line.starts_with('#'));
    let mut words = lines.flat_map(str::split_whitespace).map(unquoted);
    let (mut all, mut name) = (Vec::new(), None);
    while let Some(word) = words.next() {
        if word.eq_ignore_ascii_case("check") {
            let kind = words.next().unwrap_or_default();
            let is_process = kind.eq_ignore_ascii_case("process");
            name = words.next().filter(|_| is_process);
        } else if word.eq_ignore_ascii_case("pidfile") {
            all.extend(name.take().zip(words.next()));
        }
    }
    all
}

fn unquoted(word: &str) -> &str {
    let inside = |mark| word.strip_prefix(mark)?.strip_suffix(mark);
    inside('"').or_else(|| inside('\'')).unwrap_or(word)
}

fn in_bpm(pidfile: &str) -> Option<(String, String)> {
    let (job, process) = pidfile.strip_prefix(IN_BPM)?.split_once('/')?;
    let process = process.strip_suffix(".pid")?;
    Some((job.to_owned(), process.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_files_name_processes_and_their_pidfiles() {
        let text = "set daemon 10\n# check process none with pidfile /x\n\
                    check process web\n  with pidfile /var/vcap/sys/run/web/web.pid\n  \
                    start program \"/var/vcap/jobs/web/bin/ctl start\"\n\
                    check file log with path /x\n  if changed pidfile then alert\n\
                    CHECK PROCESS 'sync' WITH PIDFILE \"/var/vcap/sys/run/bpm/nats/sync.pid\"\n\
                    check process cut";
        let all = services(text);
        assert_eq!(
            all,
            [
                ("web", "/var/vcap/sys/run/web/web.pid"),
                ("sync", "/var/vcap/sys/run/bpm/nats/sync.pid"),
            ]
        );
        assert_eq!(in_bpm(all[0].1), None);
        let bpms = in_bpm(all[1].1).unwrap();
        assert_eq!((bpms.0.as_str(), bpms.1.as_str()), ("nats", "sync"));
        let told = seen("40\nweb 7 40\nsync 8 41\ncut\n");
        let told: Vec<_> = told
            .iter()
            .map(|one| (one.name.as_str(), one.group.as_str(), one.is_apart))
            .collect();
        assert_eq!(told, [("web", "7", false), ("sync", "8", true)]);
        assert_eq!(seen(""), []);
        // Whatever a machine says: what is cut off anywhere is no more than what is whole.
        for (end, _) in text.char_indices() {
            assert!(services(&text[..end]).len() <= all.len());
        }
        for text in [
            "",
            "check",
            "check process",
            "check process a pidfile",
            "pidfile /x",
        ] {
            assert_eq!(services(text), [], "{text}");
        }
    }
}
