//! Paths of groups as a cgroup namespace shows them.
//!
//! `/proc/PID/cgroup` and the root field of a cgroup line in `mountinfo` both name a group relative
//! to the *reader's* cgroup namespace root. A group outside it begins with one `..` per level to
//! climb: `/..` is the parent of our root, `/../x` a sibling.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A group, relative to the root of the reader's cgroup namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct NsPath {
    /// Levels to climb from the namespace root.
    pub ups: usize,
    /// Names to descend from there.
    pub names: Vec<OsString>,
}

/// Why a group cannot be named below a mount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// The mount shows another part of the tree.
    #[error("group {group} is not below {root}, which is what the mount shows")]
    NotBelow {
        /// The group.
        group: NsPath,
        /// The mount's root.
        root: NsPath,
    },
    /// The mount's root is above our namespace's, and the names in between cannot be known from
    /// inside.
    #[error(
        "the mount shows {root}, from outside our cgroup namespace; the names from there down to {group} cannot be known from inside"
    )]
    NamesUnknown {
        /// The group.
        group: NsPath,
        /// The mount's root.
        root: NsPath,
    },
}

impl NsPath {
    /// Reads the kernel's form. `None` if it is not absolute or climbs after descending.
    #[must_use]
    pub fn parse(text: &[u8]) -> Option<Self> {
        let mut path = Self::default();
        for name in text
            .strip_prefix(b"/")?
            .split(|b| *b == b'/')
            .filter(|n| !n.is_empty())
        {
            match name {
                b".." if path.names.is_empty() => path.ups += 1,
                b"." | b".." => return None,
                _ => path.names.push(OsStr::from_bytes(name).to_owned()),
            }
        }
        Some(path)
    }

    /// Whether it is the namespace root itself.
    #[must_use]
    pub fn is_root(&self) -> bool {
        self.ups == 0 && self.names.is_empty()
    }

    /// Whether it lies outside the namespace.
    #[must_use]
    pub fn is_outside(&self) -> bool {
        self.ups > 0
    }

    /// This group relative to `root`, both read from the same namespace. Empty if they are equal.
    ///
    /// # Errors
    /// It is not below `root`, or only the outside knows the names in between.
    pub fn relative_to(&self, root: &Self) -> Result<PathBuf, JoinError> {
        let pair = || (self.clone(), root.clone());
        if root.ups > self.ups && root.names.is_empty() {
            let (group, root) = pair();
            return Err(JoinError::NamesUnknown { group, root });
        }
        let below = (root.ups == self.ups).then(|| self.names.strip_prefix(root.names.as_slice()));
        match below.flatten() {
            Some(rest) => Ok(rest.iter().collect()),
            None => {
                let (group, root) = pair();
                Err(JoinError::NotBelow { group, root })
            }
        }
    }

    /// The names as a relative path; only meaningful for a path inside the namespace.
    #[must_use]
    pub fn inside(&self) -> Option<PathBuf> {
        (self.ups == 0).then(|| self.names.iter().collect())
    }

    /// The group `name` below this one.
    #[must_use]
    pub fn join(&self, name: impl Into<OsString>) -> Self {
        let mut path = self.clone();
        path.names.push(name.into());
        path
    }
}

impl From<&NsPath> for PathBuf {
    fn from(path: &NsPath) -> Self {
        let ups = std::iter::repeat_n(OsStr::new(".."), path.ups);
        let names = path.names.iter().map(OsString::as_os_str);
        std::iter::once(OsStr::new("/"))
            .chain(ups)
            .chain(names)
            .collect()
    }
}

impl fmt::Display for NsPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Path::new(&PathBuf::from(self)).display().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn path(text: &str) -> NsPath {
        NsPath::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn forms() {
        assert!(path("/").is_root());
        assert!(path("/..").is_outside());
        assert_eq!(path("/../../a/b").to_string(), "/../../a/b");
        assert_eq!(NsPath::parse(b"a"), None);
        assert_eq!(NsPath::parse(b"/a/../b"), None);
        assert_eq!(NsPath::parse(b""), None);
    }

    #[test]
    fn joining_subtracts_the_mount_root() {
        let join = |group: &str, root: &str| path(group).relative_to(&path(root));
        assert_eq!(join("/a/b", "/").unwrap(), Path::new("a/b"));
        assert_eq!(join("/docker/x", "/docker/x").unwrap(), Path::new(""));
        assert_eq!(join("/docker/x/y", "/docker/x").unwrap(), Path::new("y"));
        assert_eq!(join("/../s/t", "/../s").unwrap(), Path::new("t"));
        assert_eq!(join("/../s/t", "/..").unwrap(), Path::new("s/t"));
        assert!(matches!(join("/a", "/b"), Err(JoinError::NotBelow { .. })));
        assert!(matches!(
            join("/docker/xy", "/docker/x"),
            Err(JoinError::NotBelow { .. })
        ));
        assert!(matches!(
            join("/../s", "/"),
            Err(JoinError::NotBelow { .. })
        ));
        assert!(matches!(
            join("/", "/.."),
            Err(JoinError::NamesUnknown { .. })
        ));
        assert!(matches!(
            join("/a", "/../.."),
            Err(JoinError::NamesUnknown { .. })
        ));
        assert!(matches!(
            join("/a", "/../x"),
            Err(JoinError::NotBelow { .. })
        ));
    }

    proptest! {
        #[test]
        fn junk_never_panics_or_climbs(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Some(path) = NsPath::parse(&bytes) {
                prop_assert!(path.names.iter().all(|n| n != ".." && n != "."));
            }
        }

        #[test]
        fn display_round_trips(ups in 0_usize..4, names in proptest::collection::vec("[a-z]{1,5}", 0..5)) {
            let path = NsPath { ups, names: names.iter().map(Into::into).collect() };
            prop_assert_eq!(NsPath::parse(path.to_string().as_bytes()).unwrap(), path);
        }
    }
}
