//! Programs that a former life of the agent began and did not see the end of: scripts, drains, errands,
//! compilations.
//!
//! Their outcome is nobody's any more, and whoever wants them again would have two at a time, which write to
//! the same files. So they are ended before the agent takes requests. They are known by a variable that each
//! is begun with, and by being the first of their group in a session that is not their own: what a script has
//! put into the background to stay is not.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};

use crate::agent::Agent;
use crate::process::{GRACE, end_group};
use crate::{files, say};

/// The variable.
const MARK: &str = "WARREN_AGENT_PROGRAM";

/// Which agent began a program: several may share a process table, as those of containers with their host's.
fn value(agent: &Agent) -> OsString {
    let mut value = OsString::from(agent.settings.agent_id());
    value.push(":");
    value.push(agent.paths.root());
    value
}

/// Has a program be known as one of this agent.
pub fn mark(agent: &Agent, command: &mut Command) {
    command.env(MARK, value(agent));
}

/// Ends what is left, with all processes of the groups.
pub fn end(agent: &Agent) {
    let mark = [MARK.as_bytes(), b"=", value(agent).as_bytes()].concat();
    let names = files::names(Path::new("/proc")).unwrap_or_default();
    let left: Vec<Pid> = names
        .iter()
        .filter_map(|name| Pid::from_raw(name.parse().ok()?))
        .filter(|pid| is_left(*pid, &mark))
        .collect();
    for group in &left {
        say!("left", "ending program {group} of the agent's life before");
        // It may have ended by now.
        let _gone = kill_process_group(*group, Signal::TERM);
    }
    let deadline = Instant::now() + GRACE;
    for group in left {
        end_group(group, deadline);
    }
}

fn is_left(pid: Pid, mark: &[u8]) -> bool {
    let directory = Path::new("/proc").join(pid.to_string());
    let stat = std::fs::read(directory.join("stat"));
    if !stat.is_ok_and(|stat| leads_a_group(&String::from_utf8_lossy(&stat))) {
        return false;
    }
    let environment = std::fs::read(directory.join("environ"));
    environment.is_ok_and(|all| all.split(|byte| *byte == 0).any(|one| one == mark))
}

/// Whether a process is the first of its group, and not of its session; of its `/proc/PID/stat`, see
/// proc_pid_stat(5). Its name may have spaces and brackets.
fn leads_a_group(stat: &str) -> bool {
    let Some((before, after)) = stat.rsplit_once(')') else {
        return false;
    };
    let pid = before.split(' ').next();
    let mut rest = after.split_ascii_whitespace().skip(2);
    let (group, session) = (rest.next(), rest.next());
    pid == group && session.is_some() && session != group
}

#[cfg(test)]
mod tests {
    use super::leads_a_group;

    #[test]
    fn who_leads_a_group_in_a_session_of_another() {
        assert!(leads_a_group("70 (a) b)) S 1 70 7 0 -1 4194560"));
        for stat in [
            "70 (sh) S 1 70 70 0",
            "70 (sh) S 1 69 7 0",
            "2 (kthreadd) S 0 0 0 0",
            "70 (sh) S 1 70",
            "70 sh",
            "",
        ] {
            assert!(!leads_a_group(stat), "{stat}");
        }
    }
}
