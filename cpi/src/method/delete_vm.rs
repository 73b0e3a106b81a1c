//! `delete_vm`: all of a machine goes, however much of it there is. Its disks stay.

use crate::name::is_id;
use crate::{Cpi, Error, mounts, vm};

impl Cpi {
    pub(super) fn delete_vm(&self, cid: &str) -> Result<(), Error> {
        if !is_id(cid) {
            return Err(Error::VmNotFound(cid.to_owned()));
        }
        let places = self.places()?;
        vm::remove(&places, &self.garden, cid)?;
        // Of a create_vm that died: one that lives fails now, and removes its mark itself.
        let mark = places.making().join(cid);
        mounts::missing_is_fine(std::fs::remove_file(&mark)).map_err(Error::host("remove", &mark))
    }
}
