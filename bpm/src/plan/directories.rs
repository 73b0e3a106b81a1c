//! The directories that have to be there, as paths of the host.

use std::path::{Path, PathBuf};

use super::Wanted;

/// Those that are the process's user's, in order, and of these those that are shared.
pub(super) fn of(wanted: &Wanted<'_>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (root, process, job) = (wanted.root, wanted.process, wanted.name.job());
    let place = |inside: String| root.on_host(Path::new(&inside));
    let volumes = process.additional_volumes.iter();
    let made = volumes.clone().filter(|volume| !volume.mount_only);
    let mut all: Vec<PathBuf> = made.map(|volume| place(volume.path.clone())).collect();
    if process.ephemeral_disk {
        all.push(place(format!("/var/vcap/data/{job}")));
    }
    all.extend([
        place(format!("/var/vcap/sys/log/{job}")),
        place(format!("/var/vcap/sys/run/{job}")),
        place(format!("/var/vcap/data/{job}/tmp")),
    ]);
    if process.persistent_disk {
        all.push(place(format!("/var/vcap/store/{job}")));
    }
    let shared = volumes.filter(|volume| volume.shared);
    let shared = shared.map(|volume| place(volume.path.clone())).collect();
    (all, shared)
}
