//! `set_vm_metadata`: properties of the container, each called `bosh.KEY`.

use serde_json::{Map, Value};

use crate::{Cpi, Error, vm};

impl Cpi {
    pub(super) fn set_vm_metadata(
        &self,
        cid: &str,
        metadata: &Map<String, Value>,
    ) -> Result<(), Error> {
        vm::expect(&self.garden, cid)?;
        for (key, value) in metadata {
            let value = match value {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            self.garden
                .set_property(cid, &format!("bosh.{key}"), &value)
                .map_err(Error::garden(
                    format!("Setting the property bosh.{key}"),
                    cid,
                ))?;
        }
        Ok(())
    }
}
