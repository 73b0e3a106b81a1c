//! How many descriptors a server may have open, and what it starts.
//!
//! A process may raise its soft limit to the hard one. Most are given 1024, as select(2) knows no numbers
//! from there on: too few for a server of many, and what programs that use select(2) rely on. So what is
//! started gets what there was before.
//!
//! ```text
//! raise: soft = hard ─┬─ as_before ─► fork ─► soft of before ─► exec
//!                     └─ passed ─► vfork, exec ─► take_back: soft of before
//! ```
#![expect(unsafe_code, reason = "pre_exec has no safe face")]

use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::OnceLock;

use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// By which a program is told.
const VARIABLE: &str = "WARREN_OPEN_FILES";

/// The soft limit that this process had, if it has another by now.
static BEFORE: OnceLock<u64> = OnceLock::new();

/// Lets this process have as many as it may.
///
/// # Errors
/// `EPERM`: the hard limit is above what the machine allows by now (`fs.nr_open`).
pub fn raise() -> Result<(), Errno> {
    let now = getrlimit(Resource::Nofile);
    if let Some(soft) = now.current
        && now.current != now.maximum
    {
        let raised = Rlimit {
            current: now.maximum,
            ..now
        };
        setrlimit(Resource::Nofile, raised)?;
        BEFORE.get_or_init(|| soft);
    }
    Ok(())
}

/// Has a program begin with the soft limit of before. It is forked for that, where another one is
/// begun without a copy of the tables of all of our memory.
pub fn as_before(command: &mut Command) -> &mut Command {
    let Some(&soft) = BEFORE.get() else {
        return command;
    };
    // SAFETY: between fork and exec two system calls are made: no allocation, no lock.
    unsafe { command.pre_exec(move || set(soft).map_err(Into::into)) }
}

/// A variable for the environment of a program that calls [`take_back`], if there is anything to take
/// back.
#[must_use]
pub fn passed() -> Option<(&'static str, String)> {
    BEFORE.get().map(|soft| (VARIABLE, soft.to_string()))
}

/// In a program that was told by [`passed`]: takes the soft limit of before.
///
/// # Errors
/// What was told is no number (`EINVAL`) or beyond the hard limit (`EINVAL`).
pub fn take_back() -> Result<(), Errno> {
    let Some(told) = std::env::var_os(VARIABLE) else {
        return Ok(());
    };
    let soft = told.to_str().and_then(|text| text.parse().ok());
    set(soft.ok_or(Errno::INVAL)?)
}

fn set(soft: u64) -> Result<(), Errno> {
    let lowered = Rlimit {
        current: Some(soft),
        ..getrlimit(Resource::Nofile)
    };
    setrlimit(Resource::Nofile, lowered)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The limit is the whole process's, so a process is made for it: this very executable.
    #[test]
    fn who_is_started_has_the_limit_of_before() {
        let script = "ulimit -n 500; ulimit -S -n 50; exec \"$0\" --exact --ignored --nocapture \
            descriptor_limit::tests::server";
        let server = Command::new("/bin/sh")
            .args(["-c", script])
            .arg(std::env::current_exe().unwrap())
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&server.stdout);
        assert!(server.status.success(), "{text}");
        assert!(
            text.contains("own 500 of 500, forked 50 of 500, told 50"),
            "{text}"
        );
    }

    #[test]
    #[ignore = "the process that another test makes"]
    fn server() {
        let limits = |command: &mut Command| {
            let output = command.args(["-c", "ulimit -S -n; ulimit -H -n"]).output();
            let text = String::from_utf8(output.unwrap().stdout).unwrap();
            text.trim_end().replace('\n', " of ")
        };
        let shell = || Command::new("/bin/sh");
        // Nothing was raised, so there is nothing to take back.
        assert_eq!(
            (limits(as_before(&mut shell())), passed()),
            ("50 of 500".to_owned(), None)
        );
        raise().unwrap();
        raise().unwrap();
        let own = getrlimit(Resource::Nofile);
        let (own, hard) = (own.current.unwrap(), own.maximum.unwrap());
        let forked = limits(as_before(&mut shell()));
        let told = passed().unwrap().1;
        println!("own {own} of {hard}, forked {forked}, told {told}");
    }
}
