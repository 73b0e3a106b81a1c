//! One device rule, in the OCI form and in the text form of the v1 devices controller.
//!
//! | OCI | text |
//! |---|---|
//! | `{"allow":true,"type":"c","major":1,"minor":3,"access":"rwm"}` | `c 1:3 rwm` |
//! | `{"allow":false,"access":"rwm"}` | `a *:* rwm` |
//!
//! A rule of type `a` speaks of everything and resets what was said before. The v1 controller
//! reads only the letter and ignores numbers and access of such a rule, so `a 1:3 r` would open
//! every device; engines differ about it. Such a rule is refused ([`RuleError::NarrowedAll`]).

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::device::{Access, Device, DeviceKind};

/// Greatest major number of a `dev_t` (12 bits, `include/linux/kdev_t.h`).
pub const MAX_MAJOR: u32 = (1 << 12) - 1;
/// Greatest minor number of a `dev_t` (20 bits, `include/linux/kdev_t.h`).
pub const MAX_MINOR: u32 = (1 << 20) - 1;

/// Why a rule is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// The type is none of `a`, `c`, `b`.
    #[error("device type {0:?} is not one of a, c, b")]
    Kind(String),
    /// The access has a letter other than `r`, `w`, `m`.
    #[error("device access {0:?} has a letter other than r, w, m")]
    Access(String),
    /// A rule for `c` or `b` without any access letter says nothing.
    #[error("rule {0:?} names no access (r, w, m)")]
    NoAccess(String),
    /// Not a number, nor `*`, or greater than a `dev_t` can hold.
    #[error("device number {value:?} is not * or a number from 0 to {max}")]
    Number {
        /// What was given.
        value: String,
        /// The greatest number allowed here.
        max: u32,
    },
    /// A rule of type `a` with numbers or without full access.
    #[error(
        "rule {0:?} of type a cannot be narrowed by number or access; write one rule for c and one for b"
    )]
    NarrowedAll(String),
    /// Not of the form `TYPE MAJOR:MINOR ACCESS`.
    #[error("rule {0:?} is not of the form \"c 1:3 rwm\"")]
    Form(String),
}

/// Type a rule speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Kind {
    /// Everything; resets the rules before it.
    All,
    /// Devices of one type.
    Only(DeviceKind),
}

impl Kind {
    /// Character devices.
    pub const CHAR: Self = Self::Only(DeviceKind::Char);
    /// Block devices.
    pub const BLOCK: Self = Self::Only(DeviceKind::Block);

    fn parse(text: &str) -> Result<Self, RuleError> {
        match text {
            "a" | "" => Ok(Self::All),
            "c" => Ok(Self::CHAR),
            "b" => Ok(Self::BLOCK),
            _ => Err(RuleError::Kind(text.chars().take(16).collect())),
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::All => f.write_str("a"),
            Self::Only(kind) => kind.fmt(f),
        }
    }
}

/// One rule. `None` in a number is the wildcard `*`.
///
/// Invariants (kept by every constructor and parser): numbers fit a `dev_t`; access is not
/// empty; a rule of [`Kind::All`] has wildcards and full access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "OciRule", into = "OciRule")]
pub struct DeviceRule {
    allow: bool,
    kind: Kind,
    major: Option<u32>,
    minor: Option<u32>,
    access: Access,
}

impl DeviceRule {
    /// A rule from its parts.
    ///
    /// # Errors
    /// See [`RuleError`].
    pub fn new(
        allow: bool,
        kind: Kind,
        major: Option<u32>,
        minor: Option<u32>,
        access: Access,
    ) -> Result<Self, RuleError> {
        let rule = Self {
            allow,
            kind,
            major,
            minor,
            access,
        };
        for (number, max) in [(major, MAX_MAJOR), (minor, MAX_MINOR)] {
            if let Some(value) = number.filter(|value| *value > max) {
                return Err(RuleError::Number {
                    value: value.to_string(),
                    max,
                });
            }
        }
        if kind == Kind::All && (major.is_some() || minor.is_some() || access != Access::ALL) {
            return Err(RuleError::NarrowedAll(rule.v1_text()));
        }
        if access.is_empty() {
            return Err(RuleError::NoAccess(rule.v1_text()));
        }
        Ok(rule)
    }

    /// The rule that allows or denies everything and forgets all rules before it.
    #[must_use]
    pub const fn all(allow: bool) -> Self {
        Self {
            allow,
            kind: Kind::All,
            major: None,
            minor: None,
            access: Access::ALL,
        }
    }

