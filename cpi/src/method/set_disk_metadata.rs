//! `set_disk_metadata`: kept beside the disk.

use serde_json::{Map, Value};

use crate::{Cpi, Error, disk};

impl Cpi {
    pub(super) fn set_disk_metadata(
        &self,
        cid: &str,
        metadata: Map<String, Value>,
    ) -> Result<(), Error> {
        let locked = disk::lock(&self.places()?, cid)?;
        let mut info = locked.read()?;
        info.metadata = metadata;
        locked.save(&info)
    }
}
