//! How root file systems would be made: the ladder of ways, tried where the server keeps its store.

use std::path::{Path, PathBuf};

use warren_container_rootfs::driver::{self, Outcome};
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

pub fn ladder(facts: &Facts) -> Finding {
    let store = facts.store();
    let place = existing(store);
    let scratch = place.join(format!(".warren-doctor-{}", std::process::id()));
    let remedy = "mount a directory of a real file system (ext4, xfs, btrfs) there (docker: \
                  --volume), or name one with --store or --upper-dir";
    if let Err(error) = std::fs::create_dir(&scratch) {
        let text = format!("nothing can be made in {}: {error}", place.display());
        return Finding::fail(text, remedy);
    }
    let report = driver::probe(&scratch, &[], true);
    let removed = std::fs::remove_dir(&scratch);
    if let Err(error) = removed {
        let text = format!("{} cannot be removed: {error}", scratch.display());
        return Finding::fail(text, "remove it by hand");
    }
    let report = match report {
        Ok(report) => report,
        Err(errno) => {
            return Finding::fail(format!("{}: {}", place.display(), chain(&errno)), remedy);
        }
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
        Finding::warn(first, remedy)
    };
    finding.and_all(lines)
}
