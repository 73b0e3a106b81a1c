//! `create_disk`: a file with a file system, or a directory where such a file cannot be mounted.
//!
//! A caller that may die before it hears the id says in the call's context what the id shall be
//! (`warren_disk_cid`), and can ask for such a disk later. Stock directors say nothing; and as they may
//! keep a disk for long before they attach it or tell whose it is, none of theirs is ever taken for
//! forgotten, as a machine may be.

use serde_json::{Map, Value, json};

use crate::{Cpi, Error, disk, name};

/// What a call's context says of the id.
pub(super) fn wanted(context: &Map<String, Value>) -> Option<&str> {
    context.get("warren_disk_cid").and_then(Value::as_str)
}

impl Cpi {
    /// `wanted` is the id that it shall have, if the caller has one.
    pub(super) fn create_disk(&self, mebibytes: u64, wanted: Option<&str>) -> Result<Value, Error> {
        if mebibytes == 0 {
            return Err(Error::Value(
                "create_disk: expected a size above 0 MiB".to_owned(),
            ));
        }
        let cid = match wanted {
            Some(wanted) if name::is_id(wanted) => wanted.to_owned(),
            Some(wanted) => {
                return Err(Error::Value(format!(
                    "create_disk: '{}' cannot be a disk's id",
                    wanted.escape_default()
                )));
            }
            None => name::fresh()?,
        };
        let kind = self.config.actions.diskkind;
        if let Some(note) = disk::create(&self.places()?, &cid, mebibytes, kind)? {
            self.note(note);
        }
        Ok(json!(cid))
    }
}
