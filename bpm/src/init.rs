//! The first process of a container: stands between bpm and the job's program.
//!
//! ```text
//! bpm-init -- PROGRAM ARGUMENT...
//! ```
//!
//! It is what the pid file names. It runs as the program's user, under the program's filter of system
//! calls, hands on signals and waits for orphans; see [`warren_sys_process::supervise`]. A program
//! that cannot be executed is told of on standard error, which is the process's log.

use std::ffi::{CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::process::ExitCode;

use warren_sys_process::supervise::{NOT_EXECUTABLE, supervise};

/// The name under which this is called.
pub const NAME: &str = "bpm-init";

/// Does it. The arguments are what follows the name.
pub fn run(arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let mut arguments = arguments.peekable();
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
