//! `delete_snapshot`: one that is not there is deleted.

use crate::name::is_id;
use crate::{Cpi, Error, disk};

impl Cpi {
    pub(super) fn delete_snapshot(&self, cid: &str) -> Result<(), Error> {
        if !is_id(cid) {
            return Ok(());
        }
        let path = self.places()?.snapshots().join(cid);
        disk::remove_files(&path.with_extension("json"))?;
        disk::remove_files(&path)
    }
}
