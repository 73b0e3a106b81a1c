//! Layers of the image, unpacked once on the machine and used at every level.
//!
//! ```text
//! HOME/garden/store/{layers,pins,sources} ── bound read-only ──► /var/lib/warren/shared of level 1
//!                                            ── and again ─────► /var/lib/warren/shared of level 2 ...
//! ```
//!
//! The machine's store keeps what a pin names. There is a pin for each image, made before the first
//! container of it; it goes with the images. So whatever is killed or cleaned, no layer goes that
//! something further in uses.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::image::Image;
use crate::{Error, Level};

/// Where levels below the machine see them, in their own directory.
pub(crate) const SHARED: &str = "shared";
/// What of the machine's store they see; not root file systems, nor what is mounted there.
pub(crate) const PARTS: [&str; 3] = ["layers", "pins", "sources"];

/// A part as the level sees it that makes a container which is to see it.
pub(crate) fn own(level: &Level, part: &str) -> PathBuf {
    match level.index {
        0 => level.own("garden/store").join(part),
        _ => level.own(SHARED).join(part),
    }
}

/// Has the machine's store unpack an image, and keep it.
pub(crate) fn keep(
    machine: &Level,
    image: &Image,
    executable: &std::path::Path,
) -> Result<(), Error> {
    let file = machine.here(&image.file());
    let done = Command::new(executable)
        .args(["rootfs", "pull", "--pin", &image.key, "--store"])
        .arg(machine.here("garden/store"))
        .arg(&file)
        .stdin(Stdio::null())
        .output()
        .map_err(Error::file("start", executable))?;
    match done.status.success() {
        true => Ok(()),
        false => Err(Error::Layers {
            image: file,
            said: String::from_utf8_lossy(&done.stderr).trim_end().to_owned(),
        }),
    }
}
