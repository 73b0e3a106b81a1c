//! Packages taken over from another release: their archives, and a lock instead of sources.

use std::collections::BTreeMap;
use std::fs;

use warren_wire_release::directory::Build;
use warren_wire_release::{MultiDigest, PackageLock, check_name};

use super::blobstore::Store;
use super::error::file;
use super::index::Index;
use super::write::replace;
use super::{Directory, Error, Event, Kind, Part, Reporter, Stage, cache, read};

/// Takes a package of `from`, with all it is compiled with, into `to`. `prefix` and a dash come
/// before the names. Gives the names there.
///
/// The other release must have final archives of them, in its cache or blobstore, and this one a
/// blobstore.
///
/// # Errors
/// [`Error`]; [`Error::Exists`] for a package that has sources here.
pub fn vendor_package(
    from: &Directory,
    to: &Directory,
    package: &str,
    prefix: Option<&str>,
    report: Reporter<'_>,
) -> Result<Vec<String>, Error> {
    to.config()?;
    let parts: BTreeMap<String, Part> = read(from)?
        .into_iter()
        .filter(|part| part.kind == Kind::Package)
        .map(|part| (part.name.clone(), part))
        .collect();
    let missing = |name: &str| Error::Missing {
        what: "package",
        name: name.to_owned(),
        path: format!("packages/{name}").into(),
    };
    let mut wanted: BTreeMap<&str, &Part> = BTreeMap::new();
    let mut rest = vec![package];
    while let Some(name) = rest.pop() {
        let part = parts.get(name).ok_or_else(|| missing(name))?;
        if wanted.insert(name, part).is_none() {
            rest.extend(part.packages.iter().map(String::as_str));
        }
    }
    let named = |name: &str| match prefix {
        Some(prefix) => format!("{prefix}-{name}"),
        None => name.to_owned(),
    };
    let store = Store::open(to)?;
    let mut names = Vec::new();
    for (name, part) in wanted {
        let there = named(name);
        check_name("package", &there)?;
        take(from, to, &store, part, &there, report)?;
        let folder = to.root().join("packages").join(&there);
        if folder.join("spec").exists() {
            return Err(Error::Exists {
                what: format!("a package {there:?} with sources"),
                path: folder,
            });
        }
        fs::create_dir_all(&folder).map_err(file("make", &folder))?;
        let lock = PackageLock {
            name: there.clone(),
            fingerprint: part.fingerprint.clone(),
            dependencies: part.packages.iter().map(|one| named(one)).collect(),
        };
        replace(&folder.join("spec.lock"), &lock.to_yaml())?;
        names.push(there);
    }
    Ok(names)
}

/// Puts one package's archive into the other's blobstore and index.
fn take(
    from: &Directory,
    to: &Directory,
    store: &Store,
    part: &Part,
    there: &str,
    report: Reporter<'_>,
) -> Result<(), Error> {
    let mut index = Index::read(to, Stage::Final, Kind::Package, there)?;
    if index.find(&part.fingerprint).is_some() {
        return Ok(());
    }
    let absent = || Error::NoArchive {
        what: "package",
        name: part.name.clone(),
        fingerprint: part.fingerprint.clone(),
        why: "the other release has no final one",
    };
    let theirs = Index::read(from, Stage::Final, Kind::Package, &part.name)?;
    let entry = theirs.find(&part.fingerprint).ok_or_else(absent)?;
    let digest: MultiDigest = entry.sha1.parse().map_err(|source| Error::BadDigest {
        path: theirs.path().clone(),
        source,
    })?;
    let path = match cache::find(to, &digest)? {
        Some(path) => path,
        None => {
            let id = entry.blobstore_id.as_deref().ok_or_else(absent)?;
            let kept = Store::open(from)?
                .find(id, theirs.path())?
                .ok_or_else(absent)?;
            cache::take(to, &digest, &kept)?
        }
    };
    let what = format!("{there}/{}", part.fingerprint);
    report(Event::Uploading { what: &what });
    let id = store.put(&path)?;
    index.add(Build {
        version: part.fingerprint.clone(),
        blobstore_id: Some(id.clone()),
        sha1: digest.to_string(),
    })?;
    report(Event::Uploaded {
        what: &what,
        id: &id,
    });
    Ok(())
}
