//! Rules in order → a normal form with one exact meaning.
//!
//! # Meaning
//!
//! Each access bit (`r`, `w`, `m`) of each device is decided on its own by the **last** rule that
//! matches the device and names the bit; `a` counts as naming everything, so it resets. With no
//! such rule the bit is denied. A request is allowed if each bit it asks is allowed. A request
//! without bits (`access(F_OK)`) is allowed if any bit of that device is.
//!
//! This is what a series of writes to the v1 `devices.allow` and `devices.deny` is meant to say,
//! with two differences, both on purpose: a deny that cuts a hole into a wildcard really cuts it
//! (the v1 controller drops such a write without a word, runc's emulator refuses it), and read
//! and write allowed by two rules are allowed together (the v1 controller wants a single rule to
//! cover the whole request).
//!
//! # Form
//!
//! A default, and entries *(pattern, allowed bits)*; the **most specific** matching entry gives
//! the bits of a device. Patterns are closed under intersection wherever it matters, so "most
//! specific" is never ambiguous. Entries that would not change any answer are left out.
//! Order is by major, minor, type, with wildcards first.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use crate::defaults::Defaults;
use crate::device::{Access, Device, DeviceKind, Request};
use crate::rule::{DeviceRule, Kind};

/// Most rules, and most entries of the normal form, that are accepted.
pub const MAX_ENTRIES: usize = 4096;

/// Why rules have no normal form.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// Too many rules, or too many combinations of `major:*` with `*:minor`.
    #[error("{count} device rules or combinations of them; at most {MAX_ENTRIES} are supported")]
    TooMany {
        /// How many there would be.
        count: usize,
    },
}

/// Devices of one type; `None` is the wildcard, and sorts first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pattern {
    /// Block or character.
    pub kind: DeviceKind,
    /// Major number.
    pub major: Option<u32>,
    /// Minor number.
    pub minor: Option<u32>,
}

impl Ord for Pattern {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.major, self.minor, self.kind).cmp(&(other.major, other.minor, other.kind))
    }
}

impl PartialOrd for Pattern {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Pattern {
    /// How many numbers are given: 0, 1 or 2.
    #[must_use]
    pub fn specificity(&self) -> u8 {
        u8::from(self.major.is_some()) + u8::from(self.minor.is_some())
    }

    /// Whether the device is one of these.
    #[must_use]
    pub fn matches(&self, device: Device) -> bool {
        self.contains(&Self {
            kind: device.kind,
            major: Some(device.major),
            minor: Some(device.minor),
        })
    }

    /// Whether every device of `other` is one of these.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        self.kind == other.kind
            && self.major.is_none_or(|major| other.major == Some(major))
            && self.minor.is_none_or(|minor| other.minor == Some(minor))
    }

    /// The devices of both, if any.
    #[must_use]
    pub fn intersection(&self, other: &Self) -> Option<Self> {
        let join = |a: Option<u32>, b: Option<u32>| match (a, b) {
            (Some(a), Some(b)) => (a == b).then_some(Some(a)),
            (a, b) => Some(a.or(b)),
        };
        (self.kind == other.kind).then_some(())?;
        Some(Self {
            kind: self.kind,
            major: join(self.major, other.major)?,
            minor: join(self.minor, other.minor)?,
        })
    }
}

/// What the devices of a pattern may be used for, where no more specific entry says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Entry {
    /// Which devices.
    pub pattern: Pattern,
    /// The bits allowed; may be none.
    pub access: Access,
    /// The part of `access` that the user's own rules ask for; the rest is only built-in.
    pub requested: Access,
}

impl Entry {
    /// As an allowing rule with the given bits; `None` without bits.
    #[must_use]
    pub fn rule(&self, allow: bool, access: Access) -> Option<DeviceRule> {
        let Pattern { kind, major, minor } = self.pattern;
        DeviceRule::new(allow, Kind::Only(kind), major, minor, access).ok()
    }
}

/// The normal form. See the module's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    default_allow: bool,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy)]
struct Sourced {
    rule: DeviceRule,
    builtin: bool,
}

