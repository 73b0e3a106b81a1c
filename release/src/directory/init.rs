//! New release directories, and old ones without what was made in them.

use std::fs;
use std::io;
use std::path::Path;

use warren_wire_release::check_name;
use warren_wire_release::directory::Config;

use super::error::file;
use super::write::replace;
use super::{Directory, Error, git};

/// What git is not to keep. The stock command line writes the same.
const IGNORED: &str = "config/private.yml
blobs
dev_releases
releases/*.tgz
releases/**/*.tgz
.dev_builds
.final_builds/jobs/**/*.tgz
.final_builds/packages/**/*.tgz
.DS_Store
.idea
*.swp
*~
*#
#*
";

/// How a release directory is to be.
#[derive(Debug, Clone, Copy, Default)]
pub struct Init<'a> {
    /// The release's name; that of the directory, without `-release`, if none is given.
    pub name: Option<&'a str>,
    /// Whether it is to be a git repository.
    pub git: bool,
    /// A directory for what is final.
    pub local_blobstore: Option<&'a str>,
}

/// Makes a release directory and gives its release's name. What is there already stays.
///
/// # Errors
/// [`Error`], [`Error::Exists`] for a release directory.
pub fn init(directory: &Directory, wanted: Init<'_>) -> Result<String, Error> {
    let root = directory.root();
    fs::create_dir_all(root).map_err(file("make", root))?;
    let config = directory.config_path("final.yml");
    if config.try_exists().map_err(file("look at", &config))? {
        return Err(Error::Exists {
            what: "the release's configuration".to_owned(),
            path: config,
        });
    }
    let name = match wanted.name {
        Some(name) => name.to_owned(),
        None => own_name(root)?,
    };
    check_name("release", &name)?;
    for folder in ["jobs", "packages", "src"] {
        let path = root.join(folder);
        fs::create_dir_all(&path).map_err(file("make", &path))?;
    }
    let blobs = directory.config_path("blobs.yml");
    if !blobs.try_exists().map_err(file("look at", &blobs))? {
        replace(&blobs, "--- {}\n")?;
    }
    if wanted.git {
        git::init(root)?;
        replace(&root.join(".gitignore"), IGNORED)?;
    }
    // Last: with it, this is a release directory.
    replace(
        &config,
        &Config::new_final_yml(&name, wanted.local_blobstore),
    )?;
    Ok(name)
}

fn own_name(root: &Path) -> Result<String, Error> {
    let path = root.canonicalize().map_err(file("find", root))?;
    let name = path
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    Ok(match name.strip_suffix("-release") {
        Some(name) => name.to_owned(),
        None => name,
    })
}

/// Removes what was made in a release directory and is not final.
///
/// # Errors
/// [`Error`].
pub fn reset(directory: &Directory) -> Result<(), Error> {
    directory.config()?;
    for folder in [".dev_builds", "dev_releases", ".blobs", "blobs"] {
        let path = directory.root().join(folder);
        // A link goes, not what it leads to.
        let removed = match fs::symlink_metadata(&path) {
            Ok(meta) if meta.is_dir() => fs::remove_dir_all(&path),
            Ok(_) => fs::remove_file(&path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        };
        removed.map_err(file("remove", &path))?;
    }
    Ok(())
}
