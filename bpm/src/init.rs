//! The first process of a container: stands between bpm and the job's program.
//!
//! ```text
//! bpm-init -- PROGRAM ARGUMENT...
//! bpm-init --when-told PROGRAM
//! ```
//!
//! It is what the pid file names. It runs as the program's user, under the program's filter of system
//! calls, hands on signals and waits for orphans; see [`warren_sys_process::supervise`]. A program
//! that cannot be executed is told of on standard error, which is the process's log.
//!
//! In its second part it is a job's hook on the host, which does nothing before a byte comes on standard
//! input, a socket: then it executes the hook in its place. Why it cannot goes back the same way. If the
//! other end closes instead, bpm is dead, and it ends.

use std::ffi::{CString, OsString};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode, Stdio};

use warren_sys_process::supervise::{NOT_EXECUTABLE, supervise};

/// The name under which this is called.
pub const NAME: &str = "bpm-init";
/// The flag of its second part.
pub(crate) const WHEN_TOLD: &str = "--when-told";

/// Does it. The arguments are what follows the name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.peekable();
    if arguments.peek().is_some_and(|first| first == WHEN_TOLD) {
        arguments.next();
        return when_told(arguments);
    }
    if arguments.peek().is_some_and(|first| first == "--") {
        arguments.next();
    }
    let arguments: Result<Vec<CString>, _> = arguments
        .map(|argument| CString::new(argument.into_vec()))
        .collect();
    let environment = std::env::vars_os().map(|(mut key, value)| {
        key.push("=");
        key.push(value);
        CString::new(key.into_vec())
    });
    let environment: Result<Vec<CString>, _> = environment.collect();
    let (Ok(arguments), Ok(environment)) = (arguments, environment) else {
        return fail("an argument with a NUL byte");
    };
    let Some(program) = arguments.first() else {
        return fail("no program");
    };
    let named = program.to_string_lossy().into_owned();
    let path = std::env::var("PATH").unwrap_or_default();
    let complain = |errno| eprintln!("bpm: cannot execute {named}: {errno}");
    let ended = supervise(
        &candidates(program, &path),
        &arguments,
        &environment,
        complain,
    );
    match ended {
        Ok(code) => ExitCode::from(code),
        Err(error) => fail(&warren_lib_errchain::chain(&error)),
    }
}

fn when_told(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let Ok(line) = std::io::stdin().as_fd().try_clone_to_owned() else {
        return fail("no standard input");
    };
    let mut line = UnixStream::from(line);
    if !matches!(line.read(&mut [0]), Ok(1)) {
        return ExitCode::FAILURE;
    }
    let Some(program) = arguments.next() else {
        return fail("no program");
    };
    let error = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .exec();
    // Nobody is left to hear of it if that fails.
    let _ = write!(line, "{error}");
    ExitCode::from(NOT_EXECUTABLE)
}

fn fail(reason: &str) -> ExitCode {
    eprintln!("bpm: cannot run the program: {reason}");
    ExitCode::from(NOT_EXECUTABLE)
}

/// Where the program may be: a name without a slash is looked for in `PATH`.
fn candidates(program: &CString, path: &str) -> Vec<CString> {
    let name = program.to_string_lossy();
    if name.contains('/') {
        return vec![program.clone()];
    }
    let inside = |directory: &str| {
        let directory = if directory.is_empty() { "." } else { directory };
        CString::new(format!("{directory}/{name}")).ok()
    };
    path.split(':').filter_map(inside).collect()
}
