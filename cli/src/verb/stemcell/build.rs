//! `warren stemcell build`.

use std::fs::File;
use std::path::PathBuf;

use warren_container_rootfs::layer::Digest;
use warren_registry::{ImageName, LayerFile, push};
use warren_release::Sums;
use warren_release::stemcell::{
    Facts, Image, Light, Plan, Wanted, pack, plan, write_heavy, write_light,
};
use warren_wire_release::StemcellManifest;

use super::inspect::Shown;
use super::output::Output;
use super::root::RootArguments;
use super::steps::step;
use crate::failure::{Failure, exit};
use crate::output::{Format, show};
use crate::verb::rootfs::{RegistryArguments, pull_failure};

/// Make a stemcell of Debian packages, of an image or of a directory
///
/// What agents, supervisors and CPIs rely on goes over the root file system while it is packed: the
/// user vcap and its groups, /var/vcap, and this executable as agent, bpm, monit and first process.
/// With --light the image goes into a registry, and the stemcell names it by its digest.
///
/// The same root file system gives the same stemcell.
#[derive(clap::Args, Debug)]
#[command(disable_version_flag = true)]
#[command(after_help = "Examples:
  warren stemcell build --output stemcell.tgz
  warren stemcell build --image docker://registry.example/noble:24.04 --output stemcell.tgz
  warren stemcell build --directory root --light registry.example:5000/stemcell:1 --output light.tgz")]
pub struct Arguments {
    #[command(flatten)]
    root: RootArguments,

    #[command(flatten)]
    registry: RegistryArguments,

    /// Its name; bosh-warden-boshlite-OS if it is not given
    #[arg(long, value_name = "NAME")]
    name: Option<String>,

    /// What deployments ask for, such as ubuntu-noble; taken from os-release if it is not given
    #[arg(long, value_name = "NAME")]
    os: Option<String>,

    /// Its version
    #[arg(long, value_name = "VERSION", default_value = "1")]
    version: String,

    /// The executable to put into it; this one if it is not given
    #[arg(long, value_name = "FILE")]
    executable: Option<PathBuf>,

    /// Put no executable into it
    #[arg(long, conflicts_with = "executable")]
    no_executable: bool,

    /// Keep the first process that the root file system has
    #[arg(long)]
    keep_init: bool,

    /// Put the image into a registry under this name, and write a stemcell that only names it
    #[arg(long, value_name = "HOST/NAME[:TAG]")]
    light: Option<ImageName>,

    /// Where the stemcell goes
    #[arg(long, short, value_name = "FILE")]
    output: PathBuf,
}

impl Arguments {
    /// Runs the verb.
    pub fn run(self, format: Format) -> Result<u8, Failure> {
        let executable = match (&self.executable, self.no_executable) {
            (Some(path), _) => Some(path.clone()),
            (None, true) => None,
            (None, false) => Some(std::env::current_exe().map_err(|error| {
                Failure::text(format!("finding this executable: {error}"))
                    .remedy("give --executable FILE")
            })?),
        };
        let output = Output::new(&self.output)?;
        let root = self.root.get(&self.registry)?;
        let wanted = Wanted {
            name: self.name.clone(),
            operating_system: self.os.clone(),
            version: self.version.clone(),
            executable,
            keeps_init: self.keep_init,
        };
        let plan = plan(&Facts::read(root.path())?, &wanted)?;
        let work = self.root.work()?;
        let layer = work.path().join("image");
        let (image, _) = step("Packing the image", || {
            let file = File::create_new(&layer)
                .map_err(|error| Failure::text(format!("making {}: {error}", layer.display())))?;
            Ok(pack(root.path(), &plan, file)?)
        })?;
        root.close()?;
        let manifest = match &self.light {
            Some(name) => self.light(name, &plan, &image, &layer, &output)?,
            None => step("Writing the stemcell", || {
                let bytes = File::open(&layer).map_err(|error| {
                    Failure::text(format!("opening {}: {error}", layer.display()))
                })?;
                Ok(write_heavy(output.file(), &plan, &image, bytes)?.0)
            })?,
        };
        output.put()?;
        let mut shown = Shown::new(&manifest, Some(image.sums.bytes()));
        shown.digest = Some(Sums::of_file(&self.output)?.sha256());
        shown.archive = Some(self.output);
        shown.notes = plan.notes;
        show(&shown, format)?;
        Ok(exit::GOOD)
    }

    fn light(
        &self,
        name: &ImageName,
        plan: &Plan,
        image: &Image,
        layer: &std::path::Path,
        output: &Output,
    ) -> Result<StemcellManifest, Failure> {
        let digest = |text: &str| text.parse::<Digest>();
        let file = LayerFile {
            path: layer,
            digest: digest(&image.sums.sha256())?,
            size: image.sums.bytes(),
            diff_id: digest(&image.diff_id)?,
        };
        let credentials = self.registry.credentials()?;
        let pushed = step("Pushing the image", || {
            push(name, file, credentials.as_ref(), &self.registry.settings())
                .map_err(|error| pull_failure("pushing the image", &error))
        })?;
        let light = Light {
            image_reference: pushed.reference,
            digest: Some(pushed.digest.to_string()),
        };
        Ok(write_light(output.file(), plan, &light)?.0)
    }
}
