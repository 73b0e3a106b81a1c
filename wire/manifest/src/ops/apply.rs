//! Carries operations out.

use super::error::OpsError;
use super::path::{Modifier, Path, Token};
use super::{Kind, Op};
use crate::goval;
use crate::yaml::{Mapping, Value};

pub(super) fn one(mut document: Value, op: &Op) -> Result<Value, OpsError> {
    match &op.kind {
        Kind::Replace(value) => replace(&mut document, &op.path, value.clone())?,
        Kind::Remove => remove(&mut document, &op.path)?,
        Kind::TestValue(value) => {
            if find(&document, &op.path)? != *value {
                return Err(OpsError::ValueDiffers);
            }
        }
        Kind::TestAbsent => match find(&document, &op.path) {
            Ok(_) => return Err(OpsError::Present(op.path.to_string())),
            // Only the last step may be missing.
            Err(OpsError::MissingKey { path, .. } | OpsError::MissingIndex { path, .. })
                if path == op.path.to_string() => {}
            Err(error) => return Err(error),
        },
    }
    Ok(document)
}

/// What is at a path. An optional step that is missing yields what `replace` would create.
pub fn find(document: &Value, path: &Path) -> Result<Value, OpsError> {
    let mut node = document;
    let tokens = path.tokens();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            Token::Index(index, modifiers) => {
                let items = list(node, path, at)?;
                node = &items[place(*index, modifiers, items.len(), path, at)?];
            }
            Token::AfterLast => return Err(OpsError::FindAfterLast(path.to_string())),
            Token::Matching {
                key,
                value,
                optional,
                modifiers,
            } => {
                let items = list(node, path, at)?;
                match matching(items, key, value)[..] {
                    [] if *optional => {
                        let mut made = Mapping::new();
                        made.insert(key.as_str(), value.as_str());
                        return in_created(Value::Map(made), path, at);
                    }
                    [found] => {
                        node = &items[place(found as i64, modifiers, items.len(), path, at)?];
                    }
                    ref found => return Err(matches_wrong(path, at, found.len())),
                }
            }
            Token::Key { key, optional } => {
                let map = mapping(node, path, at)?;
                match map.get(key) {
                    Some(value) => node = value,
                    None if !optional => return Err(missing_key(key, map, path, at)),
                    None => {
                        let made = match tokens.get(at + 1) {
                            None => return Ok(Value::Null),
                            Some(Token::Matching { .. }) => Value::Seq(Vec::new()),
                            Some(Token::Key { .. }) => Value::Map(Mapping::new()),
                            Some(_) => {
                                return Err(OpsError::CannotCreate {
                                    wanted: "key or matching index token",
                                    path: path.upto(at + 2),
                                });
                            }
                        };
                        return in_created(made, path, at);
                    }
                }
            }
        }
    }
    Ok(node.clone())
}

/// The rest of a search, inside of what was made up at step `at`.
fn in_created(made: Value, path: &Path, at: usize) -> Result<Value, OpsError> {
    let mut made = made;
    for (at, token) in path.tokens().iter().enumerate().skip(at + 1) {
        let found = match token {
            Token::Key { key, .. } => mapping(&made, path, at)?.get(key).cloned(),
            Token::Matching { .. } => {
                list(&made, path, at)?;
                None
            }
            Token::Index(index, modifiers) => {
                let items = list(&made, path, at)?;
                let place = place(*index, modifiers, items.len(), path, at)?;
                Some(items[place].clone())
            }
            Token::AfterLast => return Err(OpsError::FindAfterLast(path.to_string())),
        };
        made = match (found, token, path.tokens().get(at + 1)) {
            (Some(found), _, _) => found,
            (None, Token::Matching { key, value, .. }, _) => {
                let mut map = Mapping::new();
                map.insert(key.as_str(), value.as_str());
                Value::Map(map)
            }
            (None, _, None) => Value::Null,
            (None, _, Some(Token::Matching { .. })) => Value::Seq(Vec::new()),
            (None, _, Some(Token::Key { .. })) => Value::Map(Mapping::new()),
            (None, _, Some(_)) => {
                return Err(OpsError::CannotCreate {
                    wanted: "key or matching index token",
                    path: path.upto(at + 2),
                });
            }
        };
    }
    Ok(made)
}

