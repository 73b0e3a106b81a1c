//! From what a client calls an image to a mounted root directory.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use warren_container_rootfs::driver::Outcome;
use warren_container_rootfs::image::{Ids, Quota, Request};
use warren_container_rootfs::progress::{Watched, telling};
use warren_container_rootfs::source::{
    InvalidReference, LocalTar, OciLayout, Platform, Reference, Source,
};
use warren_container_rootfs::store::{Lease, SourceError, Store};
use warren_container_runtime::host::Host;
use warren_sys_process::mapped_namespace::mapped;
use warren_sys_process::user_namespace::Map;
use warren_wire_garden::Error;
use warren_wire_garden::container::{ContainerSpec, ImageRef};
use warren_wire_garden::error::text;
use warren_wire_garden::limits::DiskLimitScope;

use super::directory::Directory;
use super::state::file_name;
use super::{Gardener, error};

/// How long a pull may take without a word of it, and how often there is one then.
const PULL_QUIET: Duration = Duration::from_secs(1);
const PULL_TELLS: Duration = Duration::from_secs(5);

/// Who a client is to an image registry.
#[derive(Clone)]
pub struct Credentials {
    /// The user's name.
    pub username: String,
    /// The password.
    pub password: String,
}

/// Where images come from that are not on this machine. The server knows files and image layouts by
/// itself; everything else is asked for here.
pub trait Sources: Send + Sync {
    /// The image of that name, which is to be brought into `store` and may have been there before.
    /// Called on a blocking thread.
    ///
    /// # Errors
    /// Whatever keeps it from being found; the text must not have the password in it.
    fn open(
        &self,
        image: &Reference,
        credentials: Option<&Credentials>,
        store: &Store,
    ) -> Result<Opened, SourceError>;
}

/// An image that was found.
pub struct Opened {
    /// It.
    pub image: Box<dyn Source>,
    /// What the log is to tell about where it was found.
    pub remark: Option<String>,
}

/// No images but those on this machine.
pub struct LocalOnly;

impl Sources for LocalOnly {
    fn open(
        &self,
        _image: &Reference,
        _credentials: Option<&Credentials>,
        _store: &Store,
    ) -> Result<Opened, SourceError> {
        Err(text::NO_IMAGE_PLUGIN.into())
    }
}

/// The users of unprivileged containers, for the owners of their files.
pub(super) struct Owners {
    /// Made when first needed: a server that makes no unprivileged containers needs none.
    ids: Mutex<Option<Ids>>,
    root: Result<u32, String>,
}

impl Owners {
    pub(super) fn new() -> Self {
        let host = Host::discover().map_err(|error| warren_lib_errchain::chain(&error));
        Self {
            ids: Mutex::new(None),
            root: host.map(|host| host.max_id),
        }
    }

    /// What a container's root is outside; 0 where that is not known, and then no unprivileged
    /// container can be made.
    pub(super) fn root(&self) -> u32 {
        self.root.as_ref().copied().unwrap_or(0)
    }

    /// The ids of unprivileged containers: root is the greatest id there is, the others are
    /// themselves.
    fn ids(&self) -> Result<Ids, Error> {
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(ids) = ids.as_ref() {
            return Ok(ids.clone());
        }
        let greatest = self.root.clone().map_err(|error| {
            Error::Plain(format!("unprivileged containers cannot be made: {error}"))
        })?;
        let map = |inside, outside, count| Map {
            inside,
            outside,
            count,
        };
        let maps = [map(0, greatest, 1), map(1, 1, greatest - 1)];
        let namespace = mapped(&maps).map_err(error::step("make a user namespace"))?;
        // Without the maps no copy could be made where mounts cannot show other owners.
        let made = Ids::new(namespace.into(), (greatest, greatest)).with_maps(maps.to_vec());
        Ok(ids.insert(made).clone())
    }
}

/// A root directory and what its image says.
pub(super) struct Root {
    pub(super) path: PathBuf,
    pub(super) environment: Vec<String>,
}

/// An image that is here: pulling may take for ever, and nothing else has to wait for it. Its layers
/// stay as long as the value does.
pub(super) enum Pulled {
    /// A directory to use as it is.
    Raw(PathBuf),
    /// In the store.
    Layers {
        layers: Vec<Lease>,
        environment: Vec<String>,
    },
}

impl Gardener {
    /// Brings the image of a container here.
    pub(super) fn pull(&self, spec: &ContainerSpec) -> Result<Pulled, Error> {
        let uri = [&spec.image.uri, &spec.rootfs, &self.config.default_rootfs]
            .into_iter()
            .find(|uri| !uri.is_empty());
        let uri = uri.map_or("", String::as_str);
        self.pull_named(uri, credentials(&spec.image).as_ref())
    }

    /// Brings the image of a process here.
    pub(super) fn pull_of_process(&self, image: &ImageRef) -> Result<Pulled, Error> {
        self.pull_named(&image.uri, credentials(image).as_ref())
    }

    fn pull_named(&self, uri: &str, credentials: Option<&Credentials>) -> Result<Pulled, Error> {
        // Garden's clients write the tag behind a hash.
        let reference: Reference = uri
            .replacen('#', ":", 1)
            .parse()
            .map_err(|error: InvalidReference| error::step("read the image's name")(error))?;
        if let Reference::Raw(path) = reference {
            return Ok(Pulled::Raw(path));
        }
        let source = self.source(&reference, credentials)?;
        Ok(Pulled::Layers {
            layers: self.fetch(&reference, source.as_ref())?,
            environment: source.environment().to_vec(),
        })
    }

