//! Where values come from: flags, files, the environment, a store.

use super::error::{SourceError, VariableFlagError};
use crate::yaml::{Dialect, Mapping, Value, parse};

/// A definition from `variables`, or only the name of one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// Its name.
    pub name: String,
    /// Its type, or nothing: then no value can be made for it.
    pub kind: String,
    /// Its options, placeholders in them replaced.
    pub options: Value,
}

/// A source of values.
pub trait Variables {
    /// The value for a definition. A store makes one if the definition has a type.
    fn get(&mut self, definition: &Definition) -> Result<Option<Value>, SourceError>;

    /// The names that it has, for `--var-errs-unused`.
    fn names(&self) -> Vec<String>;
}

/// Sources that are asked one after the other.
pub struct Chain<'a>(pub Vec<&'a mut dyn Variables>);

impl Variables for Chain<'_> {
    fn get(&mut self, definition: &Definition) -> Result<Option<Value>, SourceError> {
        for source in &mut self.0 {
            if let Some(value) = source.get(definition)? {
                return Ok(Some(value));
            }
        }
        Ok(None)
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().flat_map(|source| source.names()).collect()
    }
}

/// Values that were given. Add the weaker kinds first: environment, files of variables, files as values,
/// then single values; of the same kind the last wins.
#[derive(Debug, Clone, Default)]
pub struct StaticVariables {
    values: Mapping,
}

impl StaticVariables {
    /// No values.
    pub fn new() -> StaticVariables {
        StaticVariables::default()
    }

    /// Sets one. A dotted name is a key in a mapping, which keeps its other keys.
    pub fn set(&mut self, name: &str, value: Value) {
        // No more levels than a document may have; what is beyond stays one key.
        let pieces: Vec<&str> = name.splitn(crate::yaml::MAX_DEPTH / 2, '.').collect();
        let mut map = &mut self.values;
        for (at, piece) in pieces.iter().enumerate() {
            if at + 1 == pieces.len() {
                map.insert(*piece, value);
                return;
            }
            if map.get(piece).and_then(Value::as_map).is_none() {
                map.insert(*piece, Mapping::new());
            }
            match map.get_mut(piece).and_then(Value::as_map_mut) {
                Some(inner) => map = inner,
                None => return,
            }
        }
    }

    /// Sets several.
    pub fn extend(&mut self, values: impl IntoIterator<Item = (String, Value)>) {
        for (name, value) in values {
            self.set(&name, value);
        }
    }
}

impl Variables for StaticVariables {
    fn get(&mut self, definition: &Definition) -> Result<Option<Value>, SourceError> {
        Ok(self.values.get(&definition.name).cloned())
    }

    fn names(&self) -> Vec<String> {
        self.values
            .keys()
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect()
    }
}

fn split<'a>(
    flag: &'a str,
    format: &'static str,
    what: &'static str,
) -> Result<(&'a str, &'a str), VariableFlagError> {
    let empty = |what| VariableFlagError::Empty {
        flag: flag.to_owned(),
        what,
    };
    match flag.split_once('=') {
        None => Err(VariableFlagError::Format {
            flag: flag.to_owned(),
            format,
        }),
        Some(("", _)) => Err(empty("name")),
        Some((_, "")) => Err(empty(what)),
        Some(pair) => Ok(pair),
    }
}

/// `--var name=value`. The value is YAML, but a text is taken as it was given.
pub fn parse_flag(flag: &str) -> Result<(String, Value), VariableFlagError> {
    let (name, text) = split(flag, "name=value", "value")?;
    let value = parse(text, Dialect::Go).map_err(|error| VariableFlagError::Yaml {
        step: format!("Deserializing variables '{flag}'"),
        problem: error.to_string(),
    })?;
    let value = match value {
        Value::String(_) => Value::from(text),
        other => other,
    };
    Ok((name.to_owned(), value))
}

/// `--var-file name=path`: the name, and the path of the file whose content is the value.
pub fn parse_file_flag(flag: &str) -> Result<(String, String), VariableFlagError> {
    let (name, path) = split(flag, "name=path", "path")?;
    Ok((name.to_owned(), path.to_owned()))
}

/// `--vars-env=PREFIX`: all of the environment that starts with the prefix and `_`; values are YAML.
pub fn parse_env<'a>(
    prefix: &str,
    environment: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<(String, Value)>, VariableFlagError> {
    if prefix.is_empty() {
        return Err(VariableFlagError::EmptyPrefix);
    }
    let mut values = Vec::new();
    for (key, text) in environment {
        let Some(name) = key
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_prefix('_'))
        else {
            continue;
        };
        let value = parse(text, Dialect::Go).map_err(|error| VariableFlagError::Yaml {
            step: format!("Deserializing YAML from environment variable '{key}'"),
            problem: error.to_string(),
        })?;
        values.push((name.to_owned(), value));
    }
    Ok(values)
}

/// `--vars-file PATH`: the text of such a file, a mapping.
pub fn parse_vars_file(text: &str, path: &str) -> Result<Vec<(String, Value)>, VariableFlagError> {
    let wrong = |problem: String| VariableFlagError::Yaml {
        step: format!("Deserializing variables file '{path}'"),
        problem,
    };
    let map = match parse(text, Dialect::Go).map_err(|error| wrong(error.to_string()))? {
        Value::Null => Mapping::new(),
        Value::Map(map) => map,
        other => {
            let found = crate::goval::type_name(&other);
            return Err(wrong(format!(
                "yaml: unmarshal errors:\n  line 1: cannot unmarshal {found} into template.StaticVariables"
            )));
        }
    };
    let mut values = Vec::with_capacity(map.len());
    for (key, value) in map {
        let name = match key {
            Value::String(name) => name,
            other => crate::goval::show(&other),
        };
        values.push((name, value));
    }
    Ok(values)
}
