//! Images of registries that a store has already: without asking, or when nobody answers.
//!
//! | name | the store has all of it | what is done |
//! |---|---|---|
//! | with a digest | yes | taken from the store; the registry is not asked |
//! | with a tag | yes | the registry is asked, once and not for long; if it cannot answer, the store's |
//! | any | no | the registry is asked |
//!
//! Only what was put into the store to be kept counts (`Store::remember`): that a layer happens to be
//! there does not say who may have it.

use std::io::Read;
use std::sync::OnceLock;
use std::time::Duration;

use warren_container_rootfs::layer::Expected;
use warren_container_rootfs::source::{Config, LayerName, Platform, Reference, Source};
use warren_container_rootfs::store::{Preloaded, PreloadedLayer, SourceError, Store};

use crate::image::RegistryImage;
use crate::name::{ImageName, Pin};
use crate::resolve::{Rootfs, resolve_reference};
use crate::{Credentials, Error, Settings};

/// How long a registry is waited for that is not needed.
const SHORT: Duration = Duration::from_secs(3);

/// An image, and what to tell about where it was found.
pub struct Found {
    /// The image.
    pub image: Box<dyn Source + Send>,
    /// Where, if that is not where its name says.
    pub remark: Option<Remark>,
    /// The name and what it stands for, to be kept by who keeps its layers; for images that a
    /// registry was asked for.
    pub known: Vec<Preloaded>,
}

/// An image was not taken from its registry.
#[derive(Debug)]
pub enum Remark {
    /// It is in the store, and its digest says that it can be no other.
    Preloaded,
    /// It is in the store, and the registry cannot say whether it is still the one.
    Unreachable(Error),
}

impl std::fmt::Display for Remark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Preloaded => f.write_str("the image is preloaded; its registry was not asked"),
            Self::Unreachable(error) => write!(
                f,
                "the registry cannot be asked, so the preloaded image is taken as it is: {}",
                warren_lib_errchain::chain(error)
            ),
        }
    }
}

/// The image that a reference stands for, from this store where it was preloaded.
///
/// # Errors
/// [`Error`]; [`Error::Raw`] for a directory that is used as it is.
pub fn source_in(
    store: &Store,
    reference: &Reference,
    credentials: Option<&Credentials>,
    settings: &Settings,
) -> Result<Found, Error> {
    let Reference::Registry(name) = reference else {
        return match resolve_reference(reference, credentials, settings)? {
            Rootfs::Image(image) => Ok(Found::plain(image)),
            Rootfs::Directory(_) => Err(Error::Raw),
        };
    };
    let name: ImageName = name.parse().map_err(Error::Name)?;
    let platform = &settings.platform;
    let here = store.recall(&name.to_string(), platform);
    let Some(here) = here.map_err(|source| Error::Store(Box::new(source)))? else {
        let image = RegistryImage::open(&name, credentials, settings)?;
        return Ok(Found::asked(image, &name, platform));
    };
    let preloaded = |remark| Found {
        image: Box::new(Offline::new(here, &name, credentials, settings)),
        remark: Some(remark),
        known: Vec::new(),
    };
    if matches!(name.pin, Pin::Digest(_)) {
        return Ok(preloaded(Remark::Preloaded));
    }
    let hasty = Settings {
        connect: SHORT,
        tries: 1,
        ..settings.clone()
    };
    match RegistryImage::open(&name, credentials, &hasty) {
        Ok(mut image) => {
            image.try_again(settings.tries);
            Ok(Found::asked(image, &name, platform))
        }
        Err(error) if error.is_silence() => Ok(preloaded(Remark::Unreachable(error))),
        Err(error) => Err(error),
    }
}

impl Found {
    fn plain(image: Box<dyn Source + Send>) -> Self {
        Self {
            image,
            remark: None,
            known: Vec::new(),
        }
    }

    fn asked(image: RegistryImage, name: &ImageName, platform: &Platform) -> Self {
        let pinned = ImageName {
            pin: Pin::Digest(image.digest()),
            ..name.clone()
        };
        let mut names = vec![pinned.to_string(), name.to_string()];
        names.dedup();
        let layers: Vec<PreloadedLayer> = (0..image.layers().len())
            .filter_map(|index| {
                let expected = image.expected(index);
                Some(PreloadedLayer {
                    diff_id: expected.diff_id?,
                    blob: expected.blob,
                    size: expected.blob_size,
                })
            })
            .collect();
        let known = names.into_iter().map(|name| Preloaded {
            name,
            platform: platform.to_string(),
            layers: layers.clone(),
            config: image.config().cloned().unwrap_or_default(),
        });
        Self {
            known: known.collect(),
            image: Box::new(image),
            remark: None,
        }
    }
}

/// An image of a registry, as a store remembers it.
struct Offline {
    layers: Vec<LayerName>,
    expected: Vec<Expected>,
    config: Config,
    /// For a layer that goes before it is taken.
    name: ImageName,
    credentials: Option<Credentials>,
    settings: Settings,
    asked: OnceLock<RegistryImage>,
}

impl Offline {
    fn new(
        image: Preloaded,
        name: &ImageName,
        credentials: Option<&Credentials>,
        settings: &Settings,
    ) -> Self {
        let layers = image.layers.iter().map(|layer| LayerName::Content {
            diff_id: layer.diff_id,
            blob: layer.blob,
        });
        let expected = image.layers.iter().map(|layer| Expected {
            diff_id: Some(layer.diff_id),
            blob: layer.blob,
            blob_size: layer.size,
        });
        Self {
            layers: layers.collect(),
            expected: expected.collect(),
            config: image.config,
            name: name.clone(),
            credentials: credentials.cloned(),
            settings: settings.clone(),
            asked: OnceLock::new(),
        }
    }

    fn asked(&self) -> Result<&RegistryImage, Error> {
        if let Some(asked) = self.asked.get() {
            return Ok(asked);
        }
        let image = RegistryImage::open(&self.name, self.credentials.as_ref(), &self.settings)?;
        Ok(self.asked.get_or_init(|| image))
    }
}

impl Source for Offline {
    fn layers(&self) -> &[LayerName] {
        &self.layers
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        let asked = self.asked()?;
        if asked.layers() != self.layers {
            return Err("a preloaded layer is gone, and the registry has another image now".into());
        }
        asked.open(index)
    }

    fn expected(&self, index: usize) -> Expected {
        self.expected.get(index).copied().unwrap_or_default()
    }

    fn config(&self) -> Option<&Config> {
        Some(&self.config)
    }
}
