//! `snapshot_disk`: a copy, of one instant if the disk is attached.

use serde_json::{Map, Value, json};

use crate::{Cpi, Error, disk, name, vm};

impl Cpi {
    pub(super) fn snapshot_disk(
        &self,
        cid: &str,
        metadata: Map<String, Value>,
    ) -> Result<Value, Error> {
        let places = self.places()?;
        let _locked = disk::lock(&places, cid)?;
        let point = match vm::owner_of(&places, cid)? {
            Some(vm) => vm::disk_mount(&places, &vm, cid)?,
            None => None,
        };
        let directory = places.snapshots();
        std::fs::create_dir_all(&directory)
            .map_err(Error::host("make the directory", &directory))?;
        let id = name::fresh()?;
        let to = directory.join(&id);
        let told = directory.join(format!("{id}.json"));
        let text = json!({"disk": cid, "metadata": metadata}).to_string();
        let done = disk::copy(&places.disk(cid), &to, point.as_deref())
            .and_then(|()| std::fs::write(&told, text).map_err(Error::host("write", &told)));
        if let Err(error) = done {
            // The reason is worth more than what is left.
            let _ = disk::remove_files(&to);
            let _ = std::fs::remove_file(&told);
            return Err(error);
        }
        Ok(json!(id))
    }
}
