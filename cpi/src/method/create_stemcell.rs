//! `create_stemcell`: takes an image. Afterwards machines can be made of it, or the call fails.
//!
//! A caller that may die before it hears the id says in the call's context what the id shall be
//! (`warren_stemcell_cid`), and can delete such a stemcell later. The id of a light one is its image's name.

use std::path::Path;

use serde_json::{Map, Value, json};
use warren_wire_garden::container::{ContainerSpec, ImageRef};

use crate::{Cpi, Error, name, stemcell, vm};

impl Cpi {
    pub(super) fn create_stemcell(
        &self,
        image: &str,
        properties: &Map<String, Value>,
        tags: Option<&Map<String, Value>>,
        cid: &str,
    ) -> Result<Value, Error> {
        if tags.is_some_and(|tags| !tags.is_empty()) {
            self.note("a stemcell has no place for tags; they are not kept");
        }
        let image = Path::new(image);
        if let Some(reference) = stemcell::light(image, properties)? {
            let cid = stemcell::light_id(&reference);
            self.pull(&cid)?;
            return Ok(json!(cid));
        }
        stemcell::import(&self.places()?, image, cid)?;
        Ok(json!(cid))
    }

    /// Has Garden fetch an image now, so that a name that leads nowhere fails here and no machine
    /// waits for it. Garden has no call for that but to make a container.
    fn pull(&self, cid: &str) -> Result<(), Error> {
        let handle = format!("stemcell-{}", name::fresh()?);
        let spec = ContainerSpec {
            handle: handle.clone(),
            image: ImageRef {
                uri: stemcell::image(&self.places()?, cid)?,
                ..ImageRef::default()
            },
            privileged: true,
            ..ContainerSpec::default()
        };
        let made = self.garden.create(&spec);
        let removed = vm::remove_container(&self.garden, &handle);
        made.map_err(Error::garden(format!("fetch the stemcell {cid}"), &handle))?;
        removed
    }
}
