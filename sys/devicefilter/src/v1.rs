//! The devices controller of cgroup v1 (`security/device_cgroup.c`).
//!
//! A group has a default (allow or deny all) and exceptions to it, set by writing one rule at a
//! time to `devices.allow` and `devices.deny`. What is particular:
//! - Writing `a` resets, and fails with EINVAL once the group has children.
//! - An exception beyond what the parent allows fails with EPERM.
//! - Taking an exception away works only for exactly the numbers it was made with; anything else
//!   is ignored without a word. So a hole in a wildcard cannot be had ([`V1Error::Hole`]).
//! - `devices.list` shows the exceptions to "deny", but for "allow" only `a *:* rwm`.
//!
//! [`plan`] is pure; [`apply`] writes, and reads back what came of it.

use std::io;
use std::path::{Path, PathBuf};

use rustix::io::Errno;

use crate::device::{Access, Request};
use crate::policy::{Pattern, Policy};
use crate::rule::{DeviceRule, Kind, RuleError};

/// Longest `devices.list` that is read.
const MAX_LIST: u64 = 1 << 20;

/// Why the controller does not hold the policy.
#[derive(Debug, thiserror::Error)]
pub enum V1Error {
    /// The policy takes back for one device what it gives to a wildcard.
    #[error(
        "the policy cuts a hole into a wildcard, which the v1 devices controller cannot hold; \
         list the allowed devices one by one"
    )]
    Hole,
    /// Getting there passes a moment in which everything is allowed, and processes are inside.
    #[error(
        "changing {path} from deny to allow by default would open every device to the processes \
         in it for a moment; make a new cgroup"
    )]
    WouldOpen {
        /// The cgroup.
        path: PathBuf,
    },
    /// A rule the user asks for goes beyond the parent.
    #[error("rule \"{rule}\" is beyond what the parent of {path} allows; allow it there first")]
    DeniedByParent {
        /// The cgroup.
        path: PathBuf,
        /// The rule refused.
        rule: DeviceRule,
    },
    /// Resetting is refused because the cgroup has children.
    #[error("the default of {path} cannot be changed because it has child cgroups")]
    HasChildren {
        /// The cgroup.
        path: PathBuf,
    },
    /// Writing failed otherwise.
    #[error("cannot write \"{rule}\" to {path}")]
    Write {
        /// The file.
        path: PathBuf,
        /// The rule.
        rule: DeviceRule,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The kernel's answer.
        #[source]
        source: io::Error,
    },
    /// `devices.list` has a line that is no rule.
    #[error("{path} has a line that is no rule")]
    Parse {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: RuleError,
    },
    /// All writes worked, but reading back shows something else: someone else writes there too.
    #[error("{path} does not hold what was written: {difference}")]
    ReadBack {
        /// The file.
        path: PathBuf,
        /// Rules that differ.
        difference: String,
    },
}

/// Contents of `devices.list`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    /// Whether all is allowed, but for exceptions the kernel does not show.
    pub default_allow: bool,
    /// What is allowed if not.
    pub allowed: Vec<DeviceRule>,
}

impl List {
    /// Parses the file's text.
    ///
    /// # Errors
    /// [`RuleError`] for the first line that is no rule.
    pub fn parse(text: &str) -> Result<Self, RuleError> {
        let mut list = Self::default();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let rule = DeviceRule::parse_v1(true, line)?;
            if rule.kind() == Kind::All {
                list.default_allow = true;
            } else {
                list.allowed.push(rule);
            }
        }
        Ok(list)
    }

    /// Reads `devices.list` of a cgroup directory.
    ///
    /// # Errors
    /// [`V1Error`].
    pub fn read(cgroup: &Path) -> Result<Self, V1Error> {
        let path = cgroup.join("devices.list");
        let text = read_bounded(&path).map_err(|source| V1Error::Read {
            path: path.clone(),
            source,
        })?;
        Self::parse(&text).map_err(|source| V1Error::Parse { path, source })
    }

    /// Whether the group allows the request by the controller's own rule: one exception must
    /// cover all of it. `None` with default allow, whose exceptions are hidden.
    #[must_use]
    pub fn allows(&self, request: Request) -> Option<bool> {
        let covers = |rule: &DeviceRule| {
            rule.matches(request.device) && rule.access().contains(request.access)
        };
        (!self.default_allow).then(|| self.allowed.iter().any(covers))
    }

    fn access_of(&self, pattern: Pattern) -> Access {
        let same = self
            .allowed
            .iter()
            .filter(|rule| pattern_of(rule) == Some(pattern));
        same.fold(Access::NONE, |access, rule| access | rule.access())
    }
}

