//! Which files a program sees.
//!
//! The operating system's programs and libraries, few files of `/etc` that libraries read, devices
//! that hold nothing, the directory that the program itself is installed in, and what else it is
//! given. No `/proc`, no `/sys`, no `/tmp`, nothing of `/var` but the distribution's gems.

use std::path::{Component, Path, PathBuf};

/// Where the operating system keeps programs and libraries.
const SYSTEM: &[&str] = &[
    "usr",
    "bin",
    "sbin",
    "lib",
    "lib32",
    "lib64",
    "libx32",
    "nix/store",
];

/// What libraries read, none of it secret.
const SETTINGS: &[&str] = &[
    "etc/alternatives",
    "etc/crypto-policies",
    "etc/ld.so.cache",
    "etc/ld.so.conf",
    "etc/ld.so.conf.d",
    "etc/localtime",
    "etc/pki/tls/openssl.cnf",
    "etc/ssl/certs",
    "etc/ssl/openssl.cnf",
    "etc/timezone",
    "var/lib/gems",
];

/// Devices that hold nothing.
const DEVICES: &[&str] = &[
    "dev/full",
    "dev/null",
    "dev/random",
    "dev/urandom",
    "dev/zero",
];

/// A place in the program's root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A symbolic link to this.
    Link(PathBuf),
    /// What is at this path outside.
    Tree(PathBuf),
    /// A device, which can be written to.
    Device(PathBuf),
}

/// All of them, each with its absolute path in the program's root; parents come first.
pub type View = Vec<(PathBuf, Place)>;

/// What a program sees that is installed at `program`, an absolute path; `root` is the root directory
/// to look in. What does not exist is left out.
#[must_use]
pub fn view(root: &Path, program: &Path, readable: &[PathBuf]) -> View {
    let mut view = View::new();
    for name in SYSTEM {
        let outside = root.join(name);
        match std::fs::read_link(&outside) {
            Ok(target) => view.push((Path::new("/").join(name), Place::Link(target))),
            Err(_) if outside.exists() => {
                view.push((Path::new("/").join(name), Place::Tree(outside)));
            }
            Err(_) => {}
        }
    }
    for name in SETTINGS {
        let outside = root.join(name);
        if outside.exists() {
            view.push((Path::new("/").join(name), Place::Tree(outside)));
        }
    }
    for name in DEVICES {
        let outside = root.join(name);
        if outside.exists() {
            view.push((Path::new("/").join(name), Place::Device(outside)));
        }
    }
    // A program finds its libraries by its own path, by links or without.
    let real = std::fs::canonicalize(program);
    let installed = [Some(program.to_path_buf()), real.ok()];
    let homes = installed.iter().flatten().filter_map(|path| home(path));
    for path in homes.chain(readable.iter().cloned()) {
        let is_seen = view
            .iter()
            .any(|(seen, place)| matches!(place, Place::Tree(_)) && path.starts_with(seen));
        if !is_seen && path.is_absolute() && is_plain(&path) && path.exists() {
            view.push((path.clone(), Place::Tree(path)));
        }
    }
    view
}

/// The directory that a program is installed in: that above `bin`, or its own. Never one that holds
/// more than one thing.
fn home(program: &Path) -> Option<PathBuf> {
    let directory = program.parent()?;
    let home = if directory.ends_with("bin") {
        directory.parent()?
    } else {
        directory
    };
    // The root directory, `/root`, `/home/NAME` and their like are nobody's alone.
    (home.components().count() > 3 || home.starts_with("/opt") && home != Path::new("/opt"))
        .then(|| home.to_path_buf())
}

fn is_plain(path: &Path) -> bool {
    path.components()
        .all(|part| matches!(part, Component::RootDir | Component::Normal(_)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn only_what_is_there_and_never_secrets() {
        let root = tempfile::tempdir().unwrap();
        let at = |name: &str| root.path().join(name);
        for name in ["usr/bin", "etc/ssl/certs", "etc/ssl/private", "dev"] {
            std::fs::create_dir_all(at(name)).unwrap();
        }
        for name in ["etc/shadow", "etc/localtime", "dev/null"] {
            std::fs::write(at(name), "").unwrap();
        }
        symlink("usr/bin", at("bin")).unwrap();
        let seen = view(root.path(), Path::new("/usr/bin/ruby"), &[]);
        let paths: Vec<_> = seen
            .iter()
            .map(|(path, _)| path.to_str().unwrap())
            .collect();
        assert_eq!(
            paths,
            [
                "/usr",
                "/bin",
                "/etc/localtime",
                "/etc/ssl/certs",
                "/dev/null"
            ]
        );
        assert_eq!(seen[1].1, Place::Link("usr/bin".into()));
    }

    #[test]
    fn the_home_of_a_program() {
        for (program, expected) in [
            (
                "/var/vcap/packages/ruby/bin/ruby",
                Some("/var/vcap/packages/ruby"),
            ),
            ("/opt/ruby/bin/ruby", Some("/opt/ruby")),
            (
                "/home/me/.rubies/3.3/bin/ruby",
                Some("/home/me/.rubies/3.3"),
            ),
            ("/opt/ruby", None),
            ("/root/bin/ruby", None),
            ("/home/me/ruby", None),
            ("/home/me/bin/ruby", None),
            ("/bin/ruby", None),
            ("/ruby", None),
        ] {
            assert_eq!(
                home(Path::new(program)),
                expected.map(PathBuf::from),
                "{program}"
            );
        }
    }
}
