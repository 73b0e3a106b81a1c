//! Trying the rungs of the ladder.
//!
//! All mounting is done on a thread in a mount namespace of its own, and what is made is below a
//! scratch directory that is removed: nothing stays and nobody sees it.

use std::fs;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_change};
use warren_sys_process::namespaces::{self, Kind};
use warren_sys_process::user_namespace::{Map, scratch};

use super::overlay::{Overlay, mount, mount_tmpfs, unmount_all};
use super::report::{Outcome, Report, Rung, Tried};
use super::{Error, Step, fuse, trial};
use crate::layer::{Markers, XattrNamespace};
use crate::store::work::Work;
use crate::tree::{Method, copy};

/// Tries, for a store at `root`, one rung after the other until one works. `alternatives` are
/// directories for upper layers on other file systems. With `all`, the rungs below are tried too.
///
/// # Errors
/// Only where nothing can be made in `root` at all.
pub fn probe(root: &Path, alternatives: &[PathBuf], all: bool) -> Result<Report, Errno> {
    let work = Work::new(root).map_err(|error| errno(&error))?;
    let directory = fs::File::open(root).map_err(|error| errno(&error))?;
    let stat = rustix::fs::fstatfs(&directory)?;
    let markers = Markers::probe(directory.as_fd())?;
    let mut probe = Probe::new(work.path(), markers);
    let mut rungs = probe.ladder(alternatives, all);
    if probe.is_blind(&rungs) {
        // Before Linux 6.7 overlayfs does not know the form of marks that an overlay can hold, as the
        // root of a container is one. Layers are merged then.
        probe.markers = Markers {
            xattrs: None,
            devices: false,
        };
        rungs = probe.ladder(alternatives, all);
    }
    let chosen = rungs.iter().find(|tried| tried.outcome.works());
    // A copy is the last resort; if even that fails, making an image will say why.
    let chosen = chosen.map_or(Rung::Copy, |tried| tried.rung.clone());
    Ok(Report {
        filesystem: name_of(stat.f_type),
        markers: probe.markers,
        userxattr: probe.userxattr,
        redirect_dir: probe.redirect_dir,
        limits: probe.limits(&chosen).into(),
        mapped_ids: probe.mapped_ids,
        rungs,
        chosen,
    })
}

pub(super) struct Probe<'a> {
    pub(super) work: &'a Path,
    markers: Markers,
    userxattr: bool,
    pub(super) redirect_dir: bool,
    mapped_ids: Outcome,
}

/// Whether the kernel keeps limits on another rung than the one that was found.
pub(super) fn probe_limits(root: &Path, report: &Report, rung: &Rung) -> Result<Outcome, Errno> {
    let work = Work::new(root).map_err(|error| errno(&error))?;
    let probe = Probe {
        redirect_dir: report.redirect_dir,
        userxattr: report.userxattr,
        ..Probe::new(work.path(), report.markers)
    };
    Ok(probe.limits(rung).into())
}

impl<'a> Probe<'a> {
    fn new(work: &'a Path, markers: Markers) -> Self {
        Self {
            work,
            markers,
            userxattr: markers.xattrs == Some(XattrNamespace::User),
            redirect_dir: false,
            mapped_ids: Outcome::NotTried,
        }
    }

    /// Tries one after the other; with `all`, also those below the first that works.
    fn ladder(&mut self, alternatives: &[PathBuf], all: bool) -> Vec<Tried> {
        let mut ladder = vec![Rung::Overlay];
        ladder.extend(alternatives.iter().cloned().map(Rung::OverlayElsewhere));
        let rest = [
            Rung::OverlayTmpfs,
            Rung::FuseOverlay,
            Rung::Reflink,
            Rung::Copy,
        ];
        ladder.extend(rest);
        let mut rungs: Vec<Tried> = Vec::new();
        for rung in ladder {
            let has_one = rungs.iter().any(|tried| tried.outcome.works());
            let outcome = match has_one && !all {
                true => Outcome::NotTried,
                false => self.rung(&rung, !has_one).into(),
            };
            rungs.push(Tried { rung, outcome });
        }
        rungs
    }

