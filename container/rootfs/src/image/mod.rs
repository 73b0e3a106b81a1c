//! Images: root file systems made of layers, one for each container.
//!
//! ```text
//! images/ID/
//!   image.json     its layers, rung, quota and project id
//!   rootfs/        the root file system
//!   upper/ work/   what was written to it (rungs overlay and fuse-overlayfs)
//!   scratch/       a tmpfs that holds upper/ and work/ (rung overlay tmpfs)
//!   lower/N        a layer with mapped owners, only while mounting
//!   ready          made last
//! ELSEWHERE/warren-rootfs-STORE/ID/   upper/ and work/ on another file system
//! projects/START/N ─► images/ID or ELSEWHERE/.../ID: the project id N is that image's, see `project`
//! ```
//!
//! ```text
//! create   lock ─► project id ─► images/ID with image.json (renamed into place) ─► mounts ─► limit
//!          ─► ready ─► answer
//! destroy  lock ─► no ready ─► unmount ─► rename into trash ─► remove ─► no limit ─► no project id
//! ```
//!
//! From `image.json` on the layers are in use. What has no `ready` and no lock was left by a crash
//! and is destroyed when the store is opened. After a restart of the machine the images are there
//! but not mounted: [`Store::mount`](crate::store::Store::mount).

mod create;
mod destroy;
mod ids;
mod merge;
mod project;
mod state;
mod stats;

pub use create::{Request, Unmounted};
pub use ids::Ids;
pub use state::{Damaged, Image, Quota};
pub use stats::Stats;

use crate::store::Error;

/// An id that is safe as a file's name.
pub(crate) fn checked_id(id: &str) -> Result<&str, Error> {
    let is_name = !matches!(id, "" | "." | "..") && id.len() <= 200;
    if is_name && !id.contains(['/', '\0']) {
        return Ok(id);
    }
    Err(Error::InvalidId {
        id: id.chars().take(250).collect(),
    })
}