fn replace(document: &mut Value, path: &Path, value: Value) -> Result<(), OpsError> {
    let tokens = path.tokens();
    let mut node = document;
    for (at, token) in tokens.iter().enumerate() {
        let last = at + 1 == tokens.len();
        match token {
            Token::Index(index, modifiers) => {
                let items = list_mut(node, path, at)?;
                if last {
                    return insert(items, *index, modifiers, value, path, at);
                }
                let place = place(*index, modifiers, items.len(), path, at)?;
                node = &mut items[place];
            }
            Token::AfterLast => {
                list_mut(node, path, at)?.push(value);
                return Ok(());
            }
            Token::Matching {
                key,
                value: wanted,
                optional,
                modifiers,
            } => {
                let items = list_mut(node, path, at)?;
                let place = match matching(items, key, wanted)[..] {
                    [] if *optional && last => {
                        items.push(value);
                        return Ok(());
                    }
                    [] if *optional => {
                        let mut made = Mapping::new();
                        made.insert(key.as_str(), wanted.as_str());
                        items.push(Value::Map(made));
                        items.len() - 1
                    }
                    [found] if last => {
                        return insert(items, found as i64, modifiers, value, path, at);
                    }
                    [found] => place(found as i64, modifiers, items.len(), path, at)?,
                    ref found => return Err(matches_wrong(path, at, found.len())),
                };
                node = &mut items[place];
            }
            Token::Key { key, optional } => {
                if node.as_map().is_none() {
                    return Err(mismatch("a map", node, path, at));
                }
                let Some(map) = node.as_map_mut() else {
                    return Ok(());
                };
                let found = map.contains_key(key);
                if !found && !optional {
                    return Err(missing_key(key, map, path, at));
                }
                if last {
                    map.insert(key.as_str(), value);
                    return Ok(());
                }
                if !found {
                    let made = match &tokens[at + 1] {
                        Token::AfterLast | Token::Matching { .. } => Value::Seq(Vec::new()),
                        Token::Key { .. } => Value::Map(Mapping::new()),
                        Token::Index(..) => {
                            return Err(OpsError::CannotCreate {
                                wanted: "key, matching index or after last index token",
                                path: path.upto(at + 2),
                            });
                        }
                    };
                    map.insert(key.as_str(), made);
                }
                match map.get_mut(key) {
                    Some(inner) => node = inner,
                    None => return Ok(()),
                }
            }
        }
    }
    *node = value;
    Ok(())
}

fn remove(document: &mut Value, path: &Path) -> Result<(), OpsError> {
    let tokens = path.tokens();
    if tokens.is_empty() {
        return Err(OpsError::RemoveDocument);
    }
    let mut node = document;
    for (at, token) in tokens.iter().enumerate() {
        let last = at + 1 == tokens.len();
        let items_and_place = match token {
            Token::Index(index, modifiers) => {
                let items = list_mut(node, path, at)?;
                let place = place(*index, modifiers, items.len(), path, at)?;
                (items, place)
            }
            Token::AfterLast => {
                return Err(OpsError::UnexpectedToken {
                    token: "patch.AfterLastIndexToken",
                    path: path.upto(at + 1),
                });
            }
            Token::Matching {
                key,
                value,
                optional,
                modifiers,
            } => {
                let items = list_mut(node, path, at)?;
                let place = match matching(items, key, value)[..] {
                    [] if *optional => return Ok(()),
                    [found] => place(found as i64, modifiers, items.len(), path, at)?,
                    ref found => return Err(matches_wrong(path, at, found.len())),
                };
                (items, place)
            }
            Token::Key { key, optional } => {
                if node.as_map().is_none() {
                    return Err(mismatch("a map", node, path, at));
                }
                let Some(map) = node.as_map_mut() else {
                    return Ok(());
                };
                if !map.contains_key(key) {
                    return match optional {
                        true => Ok(()),
                        false => Err(missing_key(key, map, path, at)),
                    };
                }
                if last {
                    map.remove(key);
                    return Ok(());
                }
                match map.get_mut(key) {
                    Some(inner) => node = inner,
                    None => return Ok(()),
                }
                continue;
            }
        };
        let (items, place) = items_and_place;
        if last {
            items.remove(place);
            return Ok(());
        }
        node = &mut items[place];
    }
    Ok(())
}