    /// Whether layers could be seen through, but for marks that nothing heeds.
    fn is_blind(&self, rungs: &[Tried]) -> bool {
        let unheeded = |tried: &Tried| {
            matches!(
                tried.outcome,
                Outcome::Fails {
                    step: Step::Hidden,
                    ..
                }
            )
        };
        let layered = |tried: &Tried| tried.rung.is_layered() && tried.outcome.works();
        self.markers.is_complete() && rungs.iter().any(unheeded) && !rungs.iter().any(layered)
    }

    /// `is_highest`: what else is worth knowing is found out on this one.
    fn rung(&mut self, rung: &Rung, is_highest: bool) -> Result<Vec<String>, Error> {
        let scratch = Work::new(self.work).map_err(Error::io(Step::Prepare))?;
        let at = scratch.path();
        match rung {
            Rung::Reflink => return self.copied(at, Method::Reflink),
            Rung::Copy => return self.copied(at, Method::Copy),
            _ => {}
        }
        // The other file system must be left as it was, too.
        let elsewhere = match rung {
            Rung::OverlayElsewhere(directory) => {
                let missing =
                    |error| Error::io(Step::Find)(error).with(directory.display().to_string());
                Some(Work::new(directory).map_err(missing)?)
            }
            _ => None,
        };
        let upper_in = elsewhere.as_ref().map_or(at, |work| work.path());
        let outcome = in_private_mounts(|| {
            let overlay = self.prepare(rung, at, upper_in)?;
            let root = at.join("root");
            fs::create_dir(&root).map_err(Error::io(Step::Prepare))?;
            let outcome = self.mounted(rung, overlay, &root, is_highest);
            unmount_all(&root)?;
            if *rung == Rung::OverlayTmpfs {
                unmount_all(&at.join("tmpfs"))?;
            }
            outcome
        });
        outcome.and_then(|inner| inner)
    }

    pub(super) fn prepare(
        &self,
        rung: &Rung,
        at: &Path,
        upper_in: &Path,
    ) -> Result<Overlay, Error> {
        let make = |path: PathBuf| {
            let made = fs::create_dir(&path).map_err(Error::io(Step::Prepare));
            made.map(|()| path)
        };
        let (low, high) = (make(at.join("low"))?, make(at.join("high"))?);
        trial::layers(&low, &high, self.markers)?;
        let upper_in = match rung {
            Rung::OverlayTmpfs => {
                let tmpfs = make(at.join("tmpfs"))?;
                mount_tmpfs(&tmpfs, Some(1 << 20))?;
                tmpfs
            }
            _ => upper_in.to_owned(),
        };
        Ok(Overlay {
            lower: vec![high, low],
            upper: make(upper_in.join("upper"))?,
            work: make(upper_in.join("work"))?,
            userxattr: self.userxattr,
            redirect_dir: true,
            volatile: false,
        })
    }

    fn mounted(
        &mut self,
        rung: &Rung,
        mut overlay: Overlay,
        root: &Path,
        is_highest: bool,
    ) -> Result<Vec<String>, Error> {
        if *rung == Rung::FuseOverlay {
            fuse::mount(&overlay, root)?;
            return trial::use_it(&overlay, root, self.markers);
        }
        if let Err(error) = mount(&overlay, root) {
            overlay.redirect_dir = false;
            // The first words are about the options that are wanted.
            mount(&overlay, root).map_err(|_| error)?;
        }
        let mut evidence = trial::use_it(&overlay, root, self.markers)?;
        let renames = trial::renames_directories(root);
        evidence.push(match renames {
            true => "directories of layers can be renamed".to_owned(),
            false => "renaming a directory of a layer gives EXDEV".to_owned(),
        });
        if !self.markers.is_complete() {
            evidence.push("layers that hide something are merged first: no attributes".to_owned());
        }
        if is_highest {
            self.redirect_dir = overlay.redirect_dir;
            self.mapped_ids = mapped(&overlay, root).into();
        }
        Ok(evidence)
    }

