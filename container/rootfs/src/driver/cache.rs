//! The last report, kept in the store for as long as what it rests on stays the same.

use std::path::{Path, PathBuf};

use rustix::fs::{StatxFlags, statx};
use rustix::io::Errno;
use serde::{Deserialize, Serialize};

use super::report::{Outcome, Report, Rung};

/// What a report holds for; any difference means to probe again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Circumstances {
    kernel: String,
    /// Id of the store's mount, and of its file system.
    mount: u64,
    device: (u32, u32),
    user_namespace: u64,
    alternatives: Vec<PathBuf>,
    path: Option<String>,
    /// What the file system does with project quotas, which a remount may change.
    quota: String,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    circumstances: Circumstances,
    report: Report,
}

/// The report for the store at `root`, from a probe if need be. A `rung` that is asked for is
/// taken whether or not it was found to work: making an image tells why not.
pub(crate) fn cached_probe(
    root: &Path,
    alternatives: &[PathBuf],
    rung: Option<&Rung>,
) -> Result<Report, Errno> {
    let now = circumstances(root, alternatives)?;
    let path = root.join("probe.json");
    // What cannot be read is found out again.
    let kept = std::fs::read(&path).ok();
    let kept = kept.and_then(|bytes| serde_json::from_slice::<Kept>(&bytes).ok());
    let mut report = match kept.filter(|kept| kept.circumstances == now) {
        Some(kept) => kept.report,
        None => {
            let report = super::probe(&root.join("tmp"), alternatives, false)?;
            let kept = Kept {
                circumstances: now,
                report: report.clone(),
            };
            // What could not be tried for want of room may well work.
            if !is_of_a_full_disk(&kept.report)
                && let Ok(bytes) = serde_json::to_vec_pretty(&kept)
            {
                // Only costs the next one a probe.
                let _ = crate::store::write_whole(&path, &bytes);
            }
            report
        }
    };
    if let Some(rung) = rung.filter(|rung| **rung != report.chosen) {
        report.limits = super::probe::probe_limits(&root.join("tmp"), &report, rung)?;
        report.chosen = rung.clone();
    }
    Ok(report)
}

fn is_of_a_full_disk(report: &Report) -> bool {
    let full = [Errno::NOSPC, Errno::DQUOT].map(Errno::raw_os_error);
    let mut outcomes = report.rungs.iter().map(|tried| &tried.outcome);
    outcomes.any(|outcome| matches!(outcome, Outcome::Fails { errno, .. } if full.contains(errno)))
}

fn circumstances(root: &Path, alternatives: &[PathBuf]) -> Result<Circumstances, Errno> {
    use rustix::fs::{AtFlags, CWD};
    let kernel = rustix::system::uname()
        .release()
        .to_string_lossy()
        .into_owned();
    let stat = statx(
        CWD,
        root,
        AtFlags::empty(),
        StatxFlags::BASIC_STATS | StatxFlags::MNT_ID,
    )?;
    let user = rustix::fs::stat("/proc/self/ns/user").map_or(0, |stat| stat.st_ino);
    Ok(Circumstances {
        kernel,
        mount: stat.stx_mnt_id,
        device: (stat.stx_dev_major, stat.stx_dev_minor),
        user_namespace: user,
        alternatives: alternatives.to_vec(),
        path: std::env::var("PATH").ok(),
        quota: [root]
            .into_iter()
            .chain(alternatives.iter().map(PathBuf::as_path))
            .map(|place| format!("{:?};", super::quota_state(place)))
            .collect(),
    })
}
