//! Variables that a config server is asked to make.

use crate::check::{Invalid, class, inspect, refuse};
use crate::yaml::{Mapping, Value};

/// A definition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// Its name, relative to the deployment unless it starts with a slash.
    pub name: String,
    /// Its type, such as `certificate`.
    pub kind: String,
    /// What the generator is told.
    pub options: Mapping,
    /// When it is made anew: `no-overwrite`, `converge`, `overwrite`.
    pub update_mode: Option<String>,
    /// When a new value is taken: `on-deploy`, `on-stemcell-change`.
    pub update_strategy: Option<String>,
    /// Links that its names come from.
    pub consumes: Mapping,
}

/// Checks a list of definitions, which a manifest or a runtime config has as `variables`.
///
/// # Errors
/// What is no list of definitions.
pub fn variables(value: Option<&Value>) -> Result<Vec<Variable>, Invalid> {
    let items = match value {
        None => return Ok(Vec::new()),
        Some(Value::Seq(items)) => items,
        Some(other) => refuse!(
            VariablesInvalidFormat,
            "Key 'variables' expects an array, but received '{}'",
            class(other)
        ),
    };
    // Each check goes through all before the next begins, so that the first message is the stock's.
    let mut maps = Vec::with_capacity(items.len());
    for item in items {
        match item {
            Value::Map(map) => maps.push(map),
            _ => refuse!(
                VariablesInvalidFormat,
                "All 'variables' elements should be Hashes"
            ),
        }
    }
    let mut names = Vec::with_capacity(maps.len());
    for map in &maps {
        names.push(name_and_type(map)?);
    }
    for (map, (name, _)) in maps.iter().zip(&names) {
        if !matches!(
            map.get("consumes"),
            None | Some(Value::Null | Value::Map(_))
        ) {
            refuse!(
                VariablesInvalidFormat,
                "Consumes for variable '{name}' must be a Hash or nil"
            );
        }
    }
    if let Some(name) = crate::check::duplicate(names.iter().map(|(name, _)| name.as_str())) {
        refuse!(
            VariablesInvalidFormat,
            "Some of the variables have duplicate names, eg: '{name}'"
        );
    }
    let mut variables = Vec::with_capacity(maps.len());
    for (map, (name, kind)) in maps.into_iter().zip(names) {
        let sub = |key: &str| {
            map.get(key)
                .and_then(Value::as_map)
                .cloned()
                .unwrap_or_default()
        };
        if !matches!(
            map.get("options"),
            None | Some(Value::Null | Value::Bool(false) | Value::Map(_))
        ) {
            refuse!(
                VariablesInvalidFormat,
                "options of variable with name '{name}' is not a Hash"
            );
        }
        let update_mode = match map.get("update_mode") {
            None | Some(Value::Null) => None,
            Some(Value::String(mode)) => Some(mode.clone()),
            Some(other) => refuse!(
                VariablesInvalidFormat,
                "Update mode for variable '{name}' must be a String, but was '{}'",
                crate::check::to_s(other)
            ),
        };
        let update_strategy = sub("update")
            .get("strategy")
            .and_then(Value::as_str)
            .map(str::to_owned);
        variables.push(Variable {
            options: sub("options"),
            consumes: sub("consumes"),
            update_mode,
            update_strategy,
            name,
            kind,
        });
    }
    Ok(variables)
}

fn name_and_type(map: &Mapping) -> Result<(String, String), Invalid> {
    let name = match map.get("name") {
        None => refuse!(
            VariablesInvalidFormat,
            "At least one of the variables is missing the 'name' key; 'name' must be specified"
        ),
        Some(Value::String(name)) if !name.trim().is_empty() => name.clone(),
        Some(other @ (Value::Int(_) | Value::Float(_))) => inspect(other),
        Some(_) => refuse!(
            VariablesInvalidFormat,
            "At least one of the variables has an empty 'name'; 'name' must not be empty or nil"
        ),
    };
    let kind = match map.get("type") {
        None => refuse!(
            VariablesInvalidFormat,
            "Type for variable '{name}' is missing; 'type' must be specified"
        ),
        Some(Value::Null) => refuse!(
            VariablesInvalidFormat,
            "Type for variable '{name}' is nil; 'type' must not be nil"
        ),
        Some(Value::String(kind)) if kind.trim().is_empty() => refuse!(
            VariablesInvalidFormat,
            "Type for variable '{name}' is empty; 'type' must not be empty"
        ),
        Some(Value::String(kind)) => kind.clone(),
        Some(other) => refuse!(
            VariablesInvalidFormat,
            "Type for variable '{name}' must be a String, but was '{}'",
            crate::check::to_s(other)
        ),
    };
    Ok((name, kind))
}