/// Puts a value at a place or into a gap beside it.
fn insert(
    items: &mut Vec<Value>,
    index: i64,
    modifiers: &[Modifier],
    value: Value,
    path: &Path,
    at: usize,
) -> Result<(), OpsError> {
    let mut gap = None;
    let mut steps = Vec::new();
    for modifier in modifiers {
        match (gap, modifier) {
            (Some(Modifier::Before), then) => {
                return Err(OpsError::ModifierBehind {
                    first: "before",
                    then: then.go(),
                });
            }
            (Some(_), then) => {
                return Err(OpsError::ModifierBehind {
                    first: "after",
                    then: then.go(),
                });
            }
            (None, Modifier::Before | Modifier::After) => gap = Some(*modifier),
            (None, step) => steps.push(*step),
        }
    }
    let place = place(index, &steps, items.len(), path, at)?;
    match gap {
        None => items[place] = value,
        Some(Modifier::Before) => items.insert(place, value),
        Some(_) => items.insert(place + 1, value),
    }
    Ok(())
}

/// The place that an index means in a list of this length.
fn place(
    index: i64,
    modifiers: &[Modifier],
    length: usize,
    path: &Path,
    at: usize,
) -> Result<usize, OpsError> {
    let mut index = index;
    for modifier in modifiers {
        index = match modifier {
            Modifier::Prev => index.saturating_sub(1),
            Modifier::Next => index.saturating_add(1),
            other => return Err(OpsError::NoInsertion(other.go())),
        };
    }
    let count = length as i64;
    if index >= count || index < -count {
        return Err(OpsError::MissingIndex {
            index,
            length,
            path: path.upto(at + 1),
        });
    }
    Ok(if index < 0 { count + index } else { index } as usize)
}

fn matching(items: &[Value], key: &str, value: &str) -> Vec<usize> {
    let fits = |item: &Value| item.get(key).and_then(Value::as_str) == Some(value);
    (0..items.len()).filter(|&at| fits(&items[at])).collect()
}

fn mismatch(wanted: &'static str, node: &Value, path: &Path, at: usize) -> OpsError {
    OpsError::Mismatch {
        wanted,
        path: path.upto(at + 1),
        found: goval::type_name(node),
    }
}

fn matches_wrong(path: &Path, at: usize, found: usize) -> OpsError {
    OpsError::Matches {
        path: path.upto(at + 1),
        found,
    }
}

fn missing_key(key: &str, map: &Mapping, path: &Path, at: usize) -> OpsError {
    let siblings = (!map.is_empty()).then(|| {
        let mut keys: Vec<String> = map
            .keys()
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect();
        keys.sort();
        keys
    });
    OpsError::MissingKey {
        key: key.to_owned(),
        path: path.upto(at + 1),
        siblings,
    }
}

fn list<'a>(node: &'a Value, path: &Path, at: usize) -> Result<&'a [Value], OpsError> {
    node.as_seq()
        .ok_or_else(|| mismatch("an array", node, path, at))
}

fn list_mut<'a>(
    node: &'a mut Value,
    path: &Path,
    at: usize,
) -> Result<&'a mut Vec<Value>, OpsError> {
    let error = mismatch("an array", node, path, at);
    node.as_seq_mut().ok_or(error)
}

fn mapping<'a>(node: &'a Value, path: &Path, at: usize) -> Result<&'a Mapping, OpsError> {
    node.as_map()
        .ok_or_else(|| mismatch("a map", node, path, at))
}
