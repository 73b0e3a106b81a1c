//! Programs that a former life of the agent began and did not see the end of: scripts, drains, errands,
//! compilations.
//!
//! ```text
//! record ──► program, whose variable names the record ──► its end is seen: the record goes
//!                     └─ the agent is killed: the next one ends all who have the variable, then the record goes
//! ```
//!
//! Their outcome is nobody's any more, and whoever wants them again would have two at a time, which write to
//! the same files. So they are ended before the agent takes requests. The first process of a program need not
//! be there for that: it dies of the first word that it says to an agent that is gone, and those that it has
//! begun live on. What a script has put into a session of its own is to stay; nothing of a compilation is.

use std::collections::HashSet;
use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use rustix::process::{Pid, Signal, kill_process_group};
use warren_sys_process::stat::Stat;

use crate::agent::Agent;
use crate::owner::Owner;
use crate::process::{GRACE, end_group};
use crate::{files, id, say};

/// The variable.
const MARK: &str = "WARREN_AGENT_PROGRAM";
/// How often is looked for processes: some may begin others while they are being ended.
const LOOKS: u32 = 4;

/// What a program is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A job: it may leave processes that are to stay.
    Job,
    /// A compilation.
    Compilation,
}

impl Kind {
    /// The name of a program's record: of what kind it is, in which session it was begun, and one by chance.
    fn record(self) -> String {
        let word = match self {
            Kind::Job => "job",
            Kind::Compilation => "compilation",
        };
        format!("{word}-{}-{}", own_place().session, id::uuid())
    }
}

/// A process group and a session; 0 for what was begun outside of our process table, for which getsid(2) as
/// the library gives it has no word.
#[derive(Debug, Clone, Copy, Default)]
struct Place {
    group: i32,
    session: i32,
}

/// Where a process is.
fn place(pid: u32) -> Option<Place> {
    let stat = Stat::of(pid.cast_signed())?;
    Some(Place {
        group: stat.group,
        session: stat.session,
    })
}

/// Where we are.
fn own_place() -> Place {
    place(std::process::id()).unwrap_or_default()
}

/// Whether a record's program ends with processes in this session.
fn ends(record: &str, session: i32) -> bool {
    let mut parts = record.split('-');
    let (word, begun_in) = (parts.next(), parts.next());
    word == Some("compilation") || begun_in.and_then(|text| text.parse().ok()) == Some(session)
}

/// A program whose end is not seen yet. Dropping it says that it was.
#[derive(Debug)]
pub struct Begun {
    record: PathBuf,
}

impl Drop for Begun {
    fn drop(&mut self) {
        if let Err(error) = files::remove(&self.record) {
            say!("left", "{}", warren_lib_errchain::chain(&error));
        }
    }
}

/// To be called before a program of this agent is begun.
#[must_use]
pub fn begin(agent: &Agent, kind: Kind, command: &mut Command) -> Begun {
    let name = kind.record();
    let mut value = owned_by(agent);
    value.push(&name);
    command.env(MARK, value);
    let directory = agent.paths.programs();
    let record = directory.join(name);
    let made = files::directory(&directory, 0o700, Owner::ROOT)
        .and_then(|()| std::fs::write(&record, "").map_err(files::failed("write", &record)));
    // Scripts that stop jobs have to run on a full disk too.
    if let Err(error) = made {
        let why = warren_lib_errchain::chain(&error);
        say!(
            "left",
            "this program will not be ended if the agent is killed: {why}"
        );
    }
    Begun { record }
}

/// What the variable begins with: several agents may share a process table, as those of containers with
/// their host's.
fn owned_by(agent: &Agent) -> OsString {
    let mut value = OsString::from(agent.settings.agent_id());
    value.push(":");
    value.push(agent.paths.root());
    value.push(":");
    value
}

/// Ends what is left, with all processes of the groups.
///
/// # Errors
/// The records cannot be read or removed.
pub fn end(agent: &Agent) -> Result<(), files::FileError> {
    let directory = agent.paths.programs();
    let records = files::names(&directory)?;
    if records.is_empty() {
        return Ok(());
    }
    let mark = [MARK.as_bytes(), b"=", owned_by(agent).as_bytes()].concat();
    for _ in 0..LOOKS {
        let left = groups(&mark, &records);
        if left.is_empty() {
            break;
        }
        for group in &left {
            say!(
                "left",
                "ending process group {group} of the agent's life before"
            );
            // It may have ended by now.
            let _gone = kill_process_group(*group, Signal::TERM);
        }
        let deadline = Instant::now() + GRACE;
        for group in left {
            end_group(group, deadline);
        }
    }
    for record in records {
        files::remove(&directory.join(record))?;
    }
    Ok(())
}

/// The groups of processes whose variable names one of the records, but for those that are to stay.
fn groups(mark: &[u8], records: &[String]) -> HashSet<Pid> {
    let names = files::names(Path::new("/proc")).unwrap_or_default();
    let pids = names.iter().filter_map(|name| name.parse().ok());
    let own = own_place().group;
    let group = |pid: u32| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).ok()?;
        let record = named(&environment, mark)?;
        let record = records.iter().find(|name| name.as_bytes() == record)?;
        let Place { group, session } = place(pid)?;
        // To the kernel, group 0 is that of whoever asks, and a signal to group 1 is one to everybody.
        let group = Pid::from_raw(group).filter(|pid| *pid != Pid::INIT)?;
        (ends(record, session) && group.as_raw_nonzero().get() != own).then_some(group)
    };
    pids.filter_map(group).collect()
}

/// What stands behind the mark in a process's environment.
fn named<'a>(environment: &'a [u8], mark: &[u8]) -> Option<&'a [u8]> {
    environment
        .split(|byte| *byte == 0)
        .find_map(|variable| variable.strip_prefix(mark))
}

#[cfg(test)]
mod tests {
    use super::{Kind, ends, named, own_place};

    #[test]
    fn what_a_script_has_put_into_another_session_stays() {
        assert!(ends("job-70-0f3b57a2-11aa", 70));
        assert!(!ends("job-70-0f3b57a2-11aa", 71));
        assert!(ends("compilation-70-0f3b57a2-11aa", 71));
        assert!(!ends("", 70));
        let session = own_place().session;
        assert!(ends(&Kind::Job.record(), session));
        assert!(!ends(&Kind::Job.record(), session + 1));
    }

    #[test]
    fn the_variable_names_the_record() {
        let mark = b"M=agent:/:";
        for (environment, expected) in [
            (&b"A=b\0M=agent:/:r\0C=\0"[..], Some(&b"r"[..])),
            (b"M=agent:/:", Some(b"")),
            (b"M=agent:/vm:r\0", None),
            (b"XM=agent:/:r\0", None),
            (b"", None),
        ] {
            assert_eq!(named(environment, mark), expected);
        }
    }
}
