//! What a root file system is and has, as far as a stemcell needs to know.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::Error;
use super::accounts::Accounts;
use super::error::file;

/// Where programs are.
const PATH: [&str; 6] = [
    "usr/local/sbin",
    "usr/local/bin",
    "usr/sbin",
    "usr/bin",
    "sbin",
    "bin",
];
/// What packages and jobs of releases take for granted.
const EXPECTED: [&str; 12] = [
    "bash", "sh", "tar", "gzip", "sudo", "su", "awk", "sed", "ps", "mount", "chown", "sshd",
];
/// Most bytes of a file that is read as a whole.
const MOST_BYTES: u64 = 64 << 20;

/// A root file system.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// `os-release`.
    pub(super) system: BTreeMap<String, String>,
    pub(super) accounts: Accounts,
    pub(super) sudoers: Option<String>,
    /// Where `/sbin` is: it is a link where `/usr` is merged.
    pub(super) sbin: String,
    pub(super) has_sshd_directory: bool,
    /// Programs that are expected but not there.
    pub(super) missing: BTreeSet<&'static str>,
    /// As `dpkg -l` prints them.
    pub(super) packages: String,
}

impl Facts {
    /// Looks at a root file system.
    ///
    /// # Errors
    /// [`Error::File`].
    pub fn read(root: &Path) -> Result<Self, Error> {
        let meta = fs::metadata(root).map_err(file("look at", root))?;
        if !meta.is_dir() {
            return Err(file("use", root)(io::ErrorKind::NotADirectory.into()));
        }
        let text = |path: &str| read(root, path).map(Option::unwrap_or_default);
        let system = match read(root, "etc/os-release")? {
            Some(text) => text,
            None => text("usr/lib/os-release")?,
        };
        let status = text("var/lib/dpkg/status")?;
        let missing = EXPECTED.into_iter().filter(|program| {
            let mut places = PATH.iter().map(|folder| root.join(folder).join(program));
            // A link in there may lead nowhere from here.
            !places.any(|path| fs::symlink_metadata(path).is_ok())
        });
        Ok(Self {
            system: variables(&system),
            accounts: Accounts {
                passwd: text("etc/passwd")?,
                group: text("etc/group")?,
                shadow: text("etc/shadow")?,
                gshadow: text("etc/gshadow")?,
            },
            sudoers: read(root, "etc/sudoers")?,
            sbin: match fs::read_link(root.join("sbin")) {
                Ok(target) => match without_dots(&target).to_string_lossy() {
                    target if target.is_empty() => "sbin".to_owned(),
                    target => target.into_owned(),
                },
                Err(_) => "sbin".to_owned(),
            },
            has_sshd_directory: root.join("etc/ssh/sshd_config.d").is_dir(),
            missing: missing.collect(),
            packages: packages(&status),
        })
    }

    /// `ubuntu-noble`, `debian-bookworm` ...
    pub fn operating_system(&self) -> Option<String> {
        let id = self.system.get("ID").filter(|id| !id.is_empty())?;
        let version = self
            .system
            .get("VERSION_CODENAME")
            .or_else(|| self.system.get("VERSION_ID"));
        let clean = |text: &str| -> String {
            let good = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
            text.to_ascii_lowercase().chars().filter(good).collect()
        };
        Some(match version {
            Some(version) if !version.is_empty() => format!("{}-{}", clean(id), clean(version)),
            _ => clean(id),
        })
    }

    /// Programs that releases take for granted and that are not there.
    pub fn missing(&self) -> impl Iterator<Item = &'static str> {
        self.missing.iter().copied()
    }
}

/// A file of the root file system as a text. Nothing outside of it is read: a link is followed if it
/// stays inside and no further than once.
fn read(root: &Path, path: &str) -> Result<Option<String>, Error> {
    let mut at = root.join(path);
    if let Ok(target) = fs::read_link(&at) {
        let next = match target.strip_prefix("/") {
            Ok(absolute) => absolute.to_owned(),
            Err(_) => Path::new(path)
                .parent()
                .unwrap_or(Path::new(""))
                .join(target),
        };
        at = root.join(without_dots(&next));
    }
    match fs::symlink_metadata(&at) {
        Ok(meta) if meta.is_file() && meta.len() <= MOST_BYTES => {}
        Ok(_) => return Ok(None),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(file("look at", &at)(error)),
    }
    let bytes = fs::read(&at).map_err(file("read", &at))?;
    Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
}

