//! `resize_disk`: a detached disk becomes larger, its file system too.

use crate::{Cpi, Error, disk};

impl Cpi {
    pub(super) fn resize_disk(&self, cid: &str, mebibytes: u64) -> Result<(), Error> {
        let places = self.places()?;
        let locked = disk::lock(&places, cid)?;
        disk::expect_unused(&places, cid)?;
        let mut info = locked.read()?;
        let now = disk::size(&places, cid, &info)?;
        if mebibytes < now {
            return Err(Error::NotSupported(format!(
                "disk '{cid}' has {now} MiB; it cannot become smaller, to {mebibytes} MiB"
            )));
        }
        if mebibytes > now {
            disk::grow(&places, cid, mebibytes)?;
        }
        if places.disk(cid).is_dir() {
            self.note(format!("the disk is a directory; {}", disk::NOT_ENFORCED));
        }
        info.mebibytes = mebibytes;
        locked.save(&info)
    }
}
