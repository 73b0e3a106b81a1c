//! New jobs and packages with nothing in them.

use std::fs;
use std::path::{Path, PathBuf};

use warren_wire_release::check_name;
use warren_wire_release::yaml::quoted;

use super::error::file;
use super::write::replace;
use super::{Directory, Error};

/// Makes a job; gives its directory.
///
/// # Errors
/// [`Error`].
pub fn generate_job(directory: &Directory, name: &str) -> Result<PathBuf, Error> {
    let path = new_folder(directory, "jobs", "job", name)?;
    let templates = path.join("templates");
    fs::create_dir(&templates).map_err(file("make", &templates))?;
    let spec = format!(
        "---\nname: {}\n\ntemplates: {{}}\n\npackages: []\n\nproperties: {{}}\n",
        quoted(name)
    );
    replace(&path.join("spec"), &spec)?;
    replace(&path.join("monit"), "")?;
    Ok(path)
}

/// Makes a package; gives its directory.
///
/// # Errors
/// [`Error`].
pub fn generate_package(directory: &Directory, name: &str) -> Result<PathBuf, Error> {
    let path = new_folder(directory, "packages", "package", name)?;
    let spec = format!(
        "---\nname: {}\n\ndependencies: []\n\nfiles: []\n",
        quoted(name)
    );
    replace(&path.join("spec"), &spec)?;
    replace(&path.join("packaging"), "set -e\n")?;
    Ok(path)
}

fn new_folder(
    directory: &Directory,
    folder: &str,
    what: &'static str,
    name: &str,
) -> Result<PathBuf, Error> {
    directory.is_one()?;
    directory.config()?;
    check_name(what, name)?;
    let path: PathBuf = directory.root().join(folder).join(name);
    let parent: &Path = path.parent().unwrap_or(directory.root());
    fs::create_dir_all(parent).map_err(file("make", parent))?;
    match fs::create_dir(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(Error::Exists {
            what: format!("{what} {name:?}"),
            path,
        }),
        made => made.map(|()| path.clone()).map_err(file("make", &path)),
    }
}
