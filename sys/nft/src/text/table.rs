//! Tables, chains and sets in nft's language.

use std::fmt;

use super::rule::rule;
use super::value::{duration, range, value};
use crate::{
    BaseChain, Chain, Data, DataType, Element, Hook, ListedRule, Ruleset, Set, TableContents,
    priority,
};

impl fmt::Display for BaseChain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "type {} hook {} ", self.kind.name(), self.hook.name())?;
        if let Some(device) = &self.device {
            write!(f, "device \"{device}\" ")?;
        }
        write!(
            f,
            "priority {}; policy {};",
            priority_text(self),
            self.policy.name()
        )
    }
}

/// A priority relative to a named one at most 10 away, if the hook has such names.
fn priority_text(base: &BaseChain) -> String {
    let named = [
        ("raw", priority::RAW, None),
        ("mangle", priority::MANGLE, None),
        ("dstnat", priority::DSTNAT, Some(Hook::Prerouting)),
        ("filter", priority::FILTER, None),
        ("security", priority::SECURITY, None),
        ("srcnat", priority::SRCNAT, Some(Hook::Postrouting)),
    ];
    for (name, number, only_at) in named {
        let offset = i64::from(base.priority) - i64::from(number);
        if offset.abs() <= 10 && only_at.is_none_or(|hook| hook == base.hook) {
            return match offset {
                0 => name.to_owned(),
                above @ 1.. => format!("{name} + {above}"),
                below => format!("{name} - {}", -below),
            };
        }
    }
    base.priority.to_string()
}

impl fmt::Display for Ruleset {
    /// As `nft list ruleset` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.tables
            .iter()
            .try_for_each(|table| writeln!(f, "{table}"))
    }
}

impl fmt::Display for TableContents {
    /// As `nft list table` shows it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.table.table;
        writeln!(f, "table {} {} {{", table.family, table.name)?;
        if let Some(comment) = &table.comment {
            writeln!(f, "\tcomment \"{comment}\"")?;
        }
        let flags: Vec<_> = [
            (table.is_dormant, "dormant"),
            (table.is_owned, "owner"),
            (table.is_persistent, "persist"),
        ]
        .into_iter()
        .filter_map(|(is_set, name)| is_set.then_some(name))
        .collect();
        if !flags.is_empty() {
            writeln!(f, "\tflags {}", flags.join(","))?;
        }
        let mut separator = "";
        for (listed, elements) in self
            .sets
            .iter()
            .filter(|(listed, _)| !listed.set.is_anonymous)
        {
            f.write_str(separator)?;
            write_set(f, &listed.set, elements)?;
            separator = "\n";
        }
        for (listed, rules) in &self.chains {
            f.write_str(separator)?;
            write_chain(f, &listed.chain, rules, self)?;
            separator = "\n";
        }
        f.write_str("}")
    }
}

fn write_chain(
    f: &mut fmt::Formatter<'_>,
    chain: &Chain,
    rules: &[ListedRule],
    table: &TableContents,
) -> fmt::Result {
    writeln!(f, "\tchain {} {{", chain.name)?;
    if let Some(comment) = &chain.comment {
        writeln!(f, "\t\tcomment \"{comment}\"")?;
    }
    if let Some(base) = &chain.base {
        writeln!(f, "\t\t{base}")?;
    }
    for listed in rules {
        writeln!(f, "\t\t{}", rule(&listed.rule, Some(table)))?;
    }
    writeln!(f, "\t}}")
}

fn write_set(f: &mut fmt::Formatter<'_>, set: &Set, elements: &[Element]) -> fmt::Result {
    let kind = if set.data_type.is_some() {
        "map"
    } else {
        "set"
    };
    writeln!(f, "\t{kind} {} {{", set.name)?;
    match &set.data_type {
        Some(data_type) => writeln!(f, "\t\ttype {} : {data_type}", set.key_type)?,
        None => writeln!(f, "\t\ttype {}", set.key_type)?,
    }
    // The size of a constant set is just the number of its elements.
    if let (Some(size), false) = (set.size, set.is_constant) {
        writeln!(f, "\t\tsize {size}")?;
    }
    let flags: Vec<_> = [
        (set.is_constant, "constant"),
        (set.is_dynamic, "dynamic"),
        (set.is_interval, "interval"),
        (set.has_timeouts, "timeout"),
    ]
    .into_iter()
    .filter_map(|(is_set, name)| is_set.then_some(name))
    .collect();
    // A default timeout says as much as the flag alone.
    if !flags.is_empty() && (flags != ["timeout"] || set.default_timeout.is_none()) {
        writeln!(f, "\t\tflags {}", flags.join(","))?;
    }
    if let Some(timeout) = set.default_timeout {
        writeln!(f, "\t\ttimeout {}", duration(timeout))?;
    }
    if let Some(comment) = &set.comment {
        writeln!(f, "\t\tcomment \"{comment}\"")?;
    }
    if !elements.is_empty() {
        let per_line = per_line(&set.key_type);
        let lines: Vec<_> = elements
            .chunks(per_line)
            .map(|line| {
                line.iter()
                    .map(|e| element(set, e))
                    .collect::<Vec<_>>()
                    .join(", ")
            })
            .collect();
        writeln!(f, "\t\telements = {{ {} }}", lines.join(",\n\t\t\t     "))?;
    }
    writeln!(f, "\t}}")
}

/// How many elements the nft command writes on a line.
fn per_line(key_type: &DataType) -> usize {
    match key_type {
        DataType::InetProto
        | DataType::InetService
        | DataType::Mark
        | DataType::Uid
        | DataType::Gid => 5,
        DataType::Ipv4Addr => 2,
        _ => 1,
    }
}

/// An element as it stands in a set's list.
pub(crate) fn element(set: &Set, element: &Element) -> String {
    let mut text = match (&element.last, element.is_catchall) {
        (_, true) => "*".to_owned(),
        (Some(last), false) => range(&set.key_type, &element.key.0, &last.0),
        (None, false) => value(&set.key_type, &element.key.0),
    };
    if let Some(timeout) = element.timeout {
        text.push_str(&format!(" timeout {}", duration(timeout)));
    }
    if let Some(expires) = element.expires {
        text.push_str(&format!(" expires {}", duration(expires)));
    }
    if let Some(comment) = &element.comment {
        text.push_str(&format!(" comment \"{comment}\""));
    }
    match (&element.data, &set.data_type) {
        (Some(Data::Verdict(verdict)), _) => text.push_str(&format!(" : {verdict}")),
        (Some(Data::Value(data)), Some(data_type)) => {
            text.push_str(&format!(" : {}", value(data_type, data)));
        }
        _ => {}
    }
    text
}

/// The elements of a set that has no name of its own, in braces; `None` for other sets.
pub(super) fn anonymous(table: &TableContents, name: &str) -> Option<String> {
    let (listed, elements) = table
        .sets
        .iter()
        .find(|(listed, _)| listed.set.name == name && listed.set.is_anonymous)?;
    let elements: Vec<_> = elements.iter().map(|e| element(&listed.set, e)).collect();
    Some(format!("{{ {} }}", elements.join(", ")))
}
