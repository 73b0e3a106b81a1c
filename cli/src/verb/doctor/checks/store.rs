//! Where stores may be, and what their file systems can do.

use std::path::{Path, PathBuf};

use rustix::fs::statfs;

use super::{Facts, Finding, overlay};

/// Where BOSH and Warren keep container file systems, best first.
const PLACES: [&str; 3] = ["/var/vcap/data", "/var/vcap/store", "/var/lib/warren"];
const LAST_RESORT: &str = "/tmp";

/// A place, tried.
pub struct Store {
    /// The directory.
    pub path: PathBuf,
    /// Its file system.
    pub kind: String,
    /// What came of an overlay with its upper layer there.
    pub overlay: Result<&'static str, String>,
}

/// Directories that exist, else the last resort.
pub fn places() -> Vec<PathBuf> {
    let there: Vec<PathBuf> = PLACES
        .iter()
        .map(PathBuf::from)
        .filter(|path| path.is_dir())
        .collect();
    if there.is_empty() {
        vec![LAST_RESORT.into()]
    } else {
        there
    }
}

/// Tries each.
pub fn probe() -> Vec<Store> {
    let store = |path: PathBuf| Store {
        kind: kind(&path),
        overlay: overlay::try_in(&path),
        path,
    };
    places().into_iter().map(store).collect()
}

/// The name of a directory's file system (linux/magic.h).
pub fn kind(path: &Path) -> String {
    let magic = statfs(path).map(|stat| u64::try_from(stat.f_type).unwrap_or(0));
    match magic {
        Ok(0xef53) => "ext4".to_owned(),
        Ok(0x5846_5342) => "xfs".to_owned(),
        Ok(0x9123_683e) => "btrfs".to_owned(),
        Ok(0x0102_1994) => "tmpfs".to_owned(),
        Ok(0x794c_7630) => "overlay".to_owned(),
        Ok(other) => format!("type {other:#x}"),
        Err(errno) => errno.to_string(),
    }
}

/// A stock GrootFS needs both; told for those who wonder about its failure.
pub fn xfs(_: &Facts) -> Finding {
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let has_xfs = known.lines().any(|line| line.ends_with("\txfs"));
    let kernel = if has_xfs {
        "the kernel has XFS"
    } else {
        "the kernel has no XFS loaded"
    };
    Finding::pass(format!(
        "{kernel}; not needed: rootfs need no XFS, no loop device and no quota"
    ))
}
