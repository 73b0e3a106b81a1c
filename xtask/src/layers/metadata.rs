//! The workspace as `cargo metadata` tells it, reduced to what the rules need.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;

use crate::Error;

/// A crate of the workspace.
#[derive(Debug)]
pub(super) struct Package {
    /// The name in its `Cargo.toml`.
    pub name: String,
    /// Its folder, relative to the workspace, with `/`.
    pub folder: String,
    pub dependencies: Vec<Dependency>,
}

/// One declared dependency.
#[derive(Debug)]
pub(super) struct Dependency {
    /// The real name of the crate, whatever it is renamed to.
    pub name: String,
    pub kind: Kind,
    /// Whether it is given by path rather than by registry.
    pub has_path: bool,
}

/// Which table of `Cargo.toml` a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Normal,
    Development,
    Build,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Normal => "dependency",
            Kind::Development => "development dependency",
            Kind::Build => "build dependency",
        })
    }
}

/// Asks cargo for the crates of the workspace at `root`.
pub(super) fn packages(root: &Path) -> Result<Vec<Package>, Error> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["metadata", "--format-version=1", "--no-deps", "--offline"])
        .current_dir(root)
        .output()
        .map_err(|source| Error::Spawn {
            command: "cargo metadata".to_owned(),
            source,
        })?;
    if !output.status.success() {
        return Err(Error::Command {
            command: "cargo metadata".to_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        });
    }
    parse(&output.stdout)
}

/// Reads the answer of `cargo metadata --format-version=1 --no-deps`.
pub(super) fn parse(json: &[u8]) -> Result<Vec<Package>, Error> {
    let metadata: RawMetadata = serde_json::from_slice(json).map_err(Error::Metadata)?;
    let root = metadata.workspace_root;
    Ok(metadata
        .packages
        .into_iter()
        .map(|package| package.reduce(&root))
        .collect())
}

#[derive(Deserialize)]
struct RawMetadata {
    packages: Vec<RawPackage>,
    workspace_root: PathBuf,
}

#[derive(Deserialize)]
struct RawPackage {
    name: String,
    manifest_path: PathBuf,
    dependencies: Vec<RawDependency>,
}

#[derive(Deserialize)]
struct RawDependency {
    name: String,
    kind: Option<String>,
    path: Option<PathBuf>,
}

impl RawPackage {
    fn reduce(self, root: &Path) -> Package {
        let folder = self.manifest_path.parent().unwrap_or(root);
        let folder = folder
            .strip_prefix(root)
            .unwrap_or(folder)
            .display()
            .to_string();
        let dependencies = self
            .dependencies
            .into_iter()
            .map(RawDependency::reduce)
            .collect();
        Package {
            name: self.name,
            folder,
            dependencies,
        }
    }
}

impl RawDependency {
    fn reduce(self) -> Dependency {
        let kind = match self.kind.as_deref() {
            Some("dev") => Kind::Development,
            Some("build") => Kind::Build,
            _ => Kind::Normal,
        };
        Dependency {
            name: self.name,
            kind,
            has_path: self.path.is_some(),
        }
    }
}