/// One write. [`DeviceRule::allow`] tells the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// The rule written.
    pub rule: DeviceRule,
    /// The part of it the user asks for; the rest is only built-in.
    pub requested: Access,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Rules written.
    pub written: Vec<DeviceRule>,
    /// Built-in rules nobody asked for that the parent does not allow. Harmless: those devices
    /// stay closed.
    pub denied_by_parent: Vec<DeviceRule>,
}

/// The writes that lead from `current` to `target`.
///
/// From "deny" to "deny" only the differences are written, what is to be allowed first, so that
/// running processes never lose a device they keep. Otherwise the group is reset first.
///
/// # Errors
/// [`V1Error::Hole`].
pub fn plan(current: &List, target: &Policy) -> Result<Vec<Step>, V1Error> {
    if !target.is_monotone() {
        return Err(V1Error::Hole);
    }
    let mut steps = Vec::new();
    let step = |rule, requested| Step { rule, requested };
    if target.default_allow() {
        steps.push(step(DeviceRule::all(true), Access::ALL));
        let denies = target.entries().iter();
        steps.extend(
            denies
                .filter_map(|entry| entry.rule(false, !entry.access))
                .map(|rule| step(rule, rule.access())),
        );
        return Ok(steps);
    }
    let fresh = List::default();
    let current = if current.default_allow {
        steps.push(step(DeviceRule::all(false), Access::ALL));
        &fresh
    } else {
        current
    };
    for entry in target.entries() {
        let missing = entry.access & !current.access_of(entry.pattern);
        steps.extend(
            entry
                .rule(true, missing)
                .map(|rule| step(rule, entry.requested & missing)),
        );
    }
    for rule in &current.allowed {
        let wanted = target
            .entries()
            .iter()
            .find(|entry| Some(entry.pattern) == pattern_of(rule));
        let extra = rule.access() & !wanted.map_or(Access::NONE, |entry| entry.access);
        let deny = DeviceRule::new(false, rule.kind(), rule.major(), rule.minor(), extra);
        // Refused only for want of any bit: nothing to take away.
        steps.extend(deny.ok().map(|rule| step(rule, extra)));
    }
    Ok(steps)
}

/// Makes a cgroup directory of the devices hierarchy hold the policy.
///
/// # Errors
/// [`V1Error`]. A failure on the way leaves the group narrower or equal, save for `allow` by
/// default, where the group is reset to "deny all" before the error is returned.
pub fn apply(cgroup: &Path, target: &Policy) -> Result<Report, V1Error> {
    let current = List::read(cgroup)?;
    let steps = plan(&current, target)?;
    if target.default_allow() && !target.entries().is_empty() {
        let path = cgroup.join("cgroup.procs");
        let inside = read_bounded(&path).map_err(|source| V1Error::Read { path, source })?;
        if !inside.is_empty() && !current.default_allow {
            return Err(V1Error::WouldOpen {
                path: cgroup.to_owned(),
            });
        }
    }
    let mut report = Report::default();
    let outcome = steps
        .iter()
        .try_for_each(|step| write_step(cgroup, step, &mut report));
    if let Err(error) = outcome {
        if target.default_allow() {
            let deny = Step {
                rule: DeviceRule::all(false),
                requested: Access::ALL,
            };
            write_step(cgroup, &deny, &mut report)?;
        }
        return Err(error);
    }
    read_back(cgroup, target, &report)?;
    Ok(report)
}

