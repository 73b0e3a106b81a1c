//! A package's directory: its scripts, and the files of `src` and `blobs` that its patterns fit.

use std::collections::BTreeMap;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use warren_wire_release::{PackageLock, PackageSpec, check_name};

use super::Error;
use super::error::file;
use super::glob::{Found, Pattern};
use super::member::{Links, Member};
use super::write::read_if_there;

const PACKAGING: &str = "packaging";
const PRE_PACKAGING: &str = "pre_packaging";

/// A package as its directory has it.
pub(super) enum Source {
    /// With its source.
    Files {
        spec: PackageSpec,
        members: Vec<Member>,
        /// A script that is run on the files before they are archived.
        pre_packaging: Option<PathBuf>,
    },
    /// Only named.
    Lock(PackageLock),
}

/// Reads a package's directory and finds its files.
pub(super) fn read(root: &Path, name: &str) -> Result<Source, Error> {
    check_name("package", name)?;
    let directory = root.join("packages").join(name);
    let yaml = |path: &Path| {
        let path = path.to_owned();
        move |source| Error::Yaml { path, source }
    };
    let same = |path: &Path, there: &str| {
        if there == name {
            return Ok(());
        }
        Err(Error::OtherName {
            path: path.to_owned(),
            name: there.to_owned(),
        })
    };
    let lock = directory.join("spec.lock");
    if let Some(bytes) = read_if_there(&lock)? {
        let read = PackageLock::parse(&bytes).map_err(yaml(&lock))?;
        same(&lock, &read.name)?;
        check_name("fingerprint", &read.fingerprint)?;
        return Ok(Source::Lock(read));
    }
    let path = directory.join("spec");
    let missing = |what: &str| Error::Missing {
        what: "package",
        name: name.to_owned(),
        path: what.into(),
    };
    let bytes = read_if_there(&path)?.ok_or_else(|| missing("spec"))?;
    let spec = PackageSpec::parse(&bytes).map_err(yaml(&path))?;
    same(&path, &spec.name)?;
    let mut members = Vec::new();
    let mut pre_packaging = None;
    for script in [PACKAGING, PRE_PACKAGING] {
        let path = directory.join(script);
        if path.try_exists().map_err(file("look at", &path))? {
            let member = Member::new(script.into(), path.clone(), Links::Keep)?;
            members.push(member.without_mode());
            if script == PRE_PACKAGING {
                pre_packaging = Some(path);
            }
        } else if script == PACKAGING {
            return Err(missing(PACKAGING));
        }
    }
    for (name, path) in files(root, &spec)? {
        members.push(Member::new(name, path, Links::Keep)?);
    }
    Ok(Source::Files {
        spec,
        members,
        pre_packaging,
    })
}

/// What the patterns fit, by name. Of two of the same name that of the earlier pattern counts, and
/// for one pattern that of `src`.
fn files(root: &Path, spec: &PackageSpec) -> Result<BTreeMap<Vec<u8>, PathBuf>, Error> {
    let places = [root.join("src"), root.join("blobs")];
    let find = |pattern: &str| {
        let parsed = Pattern::new(pattern).map_err(|source| Error::Pattern {
            package: spec.name.clone(),
            source,
        })?;
        let mut found = Vec::new();
        for place in &places {
            found.extend(parsed.find(place).map_err(file("search", place))?);
        }
        Ok::<_, Error>(found)
    };
    let mut files = BTreeMap::new();
    for pattern in &spec.files {
        let mut is_any = false;
        for found in find(pattern)? {
            if !is_packageable(&found)? {
                continue;
            }
            is_any = true;
            let name = found.name.as_os_str().as_bytes().to_vec();
            files.entry(name).or_insert(found.path);
        }
        if !is_any {
            return Err(Error::NoMatch {
                package: spec.name.clone(),
                pattern: pattern.clone(),
            });
        }
    }
    for pattern in &spec.excluded_files {
        for found in find(pattern)? {
            files.remove(found.name.as_os_str().as_bytes());
        }
    }
    for reserved in [PACKAGING, PRE_PACKAGING] {
        if files.contains_key(reserved.as_bytes()) {
            return Err(Error::Reserved {
                package: spec.name.clone(),
                file: reserved,
            });
        }
    }
    Ok(files)
}

/// Symbolic links as such, and files that are not behind one.
fn is_packageable(found: &Found) -> Result<bool, Error> {
    let meta = std::fs::symlink_metadata(&found.path).map_err(file("look at", &found.path))?;
    Ok(meta.is_symlink() || (!meta.is_dir() && !found.is_behind_link))
}
