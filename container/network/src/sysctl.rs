//! Forwarding between links, which the kernel does not do unless told to.
//!
//! It concerns all of the network namespace, not the containers' links alone, so nothing in this
//! crate switches it on by itself: whoever runs a server calls [`enable_forwarding`] and tells
//! what it changed. Below `/proc/sys/net` the calling thread's network namespace counts.

use std::path::{Path, PathBuf};

/// Switches that forwarding needs, below `/proc/sys`.
const IPV4: &str = "net/ipv4/ip_forward";
const IPV6: &str = "net/ipv6/conf/all/forwarding";

/// A switch that was turned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// Its file.
    pub path: PathBuf,
    /// What it said before.
    pub was: String,
    /// What it says now.
    pub now: String,
}

/// A switch could not be read or turned.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {}", path.display())]
pub struct Error {
    /// `read` or `write`.
    pub what: &'static str,
    /// Its file.
    pub path: PathBuf,
    /// Why; EROFS where a container has its own read-only `/proc/sys`.
    pub source: std::io::Error,
}

/// The switches that are off and that containers need on; `root` is `/proc/sys`.
///
/// # Errors
/// [`Error`].
pub fn forwarding_missing(root: &Path, ipv6: bool) -> Result<Vec<PathBuf>, Error> {
    let mut missing = Vec::new();
    for name in [IPV4].into_iter().chain(ipv6.then_some(IPV6)) {
        let path = root.join(name);
        if read(&path)? == "0" {
            missing.push(path);
        }
    }
    Ok(missing)
}

/// Turns on what [`forwarding_missing`] tells; returns what was changed, to be reported.
///
/// # Errors
/// [`Error`]; switches before the one in it may have been turned.
pub fn enable_forwarding(root: &Path, ipv6: bool) -> Result<Vec<Changed>, Error> {
    let mut changed = Vec::new();
    for path in forwarding_missing(root, ipv6)? {
        let was = read(&path)?;
        std::fs::write(&path, "1").map_err(|source| Error {
            what: "write",
            path: path.clone(),
            source,
        })?;
        let now = read(&path)?;
        changed.push(Changed { path, was, now });
    }
    Ok(changed)
}

/// Turns off again what [`enable_forwarding`] turns on for IPv4.
///
/// # Errors
/// [`Error`].
pub fn disable_forwarding(root: &Path) -> Result<(), Error> {
    let path = root.join(IPV4);
    std::fs::write(&path, "0").map_err(|source| Error {
        what: "write",
        path,
        source,
    })
}

fn read(path: &Path) -> Result<String, Error> {
    match std::fs::read_to_string(path) {
        Ok(text) => Ok(text.trim().to_owned()),
        Err(source) => Err(Error {
            what: "read",
            path: path.to_owned(),
            source,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_off_is_turned_on_and_told() {
        let root = tempfile::tempdir().unwrap();
        for (name, value) in [(IPV4, "0\n"), (IPV6, "1\n")] {
            let path = root.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, value).unwrap();
        }
        let changed = enable_forwarding(root.path(), true).unwrap();
        let [only] = changed.as_slice() else {
            panic!("{changed:?}")
        };
        assert_eq!((only.was.as_str(), only.now.as_str()), ("0", "1"));
        assert_eq!(enable_forwarding(root.path(), true).unwrap(), []);
    }

    #[test]
    fn a_missing_switch_is_named() {
        let error = enable_forwarding(Path::new("/nonexistent"), false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "cannot read /nonexistent/net/ipv4/ip_forward"
        );
    }
}
