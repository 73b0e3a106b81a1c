//! Where a stemcell's root file system comes from.

use std::path::{Path, PathBuf};

use tempfile::TempDir;
use warren_container_rootfs::driver::Rung;
use warren_container_rootfs::image::Request;
use warren_container_rootfs::store::{Options, Store};
use warren_registry::source_for;
use warren_release::stemcell::debian::{Bootstrap, DEV_TOOLS, bootstrap};

use super::steps::step;
use crate::failure::Failure;
use crate::verb::rootfs::{RegistryArguments, pull_failure};

/// Which root file system.
#[derive(clap::Args, Debug)]
pub struct RootArguments {
    /// Take the root file system in this directory; it is only read
    #[arg(long, value_name = "DIR", conflicts_with = "image")]
    directory: Option<PathBuf>,

    /// Take this image: docker://NAME, oci:///DIR or a tar file
    #[arg(long, value_name = "URI")]
    image: Option<String>,

    /// Install Debian packages of this release; the machine's own if it is not given
    #[arg(long, value_name = "SUITE", conflicts_with_all = ["directory", "image"])]
    suite: Option<String>,

    /// Where packages come from: an address, or a file like sources.list; the machine's own sources
    /// if it is not given
    #[arg(long, value_name = "MIRROR", conflicts_with_all = ["directory", "image"])]
    mirror: Vec<String>,

    /// More packages to install
    #[arg(long, value_name = "PACKAGE", value_delimiter = ',', conflicts_with_all = ["directory", "image"])]
    include: Vec<String>,

    /// Install these packages and no others but what they need and the variant has
    #[arg(long, value_name = "PACKAGE", value_delimiter = ',', conflicts_with_all = ["directory", "image", "include"])]
    only: Option<Vec<String>>,

    /// What is always installed, as mmdebstrap knows it
    #[arg(long, value_name = "VARIANT", default_value = "minbase")]
    variant: String,

    /// Leave out compilers, so that source releases cannot be compiled on it
    #[arg(long)]
    no_dev_tools: bool,

    /// Where temporary files go; they are as large as the root file system
    #[arg(long, value_name = "DIR")]
    pub work_dir: Option<PathBuf>,
}

/// A root file system, gone when dropped if it was made for this.
pub struct Root {
    path: PathBuf,
    work: Option<TempDir>,
}

impl Root {
    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Removes it now, so that what keeps it from going is told.
    pub fn close(self) -> Result<(), Failure> {
        match self.work {
            Some(work) => {
                let path = work.path().to_owned();
                work.close()
                    .map_err(|error| Failure::text(format!("removing {}: {error}", path.display())))
            }
            None => Ok(()),
        }
    }
}

impl RootArguments {
    /// A directory for what is only needed while this runs.
    pub fn work(&self) -> Result<TempDir, Failure> {
        let folder = self.work_dir.clone().unwrap_or_else(std::env::temp_dir);
        let made = tempfile::Builder::new()
            .prefix("warren-stemcell-")
            .tempdir_in(&folder);
        made.map_err(|error| {
            Failure::text(format!(
                "making a directory in {}: {error}",
                folder.display()
            ))
        })
    }

    /// Gets it.
    pub fn get(&self, registry: &RegistryArguments) -> Result<Root, Failure> {
        if let Some(path) = &self.directory {
            let path = path.clone();
            return Ok(Root { path, work: None });
        }
        let work = self.work()?;
        let path = match &self.image {
            Some(uri) => step("Unpacking the image", || unpack(uri, registry, work.path()))?,
            None => step("Installing packages", || self.install(work.path()))?,
        };
        let work = Some(work);
        Ok(Root { path, work })
    }

    fn install(&self, work: &Path) -> Result<PathBuf, Failure> {
        let mut wanted = Bootstrap::own()?;
        if let Some(suite) = &self.suite {
            wanted.suite.clone_from(suite);
        }
        wanted.variant.clone_from(&self.variant);
        wanted.mirrors.clone_from(&self.mirror);
        if let Some(only) = &self.only {
            wanted.packages.clone_from(only);
        } else if !self.no_dev_tools {
            wanted
                .packages
                .extend(DEV_TOOLS.iter().map(ToString::to_string));
        }
        wanted.packages.extend(self.include.iter().cloned());
        let root = work.join("root");
        bootstrap(&wanted, &root)?;
        Ok(root)
    }
}

/// Copies an image's layers into one directory: without mounts, so that nothing is left of it but
/// files.
fn unpack(uri: &str, registry: &RegistryArguments, work: &Path) -> Result<PathBuf, Failure> {
    let options = Options {
        rung: Some(Rung::Copy),
        ..Options::default()
    };
    let credentials = registry.credentials()?;
    let source = source_for(uri, credentials.as_ref(), &registry.settings())
        .map_err(|error| pull_failure(&format!("finding {uri}"), &error))?;
    let store = Store::open(&work.join("store"), &options)?;
    let layers = store.fetch(&*source)?;
    let image = store.create(Request {
        id: "root",
        layers: &layers,
        quota: None,
        ids: None,
    })?;
    Ok(image.rootfs)
}
