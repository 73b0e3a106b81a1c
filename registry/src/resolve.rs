//! From an image's text to its layers: the one entry for all who are given such a text.

use std::path::PathBuf;

use warren_container_rootfs::source::{Directory, LocalTar, OciLayout, Reference, Source};

use crate::image::RegistryImage;
use crate::layout::RemoteLayout;
use crate::preloaded::PreloadedLayer;
use crate::{Credentials, Error, Settings};

/// What a text stands for.
pub enum Rootfs {
    /// `raw://`: this directory, to be used as it is, without a store.
    Directory(PathBuf),
    /// Layers.
    Image(Box<dyn Source + Send>),
}

/// What an image's text stands for. Talks to registries, so it may take a while.
///
/// # Errors
/// [`Error`].
pub fn resolve(
    uri: &str,
    credentials: Option<&Credentials>,
    settings: &Settings,
) -> Result<Rootfs, Error> {
    let reference = uri.parse().map_err(Error::Reference)?;
    resolve_reference(&reference, credentials, settings)
}

/// The same of a text that has been read.
pub(crate) fn resolve_reference(
    reference: &Reference,
    credentials: Option<&Credentials>,
    settings: &Settings,
) -> Result<Rootfs, Error> {
    let image: Box<dyn Source + Send> = match reference {
        Reference::Raw(path) => return Ok(Rootfs::Directory(path.clone())),
        Reference::Path(path) => {
            let local = |source| Error::Local {
                path: path.clone(),
                source,
            };
            if path.is_dir() {
                Box::new(Directory::new(path).map_err(local)?)
            } else {
                Box::new(LocalTar::new(path).map_err(local)?)
            }
        }
        Reference::OciLayout { directory, tag } => {
            let layout = OciLayout::open(directory, tag.as_deref(), &settings.platform);
            let mut layout = layout.map_err(Error::Layout)?;
            if settings.skip_layer_validation {
                layout = layout.unverified();
            }
            Box::new(RemoteLayout::new(layout, settings)?)
        }
        Reference::PreloadedLayer {
            base,
            layer,
            layer_path,
            layer_digest,
        } => Box::new(PreloadedLayer::new(
            base,
            layer,
            layer_path,
            layer_digest,
            settings,
        )?),
        Reference::Registry(name) => {
            let name = name.parse().map_err(Error::Name)?;
            Box::new(RegistryImage::open(&name, credentials, settings)?)
        }
    };
    Ok(Rootfs::Image(image))
}

/// The layers that an image's text stands for.
///
/// # Errors
/// [`Error`]; [`Error::Raw`] for a directory that is used as it is.
pub fn source_for(
    uri: &str,
    credentials: Option<&Credentials>,
    settings: &Settings,
) -> Result<Box<dyn Source + Send>, Error> {
    match resolve(uri, credentials, settings)? {
        Rootfs::Image(image) => Ok(image),
        Rootfs::Directory(_) => Err(Error::Raw),
    }
}
