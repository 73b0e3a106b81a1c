//! What changes between two manifests or configs, as the lines that the director answers and the CLI
//! shows.
//!
//! Mappings are walked key by key, keys of the old one first. Lists are compared as sets; mappings in
//! them are matched by `name`, or by `range`, if all that differ have one. Sections of a manifest are then
//! put in a fixed order, known ones first, an empty line between.
//!
//! What is redacted is decided before, on copies: differences are found in the real values, lines are
//! printed from the copies, so a change that only shows in a secret is two equal-looking lines.

mod changes;
mod redact;
#[cfg(test)]
mod tests;

pub use redact::redacted;

use crate::yaml::{Mapping, Value};

/// What a line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// New.
    Added,
    /// Gone.
    Removed,
    /// Where the changes are; `null` on the wire.
    Context,
}

impl Status {
    /// The word on the wire.
    pub fn word(self) -> Option<&'static str> {
        match self {
            Status::Added => Some("added"),
            Status::Removed => Some("removed"),
            Status::Context => None,
        }
    }

    /// The first column in a terminal.
    pub fn mark(self) -> char {
        match self {
            Status::Added => '+',
            Status::Removed => '-',
            Status::Context => ' ',
        }
    }
}

/// A line of a diff.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its level, in steps of two columns.
    indent: usize,
    text: String,
    /// What it says.
    pub status: Status,
}

impl Line {
    /// The line with its indentation.
    pub fn text(&self) -> String {
        format!("{}{}", "  ".repeat(self.indent), self.text)
    }
}

/// The difference of two manifests or cloud and runtime configs, in sections.
pub fn sections(before: &Mapping, after: &Mapping, redact: bool) -> Vec<Line> {
    in_order(unordered(before, after, redact))
}

/// The difference of two configs of any other type: no sections, never redacted.
pub fn unordered(before: &Mapping, after: &Mapping, redact: bool) -> Vec<Line> {
    let (before, after) = (Value::Map(before.clone()), Value::Map(after.clone()));
    let (shown_before, shown_after) = match redact {
        true => (redacted(before.clone()), redacted(after.clone())),
        false => (before.clone(), after.clone()),
    };
    changes::mappings(&before, &after, &shown_before, &shown_after, 0)
}

/// A manifest with its configs, as both sides of a diff are put together: keys of the cloud config come
/// behind those of the manifest, releases and variables of runtime configs behind its own.
pub fn whole(manifest: &Mapping, cloud: &Mapping, runtime: &Mapping) -> Mapping {
    let mut whole = manifest.clone();
    for (key, value) in cloud.iter() {
        whole.insert(key.clone(), value.clone());
    }
    for (key, value) in runtime.iter() {
        let shared = matches!(key.as_str(), Some("releases" | "variables"));
        match (whole.get_value(key), value) {
            (Some(Value::Seq(own)), Value::Seq(more)) if shared => {
                let mut both: Vec<Value> = Vec::with_capacity(own.len() + more.len());
                let mut seen = std::collections::HashSet::new();
                both.extend(
                    own.iter()
                        .chain(more)
                        .filter(|item| seen.insert(*item))
                        .cloned(),
                );
                whole.insert(key.clone(), both);
            }
            (Some(own), Value::Null) if shared && !own.is_null() => {}
            _ => {
                whole.insert(key.clone(), value.clone());
            }
        }
    }
    whole
}

const ORDER: &[&str] = &[
    "azs:",
    "vm_types:",
    "vm_extensions:",
    "resource_pools:",
    "compilation:",
    "networks:",
    "disk_types:",
    "disk_pools:",
    "name:",
    "stemcells:",
    "releases:",
    "update:",
    "jobs:",
    "release:",
    "addons:",
    "variables:",
];

fn in_order(lines: Vec<Line>) -> Vec<Line> {
    let mut sections: Vec<(String, Vec<Line>)> = Vec::new();
    for line in lines {
        let starts = line.indent == 0 && !line.text.starts_with([' ', '-']);
        if starts || sections.is_empty() {
            let title = line.text.clone();
            let gap = Line {
                indent: 0,
                text: String::new(),
                status: Status::Context,
            };
            // A title that comes again (a scalar's old and new line never do) starts anew.
            match sections.iter_mut().find(|(other, _)| *other == title) {
                Some((_, lines)) => *lines = vec![gap, line],
                None => sections.push((title, vec![gap, line])),
            }
        } else if let Some((_, lines)) = sections.last_mut() {
            lines.push(line);
        }
    }
    let mut ordered: Vec<Line> = Vec::new();
    for title in ORDER {
        if let Some(at) = sections.iter().position(|(other, _)| other == title) {
            ordered.extend(sections.remove(at).1);
        }
    }
    ordered.extend(sections.into_iter().flat_map(|(_, lines)| lines));
    if !ordered.is_empty() {
        ordered.remove(0);
    }
    ordered
}
