//! Where a machine's own packages come from, among apt's files.
//!
//! | | |
//! |---|---|
//! | `sources.list.d/debian.sources` | Debian from 13 on, and its images from 12 on |
//! | `sources.list.d/ubuntu.sources` | Ubuntu from 24.04 on |
//! | `sources.list` | others; beside one of those above often nothing but a comment |
//!
//! What else is in `sources.list.d` is of other vendors and has no system. Both formats are those of
//! sources.list(5); `mmdebstrap` tells them apart by the ending, and takes a file without an entry for a
//! system without packages.

use std::path::{Path, PathBuf};

const PLACES: [&str; 3] = [
    "etc/apt/sources.list.d/debian.sources",
    "etc/apt/sources.list.d/ubuntu.sources",
    "etc/apt/sources.list",
];

/// The file below this root that says where the system's packages come from; none where no file does,
/// and then `mmdebstrap` takes the usual place of the release.
#[must_use]
pub fn of(root: &Path) -> Option<PathBuf> {
    PLACES.iter().map(|place| root.join(place)).find(|path| {
        std::fs::read_to_string(path).is_ok_and(|text| match path.extension() {
            Some(ending) if ending == "sources" => has_stanza(&text),
            _ => has_line(&text),
        })
    })
}

/// Whether a line is an entry of binary packages.
fn has_line(text: &str) -> bool {
    let mut kinds = text
        .lines()
        .filter_map(|line| line.split([' ', '\t', '[']).find(|word| !word.is_empty()));
    kinds.any(|kind| kind == "deb")
}

/// Whether a paragraph is of binary packages and not switched off.
fn has_stanza(text: &str) -> bool {
    let (mut binary, mut enabled) = (false, true);
    // One more empty line ends the last.
    for line in text.lines().chain([""]) {
        if line.trim().is_empty() {
            if binary && enabled {
                return true;
            }
            (binary, enabled) = (false, true);
        }
        let Some((name, value)) = line.split_once(':') else {
            continue;
        };
        if name.eq_ignore_ascii_case("types") {
            binary = value.split_whitespace().any(|kind| kind == "deb");
        }
        if name.eq_ignore_ascii_case("enabled") {
            let off = ["no", "false", "off", "without", "disable"];
            enabled = !off.contains(&value.trim());
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What Ubuntu 24.04 has.
    const UBUNTU: &str = "# See http://help.ubuntu.com/community/UpgradeNotes\n\
        Types: deb\nURIs: http://archive.ubuntu.com/ubuntu/\nSuites: noble noble-updates\n\
        Components: main universe\nSigned-By: /usr/share/keyrings/ubuntu-archive-keyring.gpg\n";
    const MOVED: &str =
        "# Ubuntu sources have moved to /etc/apt/sources.list.d/ubuntu.sources\n#deb x y z\n";
    const LINES: &str =
        "# deb-src x y z\ndeb\t[signed-by=/k] http://deb.debian.org/debian bookworm main\n";

    fn chosen(files: &[(&str, &str)]) -> Option<String> {
        let root = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = root.path().join("etc/apt").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let found = of(root.path())?;
        let found = found.strip_prefix(root.path().join("etc/apt")).unwrap();
        Some(found.to_str().unwrap().to_owned())
    }

    #[test]
    fn ubuntu_says_it_elsewhere_than_its_list() {
        let files = [
            ("sources.list", MOVED),
            ("sources.list.d/ubuntu.sources", UBUNTU),
        ];
        assert_eq!(
            chosen(&files).as_deref(),
            Some("sources.list.d/ubuntu.sources")
        );
    }

    #[test]
    fn a_file_without_an_entry_says_nothing() {
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[("sources.list", MOVED)]), None);
        assert_eq!(chosen(&[("sources.list", "deb-src x y z\n")]), None);
        for off in [
            "Types: deb-src\n",
            "Types: deb\nEnabled: no\n",
            "# Types: deb\n",
        ] {
            let files = [
                ("sources.list.d/debian.sources", off),
                ("sources.list", LINES),
            ];
            assert_eq!(chosen(&files).as_deref(), Some("sources.list"), "{off}");
        }
    }

    #[test]
    fn the_first_with_an_entry_is_taken() {
        let second = "types: deb-src\nEnabled: yes\n\nTypes: deb-src deb\nURIs: x\n";
        let files = [
            ("sources.list.d/debian.sources", second),
            ("sources.list", LINES),
        ];
        assert_eq!(
            chosen(&files).as_deref(),
            Some("sources.list.d/debian.sources")
        );
        // What others put beside it is no system.
        let files = [
            ("sources.list.d/docker.list", LINES),
            ("sources.list", LINES),
        ];
        assert_eq!(chosen(&files).as_deref(), Some("sources.list"));
        assert_eq!(
            chosen(&[("sources.list", "deb [a=b] x y z\n")]).as_deref(),
            Some("sources.list")
        );
    }
}
