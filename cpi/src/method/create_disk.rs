//! `create_disk`: a file with a file system, or a directory where such a file cannot be mounted.
//!
//! A caller that may die before it hears the id says in the call's context what the id shall be
//! (`warren_disk_cid`), and can ask for such a disk later. Stock directors say nothing; and as they may
//! keep a disk for long before they attach it or tell whose it is, none of theirs is ever taken for
//! forgotten, as a machine may be.

use serde_json::{Value, json};

use crate::{Cpi, Error, disk};

impl Cpi {
    /// `cid` is the id that it shall have.
    pub(super) fn create_disk(&self, mebibytes: u64, cid: &str) -> Result<Value, Error> {
        if mebibytes == 0 {
            return Err(Error::Value(
                "create_disk: expected a size above 0 MiB".to_owned(),
            ));
        }
        let kind = self.config.actions.diskkind;
        if let Some(note) = disk::create(&self.places()?, cid, mebibytes, kind)? {
            self.note(note);
        }
        Ok(json!(cid))
    }
}
