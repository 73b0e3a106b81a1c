//! Making the planned writes, and checking what became of them.

use std::fmt;
use std::path::PathBuf;

use rustix::io::Errno;

use super::plan::{Check, Now, controllers, parse_list};
use super::{Bound, Limits, PlanError, Version, Write, plan};
use crate::dir::GroupDir;
use crate::error::{Error, Step, Undelegated};
use crate::group::Cgroup;
use crate::v1::V1Group;

/// The groups, in every hierarchy, that are limited together.
#[derive(Debug, Clone, Copy, Default)]
pub struct Targets<'a> {
    /// The v2 group.
    pub v2: Option<&'a Cgroup>,
    /// The v1 groups. A controller that one of these has is used here rather than in v2.
    pub v1: &'a [V1Group],
}

/// A limit in force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// What was written.
    pub write: Write,
    /// Where.
    pub path: PathBuf,
    /// What the file says now.
    pub effective: String,
    /// Whether that is what was asked for.
    pub fidelity: Fidelity,
}

/// Whether the kernel took the value as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fidelity {
    /// As asked.
    Exact,
    /// Rounded down to the kernel's granularity (memory: pages).
    Rounded,
}

/// Some limits are not in force.
#[derive(Debug)]
pub struct ApplyError {
    /// Those that are not.
    pub failures: Vec<Failure>,
    /// Those that are.
    pub applied: Vec<Applied>,
}

/// A limit that is not in force.
#[derive(Debug)]
pub struct Failure {
    /// Its controller.
    pub controller: &'static str,
    /// Why.
    pub error: LimitError,
}

/// Why a limit is not in force.
#[derive(Debug, thiserror::Error)]
pub enum LimitError {
    /// It cannot be expressed.
    #[error("cannot be planned")]
    Plan(#[from] PlanError),
    /// The controller is not there, or the kernel refused.
    #[error("was refused")]
    Group(#[from] Error),
    /// The write succeeded, and the file says something else.
    #[error("{} was set to {asked:?} and reads {got:?}", path.display())]
    NotHeld {
        /// The file.
        path: PathBuf,
        /// What was written.
        asked: String,
        /// What it says.
        got: String,
    },
}

impl fmt::Display for ApplyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("limits not in force: ")?;
        for (i, failure) in self.failures.iter().enumerate() {
            let separator = if i > 0 { "; " } else { "" };
            write!(f, "{separator}{}: {}", failure.controller, failure.error)?;
            let mut cause = std::error::Error::source(&failure.error);
            while let Some(error) = cause {
                write!(f, ": {error}")?;
                cause = error.source();
            }
        }
        Ok(())
    }
}

impl std::error::Error for ApplyError {}

/// Sets every limit, each checked by reading it back. One that fails does not keep the others from
/// being set.
///
/// # Errors
/// At least one limit is not in force; the error lists those and the ones that are.
pub fn apply(targets: Targets<'_>, limits: &Limits) -> Result<Vec<Applied>, ApplyError> {
    let mut applied = Vec::new();
    let mut failures = Vec::new();
    for controller in controllers(limits) {
        let mut fail = |error| failures.push(Failure { controller, error });
        let (dir, version) = match home(targets, controller) {
            Ok(home) => home,
            Err(e) => {
                fail(e.into());
                continue;
            }
        };
        let writes = match now(dir, controller, version)
            .map_err(LimitError::from)
            .and_then(|now| Ok(plan(limits, controller, version, now)?))
        {
            Ok(writes) => writes,
            Err(e) => {
                fail(e);
                continue;
            }
        };
        for write in writes {
            match make(dir, write) {
                Ok(done) => applied.push(done),
                // What follows in one controller may build on it; what is independent may still
                // hold, so go on.
                Err(e) => fail(e),
            }
        }
    }
    applied.retain(|a| a.write.check != Check::Intermediate);
    if failures.is_empty() {
        Ok(applied)
    } else {
        Err(ApplyError { failures, applied })
    }
}

/// The directory whose hierarchy has the controller.
fn home<'a>(targets: Targets<'a>, controller: &str) -> Result<(&'a GroupDir, Version), Error> {
    let v1_name = if controller == "io" {
        "blkio"
    } else {
        controller
    };
    if let Some(group) = targets.v1.iter().find(|g| g.has_controller(v1_name)) {
        return Ok((group.dir(), Version::V1));
    }
    let Some(group) = targets.v2 else {
        let path = targets
            .v1
            .first()
            .map(|g| g.path().to_owned())
            .unwrap_or_default();
        let reason = Undelegated::NoHierarchy;
        return Err(Error::NoController {
            controller: controller.to_owned(),
            path,
            reason,
        });
    };
    if group.controllers()?.iter().any(|c| c == controller) {
        Ok((group.dir(), Version::V2))
    } else {
        Err(group.undelegated(controller))
    }
}

