//! `create_disk`: a file with a file system, or a directory where such a file cannot be mounted.

use serde_json::{Value, json};

use crate::{Cpi, Error, disk, name};

impl Cpi {
    pub(super) fn create_disk(&self, mebibytes: u64) -> Result<Value, Error> {
        if mebibytes == 0 {
            return Err(Error::Value(
                "create_disk: expected a size above 0 MiB".to_owned(),
            ));
        }
        let cid = name::fresh()?;
        let kind = self.config.actions.diskkind;
        if let Some(note) = disk::create(&self.places()?, &cid, mebibytes, kind)? {
            self.note(note);
        }
        Ok(json!(cid))
    }
}
