//! A store that makes what it has not: the pure half of `--vars-store`.

use rand_core::CryptoRng;
use warren_wire_manifest::interpolate::{Definition, SourceError, Variables};
use warren_wire_manifest::yaml::{Mapping, Value};

use crate::{Context, generate};

/// Values by name. Whoever read them from a file writes them back if [`Store::is_changed`].
pub struct Store<'a> {
    values: Mapping,
    rng: &'a mut dyn CryptoRng,
    now: i64,
    changed: bool,
}

impl<'a> Store<'a> {
    /// A store of these values. `now` is in seconds since 1970.
    pub fn new(values: Mapping, rng: &'a mut dyn CryptoRng, now: i64) -> Store<'a> {
        Store {
            values,
            rng,
            now,
            changed: false,
        }
    }

    /// Whether values were made.
    pub fn is_changed(&self) -> bool {
        self.changed
    }

    /// The values, old and new.
    pub fn values(&self) -> &Mapping {
        &self.values
    }
}

impl Variables for Store<'_> {
    fn get(&mut self, definition: &Definition) -> Result<Option<Value>, SourceError> {
        if let Some(value) = self.values.get(&definition.name) {
            return Ok(Some(value.clone()));
        }
        if definition.kind.is_empty() {
            return Ok(None);
        }
        let values = &self.values;
        let mut context = Context {
            rng: &mut *self.rng,
            now: self.now,
            lookup: &mut |name| values.get(name).cloned(),
        };
        let value =
            generate(&definition.kind, &definition.options, &mut context).map_err(|error| {
                SourceError(format!(
                    "Generating variable '{}': {error}",
                    definition.name
                ))
            })?;
        self.values.insert(definition.name.as_str(), value.clone());
        self.changed = true;
        Ok(Some(value))
    }

    fn names(&self) -> Vec<String> {
        self.values
            .keys()
            .filter_map(|key| key.as_str().map(str::to_owned))
            .collect()
    }
}