/// `a/../b` is `b`, and there is nothing above the first component.
fn without_dots(path: &Path) -> PathBuf {
    let mut out = PathBuf::new();
    for part in path.components() {
        match part {
            std::path::Component::Normal(part) => out.push(part),
            std::path::Component::ParentDir => {
                out.pop();
            }
            _ => {}
        }
    }
    out
}

/// `KEY=value` lines, the value perhaps between quotes. Source: os-release(5).
fn variables(text: &str) -> BTreeMap<String, String> {
    let pairs = text.lines().filter_map(|line| line.trim().split_once('='));
    pairs
        .map(|(key, value)| (key.to_owned(), value.trim_matches(['"', '\'']).to_owned()))
        .collect()
}

/// What is installed, as `dpkg -l` lists it, sorted.
fn packages(status: &str) -> String {
    let mut lines = BTreeSet::new();
    for paragraph in status.split("\n\n") {
        let field = |name: &str| {
            let lines = paragraph.lines().filter_map(|line| line.split_once(": "));
            lines
                .clone()
                .find(|(key, _)| *key == name)
                .map(|(_, value)| value.trim())
        };
        if field("Status").is_some_and(|status| status.ends_with(" installed"))
            && let (Some(name), Some(version)) = (field("Package"), field("Version"))
        {
            let architecture = field("Architecture").unwrap_or("-");
            let description = field("Description").unwrap_or_default();
            lines.insert(format!(
                "ii  {name}  {version}  {architecture}  {description}\n"
            ));
        }
    }
    lines.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_system_is_named() {
        let named = |text: &str| {
            let facts = Facts {
                system: variables(text),
                ..Facts::default()
            };
            facts.operating_system()
        };
        let noble = "ID=ubuntu\nVERSION_ID=\"24.04\"\nVERSION_CODENAME=noble\n";
        assert_eq!(named(noble).as_deref(), Some("ubuntu-noble"));
        assert_eq!(
            named("ID=\"alpine\"\nVERSION_ID=3.20\n").as_deref(),
            Some("alpine-3.20")
        );
        assert_eq!(named("ID=arch\n").as_deref(), Some("arch"));
        assert_eq!(named("NAME=x\n"), None);
    }

    #[test]
    fn packages_are_listed() {
        let status = "Package: b\nStatus: install ok installed\nVersion: 1:2-3\nArchitecture: amd64\n\
            Description: Two\n more\n\nPackage: a\nStatus: deinstall ok config-files\nVersion: 1\n\n\
            Package: a\nStatus: install ok installed\nVersion: 1\n";
        assert_eq!(
            packages(status),
            "ii  a  1  -  \nii  b  1:2-3  amd64  Two\n"
        );
    }

    #[test]
    fn sbin_stays_inside() {
        let root = tempfile::tempdir().unwrap();
        let link = |target: &str| {
            let path = root.path().join("sbin");
            let _ = fs::remove_file(&path);
            std::os::unix::fs::symlink(target, path).unwrap();
            Facts::read(root.path()).unwrap().sbin
        };
        assert_eq!(link("usr/sbin"), "usr/sbin");
        assert_eq!(link("/usr/bin/"), "usr/bin");
        assert_eq!(link("../../etc"), "etc");
        assert_eq!(link("../.."), "sbin");
    }

    #[test]
    fn nothing_outside_is_read() {
        let top = tempfile::tempdir().unwrap();
        fs::write(top.path().join("secret"), "secret").unwrap();
        let root = top.path().join("root");
        fs::create_dir_all(root.join("etc")).unwrap();
        fs::create_dir_all(root.join("usr/lib")).unwrap();
        fs::write(root.join("usr/lib/os-release"), "ID=inside\n").unwrap();
        let link = |target: &str| {
            let path = root.join("etc/os-release");
            let _ = fs::remove_file(&path);
            std::os::unix::fs::symlink(target, path).unwrap();
            Facts::read(&root).unwrap().operating_system()
        };
        assert_eq!(link("../usr/lib/os-release").as_deref(), Some("inside"));
        assert_eq!(link("/usr/lib/os-release").as_deref(), Some("inside"));
        let outside = top.path().join("secret");
        // What is not there is as if there were none; the other place is asked.
        assert_eq!(link(outside.to_str().unwrap()).as_deref(), Some("inside"));
        assert_eq!(link("../../secret").as_deref(), Some("inside"));
    }
}
