//! The walk through a document, and the book of what was found, missing and used.

use std::collections::{BTreeMap, BTreeSet};

use super::Options;
use super::error::InterpolateError;
use super::placeholder::placeholders;
use super::sources::{Definition, Variables};
use crate::goval;
use crate::ops::{self, Path};
use crate::yaml::{Mapping, Value};

pub(super) struct Tracker<'a> {
    variables: &'a mut dyn Variables,
    definitions: Vec<Definition>,
    missing: BTreeSet<String>,
    used: BTreeSet<String>,
    /// Values already asked for: a source is asked once for each name.
    known: BTreeMap<String, Option<Value>>,
    /// Names that are being looked up, to see a definition that needs itself.
    open: Vec<String>,
}

impl<'a> Tracker<'a> {
    pub(super) fn new(
        document: &Value,
        variables: &'a mut dyn Variables,
    ) -> Result<Tracker<'a>, InterpolateError> {
        Ok(Tracker {
            variables,
            definitions: read_definitions(document)?,
            missing: BTreeSet::new(),
            used: BTreeSet::new(),
            known: BTreeMap::new(),
            open: Vec::new(),
        })
    }

    /// Asks for every definition that has a type, so that stores make values in their order.
    pub(super) fn definitions(&mut self) -> Result<(), InterpolateError> {
        let typed: Vec<String> = self
            .definitions
            .iter()
            .filter(|definition| !definition.kind.is_empty())
            .map(|definition| definition.name.clone())
            .collect();
        for name in typed {
            self.get(&name)
                .map_err(|error| InterpolateError::Definition(Box::new(error)))?;
        }
        Ok(())
    }

    fn get(&mut self, name: &str) -> Result<Option<Value>, InterpolateError> {
        self.used.insert(name.to_owned());
        if let Some(known) = self.known.get(name) {
            return Ok(known.clone());
        }
        if self.open.iter().any(|open| open == name) {
            return Err(InterpolateError::Recursion);
        }
        let mut definition = self
            .definitions
            .iter()
            .find(|definition| definition.name == name)
            .cloned()
            .unwrap_or_else(|| Definition {
                name: name.to_owned(),
                ..Definition::default()
            });
        self.open.push(name.to_owned());
        let missing_before = std::mem::take(&mut self.missing);
        let options = self.interpolate(&mut definition.options);
        let missing_inside = std::mem::replace(&mut self.missing, missing_before);
        self.open.pop();
        options.map_err(|error| InterpolateError::DefinitionOptions {
            name: name.to_owned(),
            error: Box::new(error),
        })?;
        if !missing_inside.is_empty() {
            self.missing.extend(missing_inside);
            return Ok(None);
        }
        let value = self.variables.get(&definition)?;
        if value.is_none() {
            self.missing.insert(name.to_owned());
        }
        self.known.insert(name.to_owned(), value.clone());
        Ok(value)
    }

    /// The value for a name with its path.
    fn look_up(&mut self, name: &str) -> Result<Option<Value>, InterpolateError> {
        let mut pieces = name.split('.');
        let root = pieces.next().unwrap_or_default();
        let Some(value) = self.get(root)? else {
            return Ok(None);
        };
        let path = Path::keys(pieces);
        if path.tokens().is_empty() {
            return Ok(Some(value));
        }
        Ok(Some(ops::find(&value, &path)?))
    }

    pub(super) fn interpolate(&mut self, node: &mut Value) -> Result<(), InterpolateError> {
        match node {
            Value::Map(map) => {
                let mut changed = Mapping::new();
                for (mut key, mut value) in std::mem::take(map) {
                    self.interpolate(&mut value)?;
                    self.interpolate(&mut key)?;
                    changed.insert(key, value);
                }
                *map = changed;
            }
            Value::Seq(items) => {
                for item in items {
                    self.interpolate(item)?;
                }
            }
            Value::String(text) => {
                if let Some(value) = self.text(text)? {
                    *node = value;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// What a text becomes, if it changes.
    fn text(&mut self, text: &str) -> Result<Option<Value>, InterpolateError> {
        let found = placeholders(text);
        let mut changed: Option<String> = None;
        for placeholder in &found {
            let name = placeholder.name;
            let value = self.look_up(name).map_err(|error| match error {
                InterpolateError::Recursion => error,
                error => InterpolateError::Finding {
                    name: name.to_owned(),
                    error: Box::new(error),
                },
            })?;
            let Some(value) = value else {
                continue;
            };
            if placeholder.whole {
                return Ok(Some(value));
            }
            let (Value::String(_) | Value::Int(_)) = value else {
                return Err(InterpolateError::InvalidType {
                    kind: goval::type_name(&value),
                    value: goval::show(&value),
                    name: name.to_owned(),
                });
            };
            let shown = goval::show(&value);
            let before = changed.as_deref().unwrap_or(text);
            let after = before
                .replace(&format!("(({name}))"), &shown)
                .replace(&format!("((!{name}))"), &shown);
            if after.len() > LONGEST_TEXT {
                let what = format!("Finding variable '{name}': the text grows beyond bounds");
                return Err(super::SourceError(what).into());
            }
            changed = Some(after);
        }
        Ok(changed.map(Value::String))
    }

    /// Drops definitions that were found and says what is missing or unused.
    pub(super) fn finish(
        self,
        document: &mut Value,
        options: &Options,
    ) -> Result<(), InterpolateError> {
        let list = document
            .as_map_mut()
            .and_then(|map| map.get_mut("variables"))
            .and_then(Value::as_seq_mut);
        if let Some(list) = list {
            list.retain(|item| {
                let name = item.get("name").and_then(Value::as_str).unwrap_or_default();
                !matches!(self.known.get(name), Some(Some(_)))
            });
        }
        let mut missing = Vec::new();
        if options.expect_all {
            missing.extend(self.missing);
        }
        let mut unused = Vec::new();
        if options.expect_used {
            unused.extend(self.variables.names());
            unused.retain(|name| !self.used.contains(name));
            unused.sort();
            unused.dedup();
        }
        if missing.is_empty() && unused.is_empty() {
            return Ok(());
        }
        Err(InterpolateError::Unmet { missing, unused })
    }
}

/// No text may grow longer than this by its placeholders, in bytes.
const LONGEST_TEXT: usize = 64 * 1024 * 1024;

fn read_definitions(document: &Value) -> Result<Vec<Definition>, InterpolateError> {
    let list = match document.get("variables") {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(Value::Seq(list)) => list,
        Some(other) => {
            return Err(InterpolateError::Definitions {
                found: goval::type_name(other),
                wanted: "[]template.VariableDefinition",
            });
        }
    };
    let mut definitions = Vec::with_capacity(list.len());
    for item in list {
        if item.as_map().is_none() && !item.is_null() {
            return Err(InterpolateError::Definitions {
                found: goval::type_name(item),
                wanted: "template.VariableDefinition",
            });
        }
        let text = |key: &str| match item.get(key) {
            None | Some(Value::Null) => String::new(),
            Some(value) => goval::show(value),
        };
        definitions.push(Definition {
            name: text("name"),
            kind: text("type"),
            options: item.get("options").cloned().unwrap_or_default(),
        });
    }
    Ok(definitions)
}
