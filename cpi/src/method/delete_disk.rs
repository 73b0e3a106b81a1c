//! `delete_disk`: one that is not there is deleted; one that is in use is not.

use crate::name::is_id;
use crate::{Cpi, Error, disk};

impl Cpi {
    pub(super) fn delete_disk(&self, cid: &str) -> Result<(), Error> {
        let places = self.places()?;
        if !is_id(cid) || !disk::exists(&places, cid) {
            return Ok(());
        }
        let locked = disk::Locked::new(&places, cid)?;
        if disk::exists(&places, cid) {
            disk::expect_unused(&places, cid)?;
            disk::remove_files(&places.disk(cid))?;
        }
        locked.forget()
    }
}
