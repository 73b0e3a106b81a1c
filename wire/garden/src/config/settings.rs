//! Flags with their values, from file, command line and defaults.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::flags::{Flag, flag};
use super::ini::Ini;
use super::value::{Cidr, Value, ValueError};
use crate::number::Nanoseconds;

/// The section of the file that holds the server's flags.
const SECTION: &str = "server";

/// What was given for each flag. Defaults are added when a value is asked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Settings {
    given: BTreeMap<&'static str, Vec<Value>>,
}

/// A setting that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SettingsError {
    /// A section that is not the server's.
    #[error("unknown section [{name}]")]
    UnknownSection {
        /// Its name.
        name: String,
    },
    /// A key that is no flag.
    #[error("line {line}: unknown option: {name}")]
    UnknownKey {
        /// The key.
        name: String,
        /// The line's number, from 1; 0 for the command line.
        line: usize,
    },
    /// A value that does not fit its flag.
    #[error("line {line}: {name}")]
    Value {
        /// The flag.
        name: &'static str,
        /// The line's number, from 1; 0 for the command line.
        line: usize,
        /// What is wrong with it.
        #[source]
        source: ValueError,
    },
}

impl Settings {
    /// Takes the settings of a file: those in `[server]` and those before any
    /// section.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] for a section, key or value that is not understood;
    /// nothing is skipped.
    pub fn from_ini(ini: &Ini) -> Result<Self, SettingsError> {
        let mut settings = Self::default();
        for section in &ini.sections {
            if !section.name.is_empty() && !section.name.eq_ignore_ascii_case(SECTION) {
                return Err(SettingsError::UnknownSection {
                    name: section.name.clone(),
                });
            }
            for entry in &section.entries {
                settings.give(&entry.name, &entry.value, entry.line)?;
            }
        }
        Ok(settings)
    }

    /// Gives a flag a value, as from the command line. A flag that repeats
    /// gains one, others change theirs.
    ///
    /// # Errors
    ///
    /// [`SettingsError`] for a name or value that is not understood.
    pub fn set(&mut self, name: &str, text: &str) -> Result<(), SettingsError> {
        self.give(name, text, 0)
    }

    /// Lets all that `over` gives win over what is here; a list is replaced,
    /// not extended. For the command line over the file.
    #[must_use]
    pub fn overridden_by(mut self, over: Self) -> Self {
        self.given.extend(over.given);
        self
    }

    fn give(&mut self, name: &str, text: &str, line: usize) -> Result<(), SettingsError> {
        let flag = flag(name).ok_or_else(|| SettingsError::UnknownKey {
            name: name.to_owned(),
            line,
        })?;
        let value = flag
            .kind
            .parse(text)
            .map_err(|source| SettingsError::Value {
                name: flag.name,
                line,
                source,
            })?;
        let values = self.given.entry(flag.name).or_default();
        if !flag.repeats {
            values.clear();
        }
        values.push(value);
        Ok(())
    }

    /// Whether a value was given; defaults do not count.
    #[must_use]
    pub fn is_given(&self, name: &str) -> bool {
        self.given.contains_key(name)
    }

    /// All values of a flag, or its default.
    #[must_use]
    pub fn values(&self, name: &str) -> Vec<Value> {
        match self.given.get(name) {
            Some(values) => values.clone(),
            None => flag(name).and_then(default_of).into_iter().collect(),
        }
    }

    fn last<T>(&self, name: &str, pick: impl Fn(Value) -> Option<T>) -> Option<T> {
        self.values(name).pop().and_then(pick)
    }

    /// Text of a flag; none when there is none, or it is empty.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<String> {
        self.last(name, |value| match value {
            Value::Text(text) if !text.is_empty() => Some(text),
            _ => None,
        })
    }

    /// All texts of a flag.
    #[must_use]
    pub fn texts(&self, name: &str) -> Vec<String> {
        let text = |value| match value {
            Value::Text(text) => Some(text),
            _ => None,
        };
        self.values(name).into_iter().filter_map(text).collect()
    }

    /// Whether a switch is on.
    #[must_use]
    pub fn is_on(&self, name: &str) -> bool {
        self.last(name, |value| match value {
            Value::Switch(on) => Some(on),
            _ => None,
        })
        .unwrap_or(false)
    }

    /// A number; negative ones do not count.
    #[must_use]
    pub fn number(&self, name: &str) -> Option<u64> {
        self.last(name, |value| match value {
            Value::Unsigned(number) => Some(number),
            Value::Signed(number) => u64::try_from(number).ok(),
            _ => None,
        })
    }

    /// A number with a fraction.
    #[must_use]
    pub fn fraction(&self, name: &str) -> Option<f64> {
        self.last(name, |value| match value {
            Value::Fraction(number) => Some(number),
            _ => None,
        })
    }

    /// A length of time.
    #[must_use]
    pub fn duration(&self, name: &str) -> Option<Nanoseconds> {
        self.last(name, |value| match value {
            Value::Duration(duration) => Some(duration),
            _ => None,
        })
    }

    /// All addresses of a flag.
    #[must_use]
    pub fn addresses(&self, name: &str) -> Vec<IpAddr> {
        let address = |value| match value {
            Value::Ip(address) => Some(address),
            _ => None,
        };
        self.values(name).into_iter().filter_map(address).collect()
    }

    /// All networks of a flag.
    #[must_use]
    pub fn networks(&self, name: &str) -> Vec<Cidr> {
        let network = |value| match value {
            Value::Cidr(network) => Some(network),
            _ => None,
        };
        self.values(name).into_iter().filter_map(network).collect()
    }
}

fn default_of(flag: &Flag) -> Option<Value> {
    flag.kind.parse(flag.default?).ok()
}
