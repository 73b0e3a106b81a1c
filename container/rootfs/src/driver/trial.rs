//! What a container does to its root file system, done once on an overlay of two small layers.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustix::io::Errno;

use super::{Error, Overlay, Step};
use crate::layer::Markers;

/// Fills the directories `low` and `high` (topmost) with two layers. Whether they have something
/// hidden to show depends on the marks that fit.
pub(super) fn layers(low: &Path, high: &Path, markers: Markers) -> Result<(), Error> {
    let error = Error::io(Step::Prepare);
    for directory in [
        low.join("dir/sub"),
        low.join("covered"),
        high.join("covered"),
    ] {
        fs::create_dir_all(directory).map_err(error)?;
    }
    for file in [
        "file",
        "owned",
        "removed",
        "renamed",
        "dir/inside",
        "covered/low",
        "hidden",
    ] {
        fs::write(low.join(file), b"low").map_err(error)?;
    }
    if markers.is_complete() {
        let directory = fs::File::open(high).map_err(error)?;
        let covered = fs::File::open(high.join("covered")).map_err(error)?;
        use std::os::fd::AsFd;
        let error = Error::at(Step::Prepare);
        markers
            .whiteout(directory.as_fd(), b"hidden")
            .map_err(error)?;
        markers.opaque(covered.as_fd()).map_err(error)?;
    }
    Ok(())
}

/// Puts the mounted overlay to use; answers findings that do not decide.
pub(super) fn use_it(
    overlay: &Overlay,
    root: &Path,
    markers: Markers,
) -> Result<Vec<String>, Error> {
    let mut evidence = Vec::new();
    let expect = |step: Step, holds: bool| match holds {
        true => Ok(()),
        false => Err(Error::at(step)(Errno::IO).with("it had no effect")),
    };
    let read = fs::read(root.join("file")).map_err(Error::io(Step::Read))?;
    expect(Step::Read, read == b"low")?;
    if markers.is_complete() {
        expect(Step::Hidden, !root.join("hidden").exists())?;
        expect(Step::Hidden, !root.join("covered/low").exists())?;
    }

    fs::write(root.join("file"), b"new").map_err(Error::io(Step::Write))?;
    fs::write(root.join("dir/new"), b"new").map_err(Error::io(Step::Write))?;
    let written = fs::read(overlay.upper.join("file")).map_err(Error::io(Step::Write))?;
    expect(Step::Write, written == b"new")?;

    // Some id that is not ours, among those that exist here.
    let own = fs::metadata(root.join("owned")).map_err(Error::io(Step::ChangeOwner))?;
    match std::os::unix::fs::chown(root.join("owned"), Some(1), Some(1)) {
        // The user namespace has no such id: it cannot be asked for.
        Err(error) if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) => {
            evidence.push("only one user id exists here".to_owned());
            std::os::unix::fs::chown(root.join("owned"), Some(own.uid()), None)
                .map_err(Error::io(Step::ChangeOwner))?;
        }
        changed => {
            changed.map_err(Error::io(Step::ChangeOwner))?;
            let now = fs::metadata(root.join("owned")).map_err(Error::io(Step::ChangeOwner))?;
            expect(Step::ChangeOwner, now.uid() == 1 && now.gid() == 1)?;
        }
    }

    fs::remove_file(root.join("removed")).map_err(Error::io(Step::Whiteout))?;
    expect(Step::Whiteout, !root.join("removed").exists())?;

    fs::rename(root.join("renamed"), root.join("moved")).map_err(Error::io(Step::Rename))?;
    expect(
        Step::Rename,
        root.join("moved").exists() && !root.join("renamed").exists(),
    )?;

    fs::remove_dir_all(root.join("dir")).map_err(Error::io(Step::Opaque))?;
    fs::create_dir(root.join("dir")).map_err(Error::io(Step::Opaque))?;
    let entries = fs::read_dir(root.join("dir")).map_err(Error::io(Step::Opaque))?;
    expect(Step::Opaque, entries.count() == 0)?;
    Ok(evidence)
}

/// Whether a directory of a layer can be renamed; many programs cope without.
pub(super) fn renames_directories(root: &Path) -> bool {
    fs::rename(root.join("covered"), root.join("uncovered")).is_ok()
}