fn write_step(cgroup: &Path, step: &Step, report: &mut Report) -> Result<(), V1Error> {
    match write_rule(cgroup, step.rule) {
        Ok(()) => {
            report.written.push(step.rule);
            Ok(())
        }
        Err(V1Error::DeniedByParent { .. }) if step.rule.kind() != Kind::All => {
            // The parent may allow a part: bit by bit (the kernel merges them again).
            let mut refused = Access::NONE;
            for bit in [Access::READ, Access::WRITE, Access::MKNOD] {
                let Some(rule) = narrowed(&step.rule, bit) else {
                    continue;
                };
                match write_rule(cgroup, rule) {
                    Ok(()) => report.written.push(rule),
                    Err(V1Error::DeniedByParent { .. }) if !step.requested.contains(bit) => {
                        refused |= bit;
                    }
                    Err(error) => return Err(error),
                }
            }
            report
                .denied_by_parent
                .extend(narrowed(&step.rule, refused));
            Ok(())
        }
        Err(error) => Err(error),
    }
}

/// The rule for those of its bits that are in `bits`, if any.
fn narrowed(rule: &DeviceRule, bits: Access) -> Option<DeviceRule> {
    let access = rule.access() & bits;
    DeviceRule::new(
        rule.allow(),
        rule.kind(),
        rule.major(),
        rule.minor(),
        access,
    )
    .ok()
}

fn write_rule(cgroup: &Path, rule: DeviceRule) -> Result<(), V1Error> {
    let path = cgroup.join(if rule.allow() {
        "devices.allow"
    } else {
        "devices.deny"
    });
    let source = match std::fs::write(&path, rule.v1_text()) {
        Ok(()) => return Ok(()),
        Err(source) => source,
    };
    let cgroup = cgroup.to_owned();
    Err(match Errno::from_io_error(&source) {
        Some(Errno::PERM) if rule.allow() => V1Error::DeniedByParent { path: cgroup, rule },
        Some(Errno::INVAL) if rule.kind() == Kind::All => V1Error::HasChildren { path: cgroup },
        _ => V1Error::Write { path, rule, source },
    })
}

fn read_back(cgroup: &Path, target: &Policy, report: &Report) -> Result<(), V1Error> {
    let list = List::read(cgroup)?;
    let mut wrong = Vec::new();
    if list.default_allow != target.default_allow() {
        wrong.push(format!(
            "default is {}",
            if list.default_allow { "allow" } else { "deny" }
        ));
    } else if !list.default_allow {
        let refused = List {
            default_allow: false,
            allowed: report.denied_by_parent.clone(),
        };
        for entry in target.entries() {
            let wanted = entry.access & !refused.access_of(entry.pattern);
            let found = list.access_of(entry.pattern);
            if found != wanted {
                wrong.push(format!(
                    "{:?} has \"{found}\", not \"{wanted}\"",
                    entry.pattern
                ));
            }
        }
        let known = |rule: &&DeviceRule| {
            target
                .entries()
                .iter()
                .any(|entry| Some(entry.pattern) == pattern_of(rule))
        };
        let strangers = list.allowed.iter().filter(|rule| !known(rule));
        wrong.extend(strangers.map(|rule| format!("\"{rule}\" is there")));
    }
    if wrong.is_empty() {
        return Ok(());
    }
    let path = cgroup.join("devices.list");
    Err(V1Error::ReadBack {
        path,
        difference: wrong.join(", "),
    })
}

fn pattern_of(rule: &DeviceRule) -> Option<Pattern> {
    match rule.kind() {
        Kind::All => None,
        Kind::Only(kind) => Some(Pattern {
            kind,
            major: rule.major(),
            minor: rule.minor(),
        }),
    }
}

fn read_bounded(path: &Path) -> io::Result<String> {
    use std::io::Read;
    let mut bytes = Vec::new();
    std::fs::File::open(path)?
        .take(MAX_LIST)
        .read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

#[cfg(test)]
mod tests;