impl Policy {
    /// The policy of a list of rules, alone.
    ///
    /// # Errors
    /// [`PolicyError::TooMany`].
    pub fn from_rules(rules: &[DeviceRule]) -> Result<Self, PolicyError> {
        let sourced = rules
            .iter()
            .map(|&rule| Sourced {
                rule,
                builtin: false,
            })
            .collect();
        Self::build(sourced)
    }

    /// The policy of a container: its rules, and the built-in devices.
    ///
    /// The built-in rules stand right after the last `a` rule (at the start if there is none):
    /// the usual leading "deny all" does not take `/dev/null` away, while a specific deny such
    /// as `c 5:0 rwm` is honoured. (Other engines let no user rule override a built-in.)
    ///
    /// # Errors
    /// [`PolicyError::TooMany`].
    pub fn for_container(user: &[DeviceRule], defaults: &Defaults) -> Result<Self, PolicyError> {
        let reset = user
            .iter()
            .rposition(|rule| rule.kind() == Kind::All)
            .map_or(0, |at| at + 1);
        let (before, after) = user.split_at(reset);
        let mut sourced: Vec<Sourced> = Vec::with_capacity(user.len() + 12);
        let user_rule = |&rule: &DeviceRule| Sourced {
            rule,
            builtin: false,
        };
        sourced.extend(before.iter().map(user_rule));
        sourced.extend(defaults.rules().into_iter().map(|rule| Sourced {
            rule,
            builtin: true,
        }));
        sourced.extend(after.iter().map(user_rule));
        Self::build(sourced)
    }

    fn build(mut rules: Vec<Sourced>) -> Result<Self, PolicyError> {
        if rules.len() > MAX_ENTRIES {
            return Err(PolicyError::TooMany { count: rules.len() });
        }
        let reset = rules
            .iter()
            .rposition(|sourced| sourced.rule.kind() == Kind::All);
        let everything = reset.is_some_and(|at| rules[at].rule.allow());
        rules.drain(..reset.map_or(0, |at| at + 1));
        let base = if everything {
            Access::ALL
        } else {
            Access::NONE
        };

        let mut entries: Vec<Entry> = Vec::new();
        for kind in DeviceKind::BOTH {
            for pattern in closed_patterns(kind, &rules)? {
                let entry = decide(pattern, base, &rules);
                let mut general = Vec::new();
                most_specific(&entries, |other| other.contains(&pattern), &mut general);
                // The top pattern is always kept here: it is the base of its type.
                if general.is_empty() || general.iter().any(|other| other.access != entry.access) {
                    entries.push(entry);
                }
            }
        }
        let is_top = |entry: &Entry| entry.pattern.specificity() == 0;
        let default_allow = entries
            .iter()
            .filter(|entry| is_top(entry))
            .all(|entry| entry.access == Access::ALL);
        let implied = if default_allow {
            Access::ALL
        } else {
            Access::NONE
        };
        entries.retain(|entry| !(is_top(entry) && entry.access == implied));
        if entries.len() > MAX_ENTRIES {
            return Err(PolicyError::TooMany {
                count: entries.len(),
            });
        }
        entries.sort_by_key(|entry| entry.pattern);
        Ok(Self {
            default_allow,
            entries,
        })
    }

    /// What devices that no entry matches may be used for: everything or nothing.
    #[must_use]
    pub const fn default_allow(&self) -> bool {
        self.default_allow
    }

    /// The entries, in order.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The bits a device may be used for.
    #[must_use]
    pub fn access_of(&self, device: Device) -> Access {
        let mut best = Vec::new();
        most_specific(&self.entries, |pattern| pattern.matches(device), &mut best);
        best.first()
            .map_or_else(|| self.base(), |entry| entry.access)
    }

    /// Whether a request is allowed.
    #[must_use]
    pub fn allows(&self, request: Request) -> bool {
        let access = self.access_of(request.device);
        access.contains(request.access) && !access.is_empty()
    }

    /// Whether nothing is denied. Such a policy needs no program at all.
    #[must_use]
    pub fn is_allow_all(&self) -> bool {
        self.default_allow && self.entries.is_empty()
    }

