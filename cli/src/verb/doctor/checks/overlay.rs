//! overlayfs, tried by mounting one in a mount namespace of a thread of ours.

use std::ffi::CString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use rustix::mount::{MountFlags, MountPropagationFlags, UnmountFlags};
use warren_lib_errchain::chain;
use warren_sys_process::namespaces::{self, Kind};

use super::{Facts, Finding};

pub fn on_store(facts: &Facts) -> Finding {
    let stores = facts.stores();
    let lines = stores.iter().map(|store| {
        let outcome = match &store.overlay {
            Ok(how) => how,
            Err(why) => why.as_str(),
        };
        format!("{} ({}): {outcome}", store.path.display(), store.kind)
    });
    let finding = if stores.iter().any(|store| store.overlay.is_ok()) {
        Finding::pass("an upper layer has a place")
    } else {
        Finding::warn(
            "no upper layer on any place for stores: rootfs fall back to tmpfs or copies",
            "mount a directory of a real file system (ext4, xfs, btrfs) at /var/vcap/data (docker: \
             --volume NAME:/var/vcap/data)",
        )
    };
    finding.and_all(lines)
}

pub fn on_tmpfs(_: &Facts) -> Finding {
    match in_private_mounts(|| {
        let place = Path::new("/tmp");
        let place = if place.is_dir() { place } else { "/".as_ref() };
        let none = None::<&std::ffi::CStr>;
        rustix::mount::mount("warren-doctor", place, "tmpfs", MountFlags::empty(), none)
            .map_err(|errno| format!("mounting a tmpfs: {errno}"))?;
        // A path is resolved anew from the root, which a mount on / itself does not change.
        if place == Path::new("/") {
            return Err("there is no /tmp to mount a tmpfs on".to_owned());
        }
        exercise(place)
    }) {
        Ok(how) => Finding::pass(how),
        Err(why) => Finding::warn(
            why,
            "without it and without a place for upper layers every rootfs is a copy; see \
             overlay-store",
        ),
    }
}

/// Mounts an overlay with its upper layer in a scratch directory of `place`.
///
/// # Errors
/// In words, with the step.
pub fn try_in(place: &Path) -> Result<&'static str, String> {
    in_private_mounts(|| exercise(place))
}

/// Runs `work` where its mounts are seen by nobody and end with the thread.
fn in_private_mounts<T: Send>(
    work: impl FnOnce() -> Result<T, String> + Send,
) -> Result<T, String> {
    namespaces::in_new(&[Kind::Mount], || {
        let private = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        rustix::mount::mount_change("/", private)
            .map_err(|errno| format!("making the mounts private: {errno}"))?;
        work()
    })
    .map_err(|error| chain(&error))?
}

/// A directory for one trial, removed with the value.
struct Trial {
    root: PathBuf,
    is_mounted: bool,
}

impl Trial {
    fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }
}

impl Drop for Trial {
    fn drop(&mut self) {
        if self.is_mounted {
            // A failure shows in the removal below, which cannot enter the mount.
            let _ = rustix::mount::unmount(self.path("merged"), UnmountFlags::DETACH);
        }
        let _ = fs::remove_dir_all(&self.root);
    }
}

/// As the kernel likes it best, else with its marks in `user.*` attributes, which is all that a
/// user namespace may write.
fn exercise(place: &Path) -> Result<&'static str, String> {
    let plain = match exercise_with(place, "") {
        Ok(()) => return Ok("works"),
        Err(why) => why,
    };
    exercise_with(place, ",userxattr")
        .map(|()| "works, with userxattr")
        .map_err(|_| plain)
}

fn exercise_with(place: &Path, more: &str) -> Result<(), String> {
    let step = |name: &'static str| move |error: std::io::Error| format!("{name}: {error}");
    let root = place.join(format!(".warren-doctor-{}", std::process::id()));
    fs::create_dir(&root).map_err(step("making a scratch directory"))?;
    let mut trial = Trial {
        root,
        is_mounted: false,
    };
    for name in ["lower/dir", "upper", "work", "merged"] {
        fs::create_dir_all(trial.path(name)).map_err(step("making a scratch directory"))?;
    }
    for name in ["lower/kept", "lower/gone", "lower/dir/old"] {
        fs::write(trial.path(name), "lower").map_err(step("writing a scratch file"))?;
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}{more}",
        trial.path("lower").display(),
        trial.path("upper").display(),
        trial.path("work").display()
    );
    let options = CString::new(options).map_err(|error| error.to_string())?;
    let none = MountFlags::empty();
    rustix::mount::mount(
        "overlay",
        trial.path("merged"),
        "overlay",
        none,
        Some(options.as_c_str()),
    )
    .map_err(|errno| format!("mounting an overlay: {errno}"))?;
    trial.is_mounted = true;
    let merged = |name: &str| trial.path("merged").join(name);
    let append = |path: PathBuf| fs::OpenOptions::new().append(true).open(path);
    append(merged("kept"))
        .and_then(|mut file| file.write_all(b"+upper"))
        .map_err(step("changing a file of the lower layer"))?;
    fs::rename(merged("kept"), merged("moved")).map_err(step("renaming a file"))?;
    fs::remove_file(merged("gone")).map_err(step("removing a file of the lower layer"))?;
    fs::remove_dir_all(merged("dir"))
        .and_then(|()| fs::create_dir(merged("dir")))
        .map_err(step("replacing a directory of the lower layer"))?;
    let content = fs::read_to_string(merged("moved")).map_err(step("reading back"))?;
    let is_empty = fs::read_dir(merged("dir"))
        .map_err(step("reading back"))?
        .next()
        .is_none();
    if content != "lower+upper" || merged("gone").exists() || !is_empty {
        return Err("the overlay does not show what was written".to_owned());
    }
    Ok(())
}
