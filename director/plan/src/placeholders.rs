//! `((variables))` in documents, as the director reads them.
//!
//! Chars are `[A-Za-z0-9_\-./!]`; a bang at the beginning is dropped; the root is what stands before
//! the first dot after the last slash, the rest are keys into its value. A value that is one
//! placeholder and nothing else keeps the type of what it stands for; inside a longer text only texts
//! and integers may stand. Source: reference of the deploy engine, section 6.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

/// A placeholder that cannot be replaced.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlaceholderError {
    /// A name that is none.
    #[error("Variable name '{0}' is not valid: it may have letters, digits, '_', '-', '.' and '/'")]
    Name(String),
    /// A variable without a value.
    #[error(
        "Failed to find variable '{0}' from config server: HTTP Code '404', Error: 'Not Found'; give it with the deploy \
         (--var, --vars-file), or define it under 'variables'"
    )]
    Missing(String),
    /// A value that has no such key.
    #[error(
        "Failed to fetch variable '{name}' from config server: Expected parent '{parent}' hash to have key '{key}'"
    )]
    Key {
        /// The placeholder.
        name: String,
        /// What has no such key.
        parent: String,
        /// The key.
        key: String,
    },
    /// A value in the middle of a text that is none.
    #[error(
        "Failed to substitute variable: Can not replace the following placeholders: '(({name}))'. Should have values of type String or Integer"
    )]
    Embedded {
        /// The placeholder.
        name: String,
    },
}

/// A name in a document.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    /// The variable, as written, without a bang.
    pub root: String,
    /// Keys into its value.
    pub keys: Vec<String>,
}

impl Name {
    /// Reads what stands between the parentheses.
    ///
    /// # Errors
    /// [`PlaceholderError::Name`].
    pub fn parse(text: &str) -> Result<Self, PlaceholderError> {
        let text = text.strip_prefix('!').unwrap_or(text);
        let wrong = || PlaceholderError::Name(text.to_owned());
        let is_known =
            |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '!');
        if text.is_empty() || text.ends_with('/') || text.contains("//") {
            return Err(wrong());
        }
        if !text.chars().all(is_known) {
            return Err(wrong());
        }
        let start = text.rfind('/').map_or(0, |slash| slash + 1);
        if text[..start].contains('.') {
            return Err(wrong());
        }
        let mut parts = text[start..].split('.');
        let first = parts.next().unwrap_or_default();
        let keys: Vec<String> = parts.map(ToOwned::to_owned).collect();
        if first.is_empty() || keys.iter().any(String::is_empty) {
            return Err(wrong());
        }
        Ok(Self {
            root: format!("{}{first}", &text[..start]),
            keys,
        })
    }

    /// The name in the store of values.
    #[must_use]
    pub fn absolute(&self, director: &str, deployment: &str) -> String {
        absolute(&self.root, director, deployment)
    }
}

/// A variable's name in the store of values.
#[must_use]
pub fn absolute(name: &str, director: &str, deployment: &str) -> String {
    if name.starts_with('/') {
        name.to_owned()
    } else {
        format!("/{director}/{deployment}/{name}")
    }
}

/// A piece of a text.
enum Piece<'a> {
    Text(&'a str),
    Placeholder(&'a str),
}

fn pieces(mut text: &str) -> Vec<Piece<'_>> {
    let mut pieces = Vec::new();
    while let Some(start) = text.find("((") {
        let rest = &text[start + 2..];
        let Some(end) = rest.find("))") else { break };
        let inside = &rest[..end];
        let is_name = !inside.is_empty()
            && inside
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | '!'));
        if is_name {
            if start > 0 {
                pieces.push(Piece::Text(&text[..start]));
            }
            pieces.push(Piece::Placeholder(inside));
            text = &rest[end + 2..];
        } else {
            // Not one of ours; a placeholder may begin inside of it.
            pieces.push(Piece::Text(&text[..start + 1]));
            text = &text[start + 1..];
        }
    }
    if !text.is_empty() {
        pieces.push(Piece::Text(text));
    }
    pieces
}