    /// Whether "allowed iff **some** matching entry covers the request" (or, with default
    /// allow, "denied iff some matching entry lacks a bit of it") gives the same answers.
    /// So it is where a more specific entry never takes back what a more general one gives (or,
    /// with default allow, gives back what that denies). True of every rule list seen in
    /// practice; the v1 controller can hold only such policies.
    #[must_use]
    pub fn is_monotone(&self) -> bool {
        let with_top = self.entries.iter().enumerate();
        for (at, one) in with_top {
            for other in &self.entries[at + 1..] {
                let Some(both) = one.pattern.intersection(&other.pattern) else {
                    continue;
                };
                let access = self.access_of_pattern(&both);
                let exact = if self.default_allow {
                    (one.access & other.access).contains(access)
                } else {
                    access.contains(one.access | other.access)
                };
                if !exact {
                    return false;
                }
            }
        }
        true
    }

    fn base(&self) -> Access {
        if self.default_allow {
            Access::ALL
        } else {
            Access::NONE
        }
    }

    fn access_of_pattern(&self, pattern: &Pattern) -> Access {
        let mut best = Vec::new();
        most_specific(&self.entries, |other| other.contains(pattern), &mut best);
        best.first()
            .map_or_else(|| self.base(), |entry| entry.access)
    }
}

/// Those of the matching entries that are the most specific: one, or two that agree.
fn most_specific<'e>(
    entries: &'e [Entry],
    matches: impl Fn(&Pattern) -> bool,
    best: &mut Vec<&'e Entry>,
) {
    for entry in entries.iter().filter(|entry| matches(&entry.pattern)) {
        let level = best.first().map_or(0, |entry| entry.pattern.specificity());
        match entry.pattern.specificity().cmp(&level) {
            Ordering::Greater => {
                best.clear();
                best.push(entry);
            }
            Ordering::Equal => best.push(entry),
            Ordering::Less => {}
        }
    }
}

/// The patterns of the rules for one type, with `*:*` and all meets of `M:*` with `*:m`,
/// general ones first.
fn closed_patterns(kind: DeviceKind, rules: &[Sourced]) -> Result<Vec<Pattern>, PolicyError> {
    let mut patterns = BTreeSet::from([(
        0,
        Pattern {
            kind,
            major: None,
            minor: None,
        },
    )]);
    for rule in rules.iter().map(|sourced| sourced.rule) {
        if rule.kind() == Kind::Only(kind) {
            let pattern = Pattern {
                kind,
                major: rule.major(),
                minor: rule.minor(),
            };
            patterns.insert((pattern.specificity(), pattern));
        }
    }
    let half = |has_major: bool| {
        patterns
            .iter()
            .filter(move |(level, pattern)| *level == 1 && pattern.major.is_some() == has_major)
            .map(|(_, pattern)| *pattern)
            .collect::<Vec<_>>()
    };
    let (majors, minors) = (half(true), half(false));
    let count = majors.len() * minors.len() + patterns.len();
    if count > MAX_ENTRIES {
        return Err(PolicyError::TooMany { count });
    }
    for major in &majors {
        for minor in &minors {
            patterns.extend(major.intersection(minor).map(|both| (2, both)));
        }
    }
    Ok(patterns.into_iter().map(|(_, pattern)| pattern).collect())
}

fn decide(pattern: Pattern, base: Access, rules: &[Sourced]) -> Entry {
    let mut entry = Entry {
        pattern,
        access: base,
        requested: base,
    };
    for Sourced { rule, builtin } in rules {
        let Kind::Only(kind) = rule.kind() else {
            continue;
        };
        if !(Pattern {
            kind,
            major: rule.major(),
            minor: rule.minor(),
        })
        .contains(&pattern)
        {
            continue;
        }
        if rule.allow() {
            entry.access |= rule.access();
            if !builtin {
                entry.requested |= rule.access();
            }
        } else {
            entry.access = entry.access & !rule.access();
            entry.requested = entry.requested & !rule.access();
        }
    }
    entry
}

#[cfg(test)]
pub(crate) mod tests;
