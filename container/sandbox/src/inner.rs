//! In the child: from a copy of the caller to the program.

use std::convert::Infallible;
use std::error::Error as StdError;
use std::ffi::CString;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::io::Errno;
use rustix::process::geteuid;
use warren_lib_errchain::chain;
use warren_sys_process::lifecycle::die_with_parent;
use warren_sys_process::{exec, fork};

use crate::plan::{Options, Rung};
use crate::view::View;
use crate::{filter, limits, rights, root, rules};

/// What could not be done, in words, as it goes over the pipe.
#[derive(Debug)]
pub(crate) struct Failure(pub(crate) String);

impl Failure {
    pub(crate) fn new(step: &str, object: impl Into<String>, errno: Errno) -> Self {
        Self::because(step, object, &errno)
    }

    pub(crate) fn because(step: &str, object: impl Into<String>, error: &dyn StdError) -> Self {
        Self(format!("cannot {step} {}: {}", object.into(), chain(error)))
    }
}

/// The program and what it is started with, ready to be executed.
pub(crate) struct Program {
    pub(crate) path: CString,
    pub(crate) arguments: Vec<CString>,
    pub(crate) environment: Vec<CString>,
}

/// How far the child came; one line each on the pipe.
pub(crate) const READY: char = 'R';
/// Before the sandbox stood: another rung may do.
pub(crate) const REFUSED: char = 'F';
/// After that.
pub(crate) const NOT_EXECUTED: char = 'X';

/// What the child is to become.
pub(crate) struct Child<'a> {
    pub(crate) rung: Rung,
    pub(crate) options: &'a Options,
    pub(crate) view: &'a View,
    /// User and group of the caller, as its own namespace numbers them.
    pub(crate) ids: (u32, u32),
    /// Without one the sandbox is made and left.
    pub(crate) program: Option<&'a Program>,
}

/// Runs in the child and never returns.
pub(crate) fn run(child: &Child<'_>, to_parent: &OwnedFd) -> ! {
    let say = |kind: char, text: &str| {
        let line = format!("{kind}{}\n", text.replace('\n', " "));
        // A parent that is gone takes us along.
        let _written = rustix::io::write(to_parent, line.as_bytes());
    };
    match stand(child) {
        Err(failure) => say(REFUSED, &failure.0),
        Ok(landlock) => {
            say(
                READY,
                &format!("{} {}", landlock.unwrap_or(0), geteuid().as_raw()),
            );
            if let Some(program) = child.program {
                let Err(failure) = execute(program);
                say(NOT_EXECUTED, &failure.0);
            }
        }
    }
    fork::exit(1)
}

/// Makes the sandbox around the calling process; the version of Landlock.
fn stand(child: &Child<'_>) -> Result<Option<u32>, Failure> {
    let rung = child.rung;
    if rung == Rung::UserNamespace {
        write_maps(child.ids)?;
    }
    if rung.has_own_root() {
        root::enter(child.view)?;
    }
    limits::set(child.options)?;
    rights::give_up_capabilities()?;
    rights::become_nobody_else()?;
    rights::give_up_the_rest()?;
    let landlock = rules::restrict(rung, child.view)?;
    // A change of user takes this back, so it comes after.
    die_with_parent(None).map_err(|e| Failure::new("bind to the caller", "the program", e))?;
    exec::close_from_on_exec(3).map_err(|e| Failure::new("close", "descriptors", e))?;
    exec::reset_signals().map_err(|e| Failure::new("reset", "signals", e))?;
    filter::put_on(rung).map_err(|e| Failure::because("filter", "system calls", &e))?;
    Ok(landlock)
}

fn execute(program: &Program) -> Result<Infallible, Failure> {
    let errno = exec::program(&program.path, &program.arguments, &program.environment);
    Err(Failure::new(
        "execute",
        program.path.to_string_lossy().into_owned(),
        errno,
    ))
}

/// One user and one group, the same inside as outside.
fn write_maps((user, group): (u32, u32)) -> Result<(), Failure> {
    let write = |file: &str, text: String| {
        let path = Path::new("/proc/self").join(file);
        std::fs::write(&path, text)
            .map_err(|e| Failure::because("write", path.display().to_string(), &e))
    };
    write("setgroups", "deny".to_owned())?;
    write("uid_map", format!("{user} {user} 1"))?;
    write("gid_map", format!("{group} {group} 1"))
}