    /// Makes the container's root directory. As long as the container's record says that it is being
    /// made, a start removes whatever there is.
    pub(super) fn make_root(&self, spec: &ContainerSpec, image: Pulled) -> Result<Root, Error> {
        let quota = |layers: &[Lease]| quota(spec, layers);
        let id = file_name(&spec.handle);
        self.root(image, &id, spec.privileged, quota)
    }

    /// Makes the root directory of a process, which must have been written down.
    pub(super) fn make_process_root(
        &self,
        image: Pulled,
        id: &str,
        is_privileged: bool,
    ) -> Result<Root, Error> {
        self.root(image, id, is_privileged, |_| Ok(None))
    }

    /// Makes a root directory of that id in the store.
    fn root(
        &self,
        image: Pulled,
        id: &str,
        is_privileged: bool,
        quota: impl FnOnce(&[Lease]) -> Result<Option<u64>, Error>,
    ) -> Result<Root, Error> {
        let (layers, environment) = match image {
            Pulled::Layers {
                layers,
                environment,
            } => (layers, environment),
            Pulled::Raw(path) => {
                return Ok(Root {
                    path,
                    environment: Vec::new(),
                });
            }
        };
        let quota = quota(&layers)?;
        let ids = match is_privileged {
            true => None,
            false => Some(self.owners.ids()?),
        };
        let image = self.store.create(Request {
            id,
            layers: &layers,
            quota,
            ids: ids.as_ref(),
        });
        let image = image.map_err(error::step("make the root file system"))?;
        if let Quota::Accounting { bytes } = image.quota {
            let bytes = bytes.to_string();
            self.log.error(
                "the disk limit is only counted, not enforced",
                &[("image", id), ("bytes", &bytes), ("why", self.no_limits())],
            );
        }
        Ok(Root {
            path: image.rootfs,
            environment,
        })
    }

    /// Why disk limits are not kept, in the probe's words.
    fn no_limits(&self) -> &str {
        match &self.store.report().limits {
            Outcome::Fails { message, .. } => message,
            // The probe's finding is as old as this server.
            Outcome::Works { .. } | Outcome::NotTried => "project quotas have been turned off",
        }
    }

    /// Brings an image into the store, and tells the log of it while it takes long.
    fn fetch(&self, reference: &Reference, source: &dyn Source) -> Result<Vec<Lease>, Error> {
        let watched = Watched::new(source, &self.store);
        let tell = || {
            let progress = watched.progress();
            let layers = format!("{} of {}", progress.done, progress.layers);
            let bytes = match progress.of {
                Some(of) => format!("{} of {of}", progress.bytes),
                None => progress.bytes.to_string(),
            };
            let name = told(reference);
            let values = [("image", &*name), ("layers", &layers), ("bytes", &bytes)];
            self.log.info("still pulling an image", &values);
        };
        telling(PULL_QUIET, PULL_TELLS, tell, || self.store.fetch(&watched))
            .map_err(error::step("fetch the image"))
    }

    fn source(
        &self,
        reference: &Reference,
        credentials: Option<&Credentials>,
    ) -> Result<Box<dyn Source>, Error> {
        match reference {
            Reference::Path(path) if path.join("index.json").is_file() => layout(path, None),
            Reference::Path(path) if path.is_dir() => {
                let what = format!("look at the image {}", path.display());
                let directory = Directory::new(path).map_err(error::step(&what))?;
                Ok(Box::new(directory))
            }
            Reference::Path(path) => {
                let tar = LocalTar::new(path);
                let what = format!("open the image {}", path.display());
                Ok(Box::new(tar.map_err(error::step(&what))?))
            }
            Reference::OciLayout { directory, tag } => layout(directory, tag.as_deref()),
            other => {
                let opened = self.config.sources.open(other, credentials, &self.store);
                let opened = opened.map_err(|source| {
                    let source: &dyn std::error::Error = source.as_ref();
                    let text = warren_lib_errchain::chain(source);
                    Error::Plain(format!("open the image: {text}"))
                })?;
                if let Some(remark) = &opened.remark {
                    self.log.info(remark, &[("image", &told(other))]);
                }
                Ok(opened.image)
            }
        }
    }
}

/// An image as the log may name it: addresses of layers may have signatures in them.
fn told(reference: &Reference) -> String {
    match reference {
        Reference::Registry(name) => name.clone(),
        Reference::Path(path) | Reference::Raw(path) => path.display().to_string(),
        Reference::OciLayout { directory, .. } => directory.display().to_string(),
        Reference::PreloadedLayer { base, .. } => format!("{} and a layer", base.display()),
    }
}

fn credentials(image: &ImageRef) -> Option<Credentials> {
    let named = image.username.len() + image.password.len() > 0;
    named.then(|| Credentials {
        username: image.username.clone(),
        password: image.password.clone(),
    })
}

fn layout(directory: &Path, tag: Option<&str>) -> Result<Box<dyn Source>, Error> {
    let what = format!("open the image layout {}", directory.display());
    let opened = OciLayout::open(directory, tag, &Platform::own());
    Ok(Box::new(opened.map_err(error::step(&what))?))
}

/// What may be written to the root file system.
fn quota(spec: &ContainerSpec, layers: &[Lease]) -> Result<Option<u64>, Error> {
    let limit = spec.limits.disk.byte_hard;
    if limit == 0 {
        return Ok(None);
    }
    if spec.limits.disk.scope == DiskLimitScope::EXCLUSIVE {
        return Ok(Some(limit));
    }
    let mut size = 0_u64;
    for layer in layers {
        let info = layer.info().map_err(error::step("look at the image"))?;
        size = size.saturating_add(info.bytes);
    }
    match limit.checked_sub(size) {
        Some(left @ 1..) => Ok(Some(left)),
        _ => Err(Error::Plain(format!(
            "make the root file system: the image has {size} bytes, the disk limit is {limit}"
        ))),
    }
}
