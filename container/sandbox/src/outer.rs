//! In the caller: finds the program, tries the rungs, waits.

use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Pid, WaitOptions, getegid, geteuid, waitpid};
use warren_lib_errchain::chain;
use warren_sys_process::fork::{self, Fork, fork_into};

use crate::inner::{Child, NOT_EXECUTED, Program, READY, REFUSED};
use crate::plan::{Options, Rung, ladder};
use crate::view::{View, view};
use crate::{Error, Report, inner, rights};

/// Runs a program in a sandbox until it ends; its exit status, or 128 and the number of the signal
/// that ended it. It takes over standard input, output and error.
///
/// `notice` is told what holds, before the program's first instruction or soon after.
///
/// To be called in a process with one thread, which is the program's alone: it may become another
/// user on the way.
///
/// # Errors
/// [`Error`]; nothing of the program has run then.
pub fn run(options: &Options, notice: impl FnOnce(&Report)) -> Result<u8, Error> {
    let (path, program) = find(options)?;
    let view = view(Path::new("/"), &path, &options.readable);
    let (report, child) = climb(options, &view, Some(&program))?;
    notice(&report);
    wait(child)
}

/// Makes a sandbox as for this program, and leaves it.
///
/// # Errors
/// As [`run`].
pub fn check(options: &Options) -> Result<Report, Error> {
    let path = match find(options) {
        Ok((path, _)) => path,
        Err(Error::NoProgram { .. }) => PathBuf::from("/usr/bin/true"),
        Err(error) => return Err(error),
    };
    let view = view(Path::new("/"), &path, &options.readable);
    let (report, child) = climb(options, &view, None)?;
    wait(child)?;
    Ok(report)
}

/// Tries one rung after the other.
fn climb(
    options: &Options,
    view: &View,
    program: Option<&Program>,
) -> Result<(Report, Pid), Error> {
    let mut reasons = Vec::new();
    for rung in ladder(geteuid().is_root()) {
        if *rung == Rung::UserNamespace {
            // The owner of the namespace is to be nobody else either.
            if let Err(failure) = rights::become_nobody_else() {
                reasons.push(failure.0);
            }
        }
        let attempt = Child {
            rung: *rung,
            options,
            view,
            ids: (geteuid().as_raw(), getegid().as_raw()),
            program,
        };
        match try_rung(&attempt)? {
            Ok((landlock, user, child)) => {
                return Ok((Report::new(*rung, landlock, user, reasons), child));
            }
            Err(reason) => reasons.push(reason),
        }
    }
    Err(Error::Refused { reasons })
}

type Attempt = Result<(Option<u32>, u32, Pid), String>;

fn try_rung(attempt: &Child<'_>) -> Result<Attempt, Error> {
    let (from_child, to_parent) = pipe_with(PipeFlags::CLOEXEC).map_err(Error::Pipe)?;
    let child = match fork_into(attempt.rung.kinds(), None) {
        Ok((Fork::Child, _)) => {
            drop(from_child);
            inner::run(attempt, &to_parent)
        }
        Ok((Fork::Parent(child), _)) => child,
        Err(error @ fork::Error::Fork(_)) if attempt.rung != Rung::Bare => {
            return Ok(Err(format!("no namespaces: {}", chain(&error))));
        }
        Err(error) => return Err(error.into()),
    };
    drop(to_parent);
    let text = read_all(&from_child);
    let mut stood = None;
    for line in text.lines() {
        let mut characters = line.chars();
        let kind = characters.next();
        let rest = characters.as_str();
        match kind {
            Some(READY) => stood = numbers(rest),
            Some(REFUSED) => {
                let _status = wait(child);
                return Ok(Err(rest.to_owned()));
            }
            Some(NOT_EXECUTED) => {
                let _status = wait(child);
                return Err(Error::Execute(rest.to_owned()));
            }
            _ => {}
        }
    }
    let Some((landlock, user)) = stood else {
        let status = wait(child)?;
        return Ok(Err(format!("the child ended with status {status}")));
    };
    Ok(Ok(((landlock > 0).then_some(landlock), user, child)))
}

fn numbers(text: &str) -> Option<(u32, u32)> {
    let (landlock, user) = text.split_once(' ')?;
    Some((landlock.parse().ok()?, user.parse().ok()?))
}

/// What comes until the child has closed the pipe: all of it is short.
fn read_all(pipe: &OwnedFd) -> String {
    let mut text = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        match rustix::io::read(pipe, &mut buffer) {
            Err(Errno::INTR) => {}
            Ok(0) | Err(_) => return String::from_utf8_lossy(&text).into_owned(),
            Ok(count) => text.extend_from_slice(buffer.get(..count).unwrap_or_default()),
        }
    }
}

fn wait(child: Pid) -> Result<u8, Error> {
    loop {
        match waitpid(Some(child), WaitOptions::empty()) {
            Err(Errno::INTR) | Ok(None) => {}
            Err(errno) => return Err(Error::Wait(errno)),
            Ok(Some((_, status))) => {
                let code = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => code,
                    (None, Some(signal)) => 128 + signal,
                    (None, None) => continue,
                };
                return Ok(u8::try_from(code).unwrap_or(u8::MAX));
            }
        }
    }
}

/// The program's absolute path, and all that it is executed with.
fn find(options: &Options) -> Result<(PathBuf, Program), Error> {
    let missing = || Error::NoProgram {
        program: options.program.clone(),
    };
    let path = if options.program.components().count() > 1 {
        std::path::absolute(&options.program).map_err(|_| missing())?
    } else {
        let directories = options.environment.get(std::ffi::OsStr::new("PATH"));
        directories
            .into_iter()
            .flat_map(|list| std::env::split_paths(list))
            .map(|directory| directory.join(&options.program))
            .find(|path| path.is_absolute() && path.is_file())
            .ok_or_else(missing)?
    };
    if !path.is_file() {
        return Err(missing());
    }
    let text = |bytes: &[u8], what| CString::new(bytes).map_err(|_| Error::ZeroByte { what });
    let own = text(path.as_os_str().as_bytes(), "path")?;
    let mut arguments = vec![own.clone()];
    for argument in &options.arguments {
        arguments.push(text(argument.as_bytes(), "arguments")?);
    }
    let mut environment = Vec::new();
    for (name, value) in &options.environment {
        let pair = [name.as_bytes(), b"=", value.as_bytes()].concat();
        environment.push(text(&pair, "environment")?);
    }
    let program = Program {
        path: own,
        arguments,
        environment,
    };
    Ok((path, program))
}
