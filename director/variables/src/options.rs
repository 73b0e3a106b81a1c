//! Reading the options of a definition; unknown ones are refused, as in the stock.

use warren_wire_manifest::yaml::{Mapping, Value};

use crate::GenerateError;

pub(crate) struct Options<'a> {
    kind: &'static str,
    map: Option<&'a Mapping>,
}

impl<'a> Options<'a> {
    pub(crate) fn of(
        kind: &'static str,
        value: &'a Value,
        known: &[&str],
    ) -> Result<Options<'a>, GenerateError> {
        let map = match value {
            Value::Null => None,
            Value::Map(map) => Some(map),
            _ => {
                return Err(GenerateError::BadOption {
                    kind,
                    option: "options",
                    wanted: "a map",
                });
            }
        };
        for key in map.into_iter().flat_map(Mapping::keys) {
            let name = key.as_str().unwrap_or_default();
            if !known.contains(&name) {
                return Err(GenerateError::UnknownOption {
                    kind,
                    option: name.to_owned(),
                });
            }
        }
        Ok(Options { kind, map })
    }

    fn get(&self, key: &str) -> Option<&'a Value> {
        self.map?.get(key).filter(|value| !value.is_null())
    }

    fn wrong<T>(&self, option: &'static str, wanted: &'static str) -> Result<T, GenerateError> {
        Err(GenerateError::BadOption {
            kind: self.kind,
            option,
            wanted,
        })
    }

    pub(crate) fn text(&self, key: &'static str) -> Result<String, GenerateError> {
        match self.get(key) {
            None => Ok(String::new()),
            Some(Value::String(text)) => Ok(text.clone()),
            Some(Value::Int(number)) => Ok(number.to_string()),
            Some(_) => self.wrong(key, "a text"),
        }
    }

    pub(crate) fn number(&self, key: &'static str) -> Result<i128, GenerateError> {
        match self.get(key) {
            None => Ok(0),
            Some(Value::Int(number)) => Ok(*number),
            Some(_) => self.wrong(key, "an integer"),
        }
    }

    pub(crate) fn flag(&self, key: &'static str) -> Result<bool, GenerateError> {
        match self.get(key) {
            None => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => self.wrong(key, "true or false"),
        }
    }

    pub(crate) fn list(&self, key: &'static str) -> Result<Vec<String>, GenerateError> {
        let items = match self.get(key) {
            None => return Ok(Vec::new()),
            Some(Value::Seq(items)) => items,
            Some(_) => return self.wrong(key, "a list of texts"),
        };
        let mut texts = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Value::String(text) => texts.push(text.clone()),
                _ => return self.wrong(key, "a list of texts"),
            }
        }
        Ok(texts)
    }
}