/// Adds all names of a document to `names`.
///
/// # Errors
/// [`PlaceholderError::Name`].
pub fn collect(value: &Value, names: &mut BTreeSet<Name>) -> Result<(), PlaceholderError> {
    match value {
        Value::String(text) => {
            for piece in pieces(text) {
                if let Piece::Placeholder(name) = piece {
                    names.insert(Name::parse(name)?);
                }
            }
        }
        Value::Array(items) => {
            for item in items {
                collect(item, names)?;
            }
        }
        Value::Object(map) => {
            for (key, item) in map {
                if let [Piece::Placeholder(name)] = pieces(key).as_slice() {
                    names.insert(Name::parse(name)?);
                }
                collect(item, names)?;
            }
        }
        _ => {}
    }
    Ok(())
}

/// Values of variables by root, as written in documents.
pub type Values = BTreeMap<String, Value>;

/// Replaces all placeholders; what is wrong is collected.
///
/// # Errors
/// All that is wrong, each once.
pub fn replace(value: &Value, values: &Values) -> Result<Value, Vec<PlaceholderError>> {
    let mut errors = Vec::new();
    let replaced = walk(value, values, &mut errors);
    if errors.is_empty() {
        Ok(replaced)
    } else {
        let mut seen = Vec::new();
        for error in errors {
            if !seen.contains(&error) {
                seen.push(error);
            }
        }
        Err(seen)
    }
}

fn walk(value: &Value, values: &Values, errors: &mut Vec<PlaceholderError>) -> Value {
    match value {
        Value::String(text) => replace_text(text, values, errors),
        Value::Array(items) => items
            .iter()
            .map(|item| walk(item, values, errors))
            .collect(),
        Value::Object(map) => {
            let mut replaced = Map::new();
            for (key, item) in map {
                let is_one = matches!(pieces(key).as_slice(), [Piece::Placeholder(_)]);
                let key = match is_one.then(|| replace_text(key, values, errors)) {
                    Some(Value::String(text)) => text,
                    Some(other) if !other.is_null() => other.to_string(),
                    _ => key.clone(),
                };
                replaced.insert(key, walk(item, values, errors));
            }
            Value::Object(replaced)
        }
        other => other.clone(),
    }
}

fn replace_text(text: &str, values: &Values, errors: &mut Vec<PlaceholderError>) -> Value {
    let parts = pieces(text);
    let mut look = |name: &str| match find(name, values) {
        Ok(value) => Some(value.clone()),
        Err(error) => {
            errors.push(error);
            None
        }
    };
    if let [Piece::Placeholder(name)] = parts.as_slice() {
        return look(name).unwrap_or_default();
    }
    let mut out = String::new();
    let mut wrong = Vec::new();
    for part in parts {
        match part {
            Piece::Text(text) => out.push_str(text),
            Piece::Placeholder(name) => match look(name) {
                Some(Value::String(text)) => out.push_str(&text),
                Some(Value::Number(number)) if !number.is_f64() => {
                    out.push_str(&number.to_string());
                }
                Some(_) => wrong.push(PlaceholderError::Embedded {
                    name: name.to_owned(),
                }),
                None => {}
            },
        }
    }
    errors.extend(wrong);
    Value::String(out)
}

fn find<'v>(text: &str, values: &'v Values) -> Result<&'v Value, PlaceholderError> {
    let name = Name::parse(text)?;
    let mut value = values
        .get(&name.root)
        .ok_or_else(|| PlaceholderError::Missing(name.root.clone()))?;
    let mut parent = name.root.clone();
    for key in &name.keys {
        value = value.get(key).ok_or_else(|| PlaceholderError::Key {
            name: text.to_owned(),
            parent: parent.clone(),
            key: key.clone(),
        })?;
        parent = format!("{parent}.{key}");
    }
    Ok(value)
}
