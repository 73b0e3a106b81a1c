//! How root file systems would be made, and what keeps limits on them: tried where the server keeps
//! its store.

use std::path::{Path, PathBuf};

use warren_container_rootfs::driver::{self, Outcome, Report};
use warren_lib_errchain::chain;

use super::{Facts, Finding};
use crate::verb::rootfs::rung_name;

/// The directory itself, or what is there of the way to it.
fn existing(store: &Path) -> PathBuf {
    let mut at = store;
    loop {
        match at.parent() {
            Some(parent) if !at.is_dir() => at = parent,
            _ => return at.to_owned(),
        }
    }
}

const REMEDY: &str = "mount a directory of a real file system (ext4, xfs, btrfs) there (docker: \
                      --volume), or name one with --store or --upper-dir";

pub fn ladder(facts: &Facts) -> Finding {
    let store = facts.store();
    let report = match probed(store, "rootfs", true) {
        Ok(report) => report,
        Err(finding) => return finding,
    };
    let first = format!(
        "{} ({}): {}",
        store.display(),
        report.filesystem,
        rung_name(&report.chosen)
    );
    let lines = report.rungs.iter().map(|tried| {
        let told = match &tried.outcome {
            Outcome::Works { evidence } if evidence.is_empty() => "works".to_owned(),
            Outcome::Works { evidence } => format!("works ({})", evidence.join("; ")),
            Outcome::Fails { message, .. } => message.clone(),
            Outcome::NotTried => "not tried".to_owned(),
        };
        format!("{}: {told}", rung_name(&tried.rung))
    });
    let finding = if report.chosen.is_layered() {
        Finding::pass(first)
    } else {
        Finding::warn(first, REMEDY)
    };
    finding.and_all(lines)
}

pub fn limits(facts: &Facts) -> Finding {
    let store = facts.store();
    let report = match probed(store, "limits", false) {
        Ok(report) => report,
        Err(finding) => return finding,
    };
    let place = format!("{} ({})", store.display(), report.filesystem);
    match &report.limits {
        Outcome::Works { evidence } => {
            Finding::pass(format!("{place}: kept {}", evidence.join("; ")))
        }
        Outcome::Fails { message, .. } => Finding::warn(
            format!("{place}: counted and told in metrics, but nothing stops a writer"),
            "put the store on a file system with project quotas: XFS mounted with prjquota, or ext4 \
             after 'tune2fs -O project,quota', mounted with prjquota; the kernel needs CONFIG_QUOTA \
             and, for XFS, CONFIG_XFS_QUOTA",
        )
        .and(message.clone()),
        Outcome::NotTried => Finding::warn(format!("{place}: not tried"), REMEDY),
    }
}

/// Tries in a scratch directory where the store is, or would be.
fn probed(store: &Path, name: &str, all: bool) -> Result<Report, Finding> {
    let place = existing(store);
    let scratch = place.join(format!(".warren-doctor-{}-{name}", std::process::id()));
    if let Err(error) = std::fs::create_dir(&scratch) {
        let text = format!("nothing can be made in {}: {error}", place.display());
        return Err(Finding::fail(text, REMEDY));
    }
    let report = driver::probe(&scratch, &[], all);
    let removed = std::fs::remove_dir(&scratch);
    if let Err(error) = removed {
        let text = format!("{} cannot be removed: {error}", scratch.display());
        return Err(Finding::fail(text, "remove it by hand"));
    }
    report.map_err(|errno| Finding::fail(format!("{}: {}", place.display(), chain(&errno)), REMEDY))
}
