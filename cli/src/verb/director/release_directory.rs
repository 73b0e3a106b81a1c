//! Releases of release directories, as tarballs that last as long as it takes to send them.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

use tempfile::{NamedTempFile, TempDir};
use warren_release::directory::{Create, Directory, Event, Stage, create, create_from};
use warren_wire_release::{ReleaseManifest, check_name};

use super::problem::Problem;
use super::session::Session;

/// A directory, with the cache of all directories.
fn directory(path: &Path) -> Result<Directory, Problem> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty());
    let home = home.ok_or_else(|| {
        Problem::text("HOME is not set").step("Finding the cache of release archives")
    })?;
    Ok(Directory::new(path, Path::new(&home).join(".bosh/cache")))
}

/// Says what is made, in the words of the stock command line.
fn tell<'a>(session: &'a mut Session<'_>) -> impl FnMut(Event<'_>) + 'a {
    |event| {
        let text = match event {
            Event::Added {
                kind,
                name,
                fingerprint,
            } => {
                format!("Added {} '{name}/{fingerprint}'", kind.name())
            }
            Event::Released {
                stage,
                name,
                version,
            } => {
                format!("Added {} release '{name}/{version}'", stage.name())
            }
            _ => return,
        };
        session.console.line(&text);
    }
}

/// The tarball of a release that was made before: of this name and version, or the newest.
pub fn packed(
    session: &mut Session<'_>,
    path: &Path,
    (name, version): (Option<&str>, Option<&str>),
) -> Result<NamedTempFile, Problem> {
    let step = || format!("Finding a release in '{}'", path.display());
    let directory = directory(path)?;
    let name = match name {
        Some(name) => name.to_owned(),
        None => directory.config()?.name,
    };
    check_name("release", &name)?;
    let stages = [("dev_releases", Stage::Dev), ("releases", Stage::Final)];
    let mut newest = None;
    for (folder, stage) in stages {
        let there = directory.releases(stage, &name)?;
        let found = match version {
            Some(version) => there.has(version).then(|| version.parse()).transpose()?,
            None => there.last(),
        };
        // Of two that are alike the final one is meant.
        if let Some(found) = found
            && newest.as_ref().is_none_or(|(newest, _)| found >= *newest)
        {
            newest = Some((found, folder));
        }
    }
    let (version, folder) = newest.ok_or_else(|| {
        let text = "Expected to find at least one dev or final version: make one with 'warren release create'";
        Problem::text(text).step(step())
    })?;
    let at = path
        .join(folder)
        .join(&name)
        .join(format!("{name}-{version}.yml"));
    let bytes = std::fs::read(&at).map_err(|error| {
        Problem::text(error.to_string()).step(format!("Reading file '{}'", at.display()))
    })?;
    let manifest = ReleaseManifest::parse(&bytes).map_err(|error| {
        Problem::from(error).step(format!("Reading release '{}'", at.display()))
    })?;
    let file = tempfile::Builder::new().suffix(".tgz").tempfile()?;
    create_from(&directory, &manifest, Some(file.path()), &mut tell(session))
        .map_err(|error| Problem::from(error).step(step()))?;
    Ok(file)
}

/// The tarball of a release that is made now, and its version.
pub fn created(
    session: &mut Session<'_>,
    path: &str,
    name: &str,
) -> Result<(NamedTempFile, String), Problem> {
    let file = tempfile::Builder::new().suffix(".tgz").tempfile()?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let wanted = Create {
        name: Some(name.to_owned()),
        timestamp: Some(now.as_secs()),
        force: true,
        tarball: Some(file.path().to_owned()),
        ..Create::default()
    };
    let directory = directory(Path::new(path))?;
    let made = create(&directory, &wanted, &mut tell(session))
        .map_err(|error| Problem::from(error).step(format!("Creating release of '{path}'")))?;
    Ok((file, made.manifest.version))
}

/// The address in `git+URL`, or one that is a repository's by its looks.
pub fn repository(from: &str) -> Option<&str> {
    let is_one = from.starts_with("git://") || from.starts_with("ssh://");
    from.strip_prefix("git+").or(is_one.then_some(from))
}

/// A repository's newest state.
pub fn cloned(url: &str) -> Result<TempDir, Problem> {
    let step = || format!("Cloning git repo '{url}'");
    let directory = tempfile::tempdir()?;
    let made = Command::new("git")
        .args(["clone", "--quiet", "--depth", "1", "--", url])
        .arg(directory.path())
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Problem::text(error.to_string()).step(step()))?;
    match made.status.success() {
        true => Ok(directory),
        false => {
            let text = String::from_utf8_lossy(&made.stderr).trim().to_owned();
            Err(Problem::text(text).step(step()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repositories_are_known_by_their_scheme() {
        assert_eq!(repository("git+https://h/x.git"), Some("https://h/x.git"));
        assert_eq!(repository("git+file:///x"), Some("file:///x"));
        assert_eq!(repository("ssh://git@h/x"), Some("ssh://git@h/x"));
        for none in ["https://h/x.tgz", "./x", "file:///x"] {
            assert_eq!(repository(none), None, "{none}");
        }
    }
}
