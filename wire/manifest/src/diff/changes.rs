//! The comparison itself. Every real value travels with the copy that may be shown.

use std::collections::HashSet;

use super::{Line, Status};
use crate::yaml::{Mapping, Value, to_ruby};

/// Lines for two mappings; anything else counts as an empty one.
pub(super) fn mappings(
    before: &Value,
    after: &Value,
    shown_before: &Value,
    shown_after: &Value,
    indent: usize,
) -> Vec<Line> {
    let empty = Mapping::new();
    let (before, after) = (
        before.as_map().unwrap_or(&empty),
        after.as_map().unwrap_or(&empty),
    );
    let (shown_before, shown_after) = (
        shown_before.as_map().unwrap_or(&empty),
        shown_after.as_map().unwrap_or(&empty),
    );
    let keys = before
        .keys()
        .chain(after.keys().filter(|key| before.get_value(key).is_none()));
    let null = Value::Null;
    let mut lines = Vec::new();
    for key in keys {
        let old = before.get_value(key).unwrap_or(&null);
        let new = after.get_value(key).unwrap_or(&null);
        if old == new {
            continue;
        }
        let shown_old = shown_before.get_value(key).unwrap_or(&null);
        let shown_new = shown_after.get_value(key).unwrap_or(&null);
        let pair = |value: &Value| Value::Map([(key.clone(), value.clone())].into_iter().collect());
        match (old, new) {
            (Value::Null, _) => lines.extend(yaml(&pair(shown_new), indent, Status::Added)),
            (_, Value::Null) => lines.extend(yaml(&pair(shown_old), indent, Status::Removed)),
            (Value::Seq(old), Value::Seq(new)) => {
                let (shown_old, shown_new) = (items(shown_old), items(shown_new));
                let inner = lists(&zip(old, shown_old), &zip(new, shown_new), indent);
                titled(&mut lines, key, inner, indent);
            }
            (Value::Map(_), Value::Map(_)) => {
                let inner = mappings(old, new, shown_old, shown_new, indent + 1);
                titled(&mut lines, key, inner, indent);
            }
            _ => {
                lines.extend(yaml(&pair(shown_old), indent, Status::Removed));
                lines.extend(yaml(&pair(shown_new), indent, Status::Added));
            }
        }
    }
    lines
}

/// Adds lines under their key, if there are any.
fn titled(lines: &mut Vec<Line>, key: &Value, inner: Vec<Line>, indent: usize) {
    if inner.is_empty() {
        return;
    }
    let text = format!("{}:", crate::check::to_s(key));
    lines.push(Line {
        indent,
        text,
        status: Status::Context,
    });
    lines.extend(inner);
}

/// A value as lines.
fn yaml(value: &Value, indent: usize, status: Status) -> Vec<Line> {
    let text = to_ruby(value);
    let mut texts: Vec<&str> = text.split('\n').collect();
    while texts.last().is_some_and(|text| text.is_empty()) {
        texts.pop();
    }
    texts
        .into_iter()
        .map(|text| Line {
            indent,
            text: text.to_owned(),
            status,
        })
        .collect()
}

/// An item and what may be shown of it.
type Pair<'a> = (&'a Value, &'a Value);

fn items(value: &Value) -> &[Value] {
    value.as_seq().unwrap_or(&[])
}

fn zip<'a>(items: &'a [Value], shown: &'a [Value]) -> Vec<Pair<'a>> {
    items
        .iter()
        .enumerate()
        .map(|(at, item)| (item, shown.get(at).unwrap_or(item)))
        .collect()
}

fn minus<'a>(from: &[Pair<'a>], what: &[Pair<'a>]) -> Vec<Pair<'a>> {
    let what: HashSet<&Pair<'a>> = what.iter().collect();
    from.iter()
        .filter(|pair| !what.contains(pair))
        .copied()
        .collect()
}

fn lists(before: &[Pair<'_>], after: &[Pair<'_>], indent: usize) -> Vec<Line> {
    let added = minus(after, before);
    let mut removed = minus(before, after);
    let mut lines = Vec::new();
    for (item, shown) in added.iter() {
        let matched = identity(&added, &removed, item).and_then(|key| {
            let wanted = item.get(key);
            let at = removed
                .iter()
                .position(|(other, _)| other.get(key) == wanted)?;
            Some((key, at))
        });
        let Some((key, at)) = matched else {
            lines.extend(yaml(
                &Value::Seq(vec![(*shown).clone()]),
                indent,
                Status::Added,
            ));
            continue;
        };
        let (old, shown_old) = removed[at];
        // All that are equal to it go, as in the stock's array arithmetic.
        removed.retain(|pair| *pair != (old, shown_old));
        let inner = mappings(old, item, shown_old, shown, indent + 1);
        if !inner.is_empty() {
            let name = shown.get(key).cloned().unwrap_or_default();
            let title: Mapping = [(Value::from(key), name)].into_iter().collect();
            lines.extend(yaml(
                &Value::Seq(vec![Value::Map(title)]),
                indent,
                Status::Context,
            ));
            lines.extend(inner);
        }
    }
    if !removed.is_empty() {
        let shown = removed.iter().map(|(_, shown)| (*shown).clone()).collect();
        lines.extend(yaml(&Value::Seq(shown), indent, Status::Removed));
    }
    lines
}

/// The key by which items are matched: `name` if all that differ have one, else `range`.
fn identity(added: &[Pair<'_>], removed: &[Pair<'_>], item: &Value) -> Option<&'static str> {
    item.as_map()?;
    ["name", "range"].into_iter().find(|key| {
        added
            .iter()
            .chain(removed)
            .filter(|(item, _)| !item.is_null())
            .all(|(item, _)| {
                !matches!(item.get(key), None | Some(Value::Null | Value::Bool(false)))
            })
    })
}