    fn copied(&self, at: &Path, method: Method) -> Result<Vec<String>, Error> {
        let step = match method {
            Method::Reflink => Step::Reflink,
            Method::Copy => Step::Copy,
        };
        let (low, root) = (at.join("low"), at.join("root"));
        for directory in [&low, &root] {
            fs::create_dir(directory).map_err(Error::io(Step::Prepare))?;
        }
        fs::write(low.join("file"), vec![b'x'; 8192]).map_err(Error::io(Step::Prepare))?;
        let from = fs::File::open(&low).map_err(Error::io(Step::Prepare))?;
        let to = fs::File::open(&root).map_err(Error::io(Step::Prepare))?;
        copy(from.as_fd(), to.as_fd(), method, &|_| false)
            .map_err(|error| Error::at(step)(error.source))?;
        Ok(Vec::new())
    }
}

/// Whether a layer with mapped owners can be a lower layer: root inside is 100000 outside.
fn mapped(overlay: &Overlay, root: &Path) -> Result<Vec<String>, Error> {
    use std::os::unix::fs::MetadataExt;
    let error = Error::at(Step::MapIds);
    let map = Map {
        inside: 0,
        outside: 100_000,
        count: 65_536,
    };
    let namespace = scratch(map)
        .map_err(|source| error(Errno::PERM).with(format!("making a user namespace: {source}")))?;
    let ids = crate::image::Ids::new(namespace.namespace.into(), (100_000, 100_000));
    let again = root.with_file_name("mapped");
    let lower = again.join("lower");
    let other = Overlay {
        upper: again.join("upper"),
        work: again.join("work"),
        ..overlay.clone()
    };
    let upper_in = overlay.upper.parent().unwrap_or(root).join("mapped-upper");
    let other = Overlay {
        upper: upper_in.join("upper"),
        work: upper_in.join("work"),
        ..other
    };
    for directory in [&other.upper, &other.work, &lower, &again.join("root")] {
        fs::create_dir_all(directory).map_err(Error::io(Step::Prepare))?;
    }
    let target = again.join("root");
    ids.mount_mapped(&other, &lower, &target)?;
    let owner = fs::metadata(target.join("file")).map(|file| file.uid());
    unmount_all(&target)?;
    match owner.map_err(Error::io(Step::MapIds))? {
        100_000 => Ok(Vec::new()),
        uid => Err(error(Errno::IO).with(format!("the owner shown is {uid}"))),
    }
}

/// Runs on a thread whose mounts nobody else sees.
pub(super) fn in_private_mounts<T: Send>(work: impl FnOnce() -> T + Send) -> Result<T, Error> {
    let inside = namespaces::in_new(&[Kind::Mount], || {
        let flags = MountPropagationFlags::PRIVATE | MountPropagationFlags::REC;
        mount_change("/", flags)
            .map_err(Error::at(Step::Namespace))
            .map(|()| work())
    });
    match inside {
        Ok(outcome) => outcome,
        Err(
            namespaces::Error::Unshare { source, .. } | namespaces::Error::Enter { source, .. },
        ) => Err(Error::at(Step::Namespace)(source)),
        Err(namespaces::Error::Open { source, .. }) => Err(Error::io(Step::Namespace)(source)),
    }
}

fn errno(error: &std::io::Error) -> Errno {
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}

/// Names of the usual file systems (linux/magic.h); for reading only, nothing depends on it.
fn name_of(magic: rustix::fs::FsWord) -> String {
    match magic {
        0xEF53 => "ext4".to_owned(),
        0x794C_7630 => "overlay".to_owned(),
        0x0102_1994 => "tmpfs".to_owned(),
        0x5846_5342 => "xfs".to_owned(),
        0x9123_683E => "btrfs".to_owned(),
        0x6969 => "nfs".to_owned(),
        0x6573_5546 => "fuse".to_owned(),
        other => format!("{other:#x}"),
    }
}