/// Present values that the plan depends on.
fn now(dir: &GroupDir, controller: &str, version: Version) -> Result<Now, Error> {
    if controller != "memory" || version == Version::V2 {
        return Ok(Now::default());
    }
    let bound = |file: &str, text: &str| match text.trim().parse() {
        Ok(n) if is_no_limit(n) => Ok(Bound::Unlimited),
        Ok(n) => Ok(Bound::At(n)),
        Err(_) => Err(Error::unexpected(
            &dir.path().join(file),
            "a number of bytes",
            text,
        )),
    };
    let memory = bound("memory.limit_in_bytes", &dir.read("memory.limit_in_bytes")?)?;
    let file = "memory.memsw.limit_in_bytes";
    let memory_and_swap = dir
        .read_if_there(file)?
        .map(|text| bound(file, &text))
        .transpose()?;
    Ok(Now {
        memory,
        memory_and_swap,
    })
}

fn make(dir: &GroupDir, write: Write) -> Result<Applied, LimitError> {
    let step = Step::SetLimit(write.value.clone());
    match dir.write(&step, write.file, &write.value) {
        Ok(()) => {}
        Err(e) if e.errno() == Some(Errno::NOENT) && dir.is_alive() => {
            if let Some(otherwise) = write.otherwise {
                return make(dir, *otherwise);
            }
            let reason = Undelegated::NoSuchFile(write.file.to_owned());
            let (controller, path) = (write.controller.to_owned(), dir.path().to_owned());
            return Err(Error::NoController {
                controller,
                path,
                reason,
            }
            .into());
        }
        Err(e) => return Err(e.into()),
    }
    let path = dir.path().join(write.file);
    let got = dir.read(write.file)?;
    match judge(&write, &got) {
        Some((fidelity, effective)) => Ok(Applied {
            write,
            path,
            effective,
            fidelity,
        }),
        None => Err(LimitError::NotHeld {
            path,
            asked: write.value,
            got: got.trim().to_owned(),
        }),
    }
}

/// Whether what a file says is what was written to it, and if so the part of it that is in force.
pub(crate) fn judge(write: &Write, got: &str) -> Option<(Fidelity, String)> {
    let got = got.trim();
    let exact = |effective: &str| Some((Fidelity::Exact, effective.to_owned()));
    match write.check {
        Check::Intermediate => exact(got),
        Check::Same => (got == write.value).then(|| exact(got))?,
        Check::Bytes(asked) => judge_bytes(asked, got),
        Check::List => (parse_list(got).is_some() && parse_list(got) == parse_list(&write.value))
            .then(|| exact(got))?,
        Check::Weight => {
            let line = got
                .lines()
                .find_map(|l| l.strip_prefix("default "))
                .unwrap_or(got);
            (line.trim() == write.value).then(|| exact(line.trim()))?
        }
        Check::Device => judge_device(&write.value, got),
    }
}

fn judge_bytes(asked: Bound, got: &str) -> Option<(Fidelity, String)> {
    let in_force = match got {
        "max" => Bound::Unlimited,
        _ => match got.parse().ok()? {
            n if is_no_limit(n) => Bound::Unlimited,
            n => Bound::At(n),
        },
    };
    let fidelity = match (asked, in_force) {
        (Bound::Unlimited, Bound::Unlimited) => Fidelity::Exact,
        // Asked for so much that the kernel calls it no limit.
        (Bound::At(asked), Bound::Unlimited) if is_no_limit(asked) => Fidelity::Rounded,
        (Bound::At(asked), Bound::At(got)) if asked == got => Fidelity::Exact,
        (Bound::At(asked), Bound::At(got)) if got < asked && asked - got < page_size() => {
            Fidelity::Rounded
        }
        _ => return None,
    };
    Some((fidelity, got.to_owned()))
}

/// v1 shows "no limit" as the greatest multiple of the page size that fits a signed 64-bit number.
fn is_no_limit(bytes: u64) -> bool {
    bytes > i64::MAX.unsigned_abs() - 2 * page_size()
}

fn page_size() -> u64 {
    u64::try_from(rustix::param::page_size()).unwrap_or(4096)
}

/// `8:0 rbps=1 wbps=max ...` (v2) or `8:0 1` (v1). The kernel shows no line for a device without
/// limits.
fn judge_device(asked: &str, got: &str) -> Option<(Fidelity, String)> {
    let (device, wanted) = asked.split_once(' ')?;
    let line = got
        .lines()
        .find_map(|l| Some((l, l.strip_prefix(device)?.strip_prefix(' ')?)));
    let (line, has) = line.unwrap_or(("", ""));
    let has: Vec<&str> = has.split_ascii_whitespace().collect();
    let is_none = |w: &str| w == "0" || w.ends_with("=max");
    let holds = wanted
        .split_ascii_whitespace()
        .all(|w| has.contains(&w) || (has.is_empty() && is_none(w)));
    holds.then(|| (Fidelity::Exact, line.to_owned()))
}
