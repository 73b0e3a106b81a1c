//! The INI dialect of Go's `go-flags`.
//!
//! ```text
//! ; a comment, and # another; only at the start of a line
//! [server]
//!   init-bin = /var/vcap/data/garden/bin/init
//!   deny-network = 10.0.0.0/8          a key may come again
//!   additional-host-entry = "1.1.1.1 a\tb"   Go string in double quotes
//! ```
//!
//! White space around lines, names and values does not count. A value ends with
//! its line. Only the first `=` of a line parts name and value. What stands
//! before the first section belongs to the section with the empty name.
//! Sections of one name are one section.

use super::unquote;

/// A file's sections, in order of first appearance.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ini {
    /// The sections; the nameless one comes first and is always there.
    pub sections: Vec<Section>,
}

/// One section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Its name; empty for what stands before the first header.
    pub name: String,
    /// Its lines, in order.
    pub entries: Vec<Entry>,
}

/// One line of a section.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The key.
    pub name: String,
    /// The value, without its quotes.
    pub value: String,
    /// Whether there were quotes.
    pub quoted: bool,
    /// The line's number, from 1.
    pub line: usize,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct IniError {
    /// The line's number, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// `[` without `]` at the end.
    #[error("malformed section header")]
    SectionHeader,
    /// `[]`.
    #[error("empty section name")]
    SectionName,
    /// No `=`.
    #[error("neither a section, nor a comment, nor key = value")]
    KeyValue,
    /// A value that begins with a double quote but is no Go string.
    #[error("value is not a well-formed string in double quotes")]
    Quotes,
}

impl Ini {
    /// Reads a file's text.
    ///
    /// # Errors
    ///
    /// [`IniError`] names the first line that cannot be read.
    pub fn parse(text: &str) -> Result<Self, IniError> {
        let mut sections = vec![Section::default()];
        let mut current = 0;
        for (index, line) in text.split('\n').enumerate() {
            let number = index + 1;
            let fail = |problem| IniError {
                line: number,
                problem,
            };
            let line = line.trim();
            if line.is_empty() || line.starts_with([';', '#']) {
                continue;
            }
            if let Some(rest) = line.strip_prefix('[') {
                let name = rest
                    .strip_suffix(']')
                    .ok_or_else(|| fail(Problem::SectionHeader))?
                    .trim();
                if name.is_empty() {
                    return Err(fail(Problem::SectionName));
                }
                let known = sections.iter().position(|section| section.name == name);
                current = known.unwrap_or_else(|| {
                    sections.push(Section {
                        name: name.to_owned(),
                        entries: Vec::new(),
                    });
                    sections.len() - 1
                });
                continue;
            }
            let (name, value) = line
                .split_once('=')
                .ok_or_else(|| fail(Problem::KeyValue))?;
            let value = value.trim();
            let quoted = value.starts_with('"');
            let value = if quoted {
                unquote::unquote(value).ok_or_else(|| fail(Problem::Quotes))?
            } else {
                value.to_owned()
            };
            sections[current].entries.push(Entry {
                name: name.trim().to_owned(),
                value,
                quoted,
                line: number,
            });
        }
        Ok(Self { sections })
    }

    /// A section by its name, without regard to case.
    #[must_use]
    pub fn section(&self, name: &str) -> Option<&Section> {
        self.sections
            .iter()
            .find(|section| section.name.eq_ignore_ascii_case(name))
    }
}

impl Section {
    /// All values of a key, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &str> {
        self.entries
            .iter()
            .filter(move |entry| entry.name == name)
            .map(|entry| entry.value.as_str())
    }
}
