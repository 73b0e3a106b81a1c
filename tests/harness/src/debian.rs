//! Root file systems of Debian packages, made once and kept.
//!
//! ```text
//! TARGET/debian/lock       held while one is made
//! TARGET/debian/KEY/       the root file system; the key says what it is made of
//! ```
//!
//! Translations, manuals and documentation are left out: nobody reads them in a test.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::fs::{FlockOperation, flock};
use warren_release::stemcell::sources;

use crate::programs;

/// What else decides what is made; to be changed with [`make`].
const RECIPE: u64 = 1;

/// Which packages, besides those that others need, come along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Those that Debian calls essential: a system.
    Essential,
    /// None, and nothing is configured: files and no more, for where every byte counts.
    Extract,
}

/// A root file system with these packages, of the machine's own release of Debian. It is shared:
/// nobody may write to it.
///
/// # Panics
/// Without mmdebstrap and root, or if packages cannot be had.
#[must_use]
#[track_caller]
pub fn root(variant: Variant, packages: &[&str]) -> PathBuf {
    match try_root(variant, packages) {
        Ok(root) => root,
        Err(error) => panic!("cannot make a root file system of Debian packages: {error}"),
    }
}

fn try_root(variant: Variant, packages: &[&str]) -> io::Result<PathBuf> {
    programs::usual_umask();
    let all = programs::target().join("debian");
    fs::create_dir_all(&all)?;
    let lock = File::create(all.join("lock"))?;
    flock(&lock, FlockOperation::LockExclusive)?;
    let suite = suite()?;
    let root = all.join(key(&suite, variant, packages));
    if root.is_dir() {
        return Ok(root);
    }
    // One that was not finished has nobody any more who works at it.
    let making = all.join("making");
    if making.is_dir() {
        fs::remove_dir_all(&making)?;
    }
    make(&making, &suite, variant, packages)?;
    fs::rename(&making, &root)?;
    Ok(root)
}

fn make(root: &Path, suite: &str, variant: Variant, packages: &[&str]) -> io::Result<()> {
    let variant = match variant {
        Variant::Essential => "essential",
        Variant::Extract => "extract",
    };
    // It mounts things below that directory, which tests at the same time would take for their own leaks.
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "mmdebstrap"])
        .args(["--mode=root", "--format=directory"])
        .arg(format!("--variant={variant}"))
        .arg("--aptopt=Acquire::Retries \"5\"")
        .arg("--aptopt=Acquire::Languages \"none\"")
        .arg("--aptopt=Apt::Install-Recommends \"false\"");
    for excluded in ["doc", "locale", "man"] {
        command.arg(format!("--dpkgopt=path-exclude=/usr/share/{excluded}/*"));
    }
    command
        .arg(format!("--include={}", packages.join(",")))
        .arg(suite)
        .arg(root)
        .args(sources::of(Path::new("/")));
    let output = command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| io::Error::other(format!("mmdebstrap: {error}")))?;
    match output.status.success() {
        true => Ok(()),
        false => Err(io::Error::other(format!(
            "mmdebstrap: {}\n{}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        ))),
    }
}

fn suite() -> io::Result<String> {
    let text = fs::read_to_string("/etc/os-release")?;
    let name = text
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="));
    name.map(|name| name.trim_matches('"').to_owned())
        .ok_or_else(|| io::Error::other("this machine's system has no code name"))
}

/// The same for the same, in every build: FNV-1a.
fn key(suite: &str, variant: Variant, packages: &[&str]) -> String {
    let text = format!("{RECIPE} {variant:?} {}", packages.join(" "));
    let digest = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    format!("{suite}-{digest:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_differs_has_other_names() {
        let essential = key("bookworm", Variant::Essential, &["bash", "ruby"]);
        assert_eq!(
            essential,
            key("bookworm", Variant::Essential, &["bash", "ruby"])
        );
        assert_ne!(
            essential,
            key("bookworm", Variant::Extract, &["bash", "ruby"])
        );
        assert_ne!(essential, key("bookworm", Variant::Essential, &["bash"]));
        assert!(essential.starts_with("bookworm-"));
    }
}