    /// Parses `c 1:3 rwm`, `b *:* m`, `a`, `a *:* rwm` as written to `devices.allow` (`allow`)
    /// or `devices.deny`, and as listed by `devices.list`.
    ///
    /// # Errors
    /// See [`RuleError`].
    pub fn parse_v1(allow: bool, text: &str) -> Result<Self, RuleError> {
        let form = || RuleError::Form(text.chars().take(64).collect());
        let mut words = text.split_ascii_whitespace();
        let kind = Kind::parse(words.next().ok_or_else(form)?)?;
        let Some(numbers) = words.next() else {
            return if kind == Kind::All {
                Ok(Self::all(allow))
            } else {
                Err(form())
            };
        };
        let (major, minor) = numbers.split_once(':').ok_or_else(form)?;
        let access = words.next().ok_or_else(form)?.parse()?;
        if words.next().is_some() {
            return Err(form());
        }
        Self::new(
            allow,
            kind,
            parse_number(major, MAX_MAJOR)?,
            parse_number(minor, MAX_MINOR)?,
            access,
        )
    }

    /// The text the v1 controller reads; whether it allows is told by the file written to.
    #[must_use]
    pub fn v1_text(&self) -> String {
        let number = |n: Option<u32>| n.map_or_else(|| "*".to_owned(), |n| n.to_string());
        format!(
            "{} {}:{} {}",
            self.kind,
            number(self.major),
            number(self.minor),
            self.access
        )
    }

    /// Whether it allows (else denies).
    #[must_use]
    pub const fn allow(&self) -> bool {
        self.allow
    }

    /// Type it speaks of.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// Major number; `None` for any.
    #[must_use]
    pub const fn major(&self) -> Option<u32> {
        self.major
    }

    /// Minor number; `None` for any.
    #[must_use]
    pub const fn minor(&self) -> Option<u32> {
        self.minor
    }

    /// Accesses it allows or denies.
    #[must_use]
    pub const fn access(&self) -> Access {
        self.access
    }

    /// Whether it speaks of this device.
    #[must_use]
    pub fn matches(&self, device: Device) -> bool {
        (match self.kind {
            Kind::All => true,
            Kind::Only(kind) => kind == device.kind,
        }) && self.major.is_none_or(|major| major == device.major)
            && self.minor.is_none_or(|minor| minor == device.minor)
    }
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {}",
            if self.allow { "allow" } else { "deny" },
            self.v1_text()
        )
    }
}

fn parse_number(text: &str, max: u32) -> Result<Option<u32>, RuleError> {
    if text == "*" {
        return Ok(None);
    }
    let refuse = || RuleError::Number {
        value: text.chars().take(32).collect(),
        max,
    };
    // `u32::from_str` takes a leading plus sign; the kernel does not.
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(refuse());
    }
    text.parse()
        .ok()
        .filter(|value| *value <= max)
        .map(Some)
        .ok_or_else(refuse)
}

/// The JSON shape of `linux.resources.devices[]` (OCI runtime spec, `config-linux.md`).
/// Unset type is `a`, unset numbers are wildcards, and so is -1, which older writers use.
#[derive(Serialize, Deserialize)]
struct OciRule {
    allow: bool,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    major: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    minor: Option<i64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    access: Option<String>,
}

impl TryFrom<OciRule> for DeviceRule {
    type Error = RuleError;
    fn try_from(oci: OciRule) -> Result<Self, RuleError> {
        let kind = Kind::parse(oci.kind.as_deref().unwrap_or("a"))?;
        let number = |value: Option<i64>, max: u32| match value {
            None | Some(-1) => Ok(None),
            Some(value) => u32::try_from(value)
                .map(Some)
                .map_err(|_| RuleError::Number {
                    value: value.to_string(),
                    max,
                }),
        };
        let access = match oci.access.as_deref() {
            None | Some("") if kind == Kind::All => Access::ALL,
            text => text.unwrap_or("").parse()?,
        };
        Self::new(
            oci.allow,
            kind,
            number(oci.major, MAX_MAJOR)?,
            number(oci.minor, MAX_MINOR)?,
            access,
        )
    }
}

impl From<DeviceRule> for OciRule {
    fn from(rule: DeviceRule) -> Self {
        Self {
            allow: rule.allow,
            kind: Some(rule.kind.to_string()),
            major: rule.major.map(i64::from),
            minor: rule.minor.map(i64::from),
            access: Some(rule.access.to_string()),
        }
    }
}

#[cfg(test)]
mod tests;
