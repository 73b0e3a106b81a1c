//! `preloaded+layer`: a local image with one more layer, from an address, below a directory.
//!
//! The local image is known by path and time of change and is not checked. The layer is checked
//! against the digest that came with it, unless that is switched off.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use warren_container_rootfs::layer::{Digest, Expected};
use warren_container_rootfs::source::{LayerName, LocalTar, Source};
use warren_container_rootfs::store::SourceError;

use crate::blob::Blob;
use crate::http::{Client, Headers, shown};
use crate::{Error, Settings};

/// Opens a layer at an address that a client gave.
#[derive(Debug)]
pub(crate) enum Remote {
    File(PathBuf),
    Url {
        client: Client,
        url: String,
        tries: u32,
    },
}

impl Remote {
    pub(crate) fn new(url: &str, settings: &Settings) -> Result<Self, Error> {
        let path = url.strip_prefix("file://").unwrap_or(url);
        if path.starts_with('/') {
            return Ok(Remote::File(path.into()));
        }
        let Some((_, rest)) = url
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
        else {
            return Err(Error::LayerUrl { url: shown(url) });
        };
        let authority = rest.split('/').next().unwrap_or_default();
        let mut client = Client::new(settings, settings.is_insecure(authority))?;
        if !settings.layer_certificates.as_os_str().is_empty() {
            client = client.with_certificates(url, &settings.layer_certificates)?;
        }
        Ok(Remote::Url {
            client,
            url: url.to_owned(),
            tries: settings.tries,
        })
    }

    pub(crate) fn open(&self, size: Option<u64>) -> Result<Box<dyn Read + Send + '_>, Error> {
        match self {
            Remote::File(path) => {
                let opened = File::open(path).map_err(|source| Error::Local {
                    path: path.clone(),
                    source,
                });
                Ok(Box::new(opened?))
            }
            Remote::Url { client, url, tries } => {
                let ask = Box::new(move |from| {
                    let headers = Headers {
                        from,
                        ..Headers::default()
                    };
                    let answer = client.get(url, headers)?;
                    match answer.status().as_u16() {
                        200 | 206 => Ok(answer),
                        401 | 403 | 404 => Err(Error::NotFound { url: shown(url) }),
                        status => Err(Error::Status {
                            url: shown(url),
                            status,
                            message: String::new(),
                        }),
                    }
                });
                Ok(Box::new(Blob::open(url, size, *tries, ask)?))
            }
        }
    }
}

/// A preloaded image with a layer.
#[derive(Debug)]
pub(crate) struct PreloadedLayer {
    base: LocalTar,
    layers: [LayerName; 2],
    blob: Option<Digest>,
    remote: Remote,
    below: PathBuf,
}

impl PreloadedLayer {
    pub(crate) fn new(
        base: &Path,
        layer: &str,
        below: &str,
        digest: &str,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let local = |source| Error::Local {
            path: base.to_owned(),
            source,
        };
        let base = LocalTar::new(base).map_err(local)?;
        let parsed = match digest.contains(':') {
            true => digest.parse(),
            false => Digest::from_hex(digest),
        };
        let (name, blob) = match (parsed, settings.skip_layer_validation) {
            (Ok(digest), false) => (digest, Some(digest)),
            (Err(error), false) => return Err(Error::LayerDigest(error)),
            // What is not checked must not be taken for what is.
            (_, true) => (
                Digest::of(format!("unchecked\0{digest}\0{layer}").as_bytes()),
                None,
            ),
        };
        let bottom = base.layers().first().copied();
        Ok(Self {
            layers: [
                bottom.unwrap_or(LayerName::Source(name)),
                LayerName::Source(name),
            ],
            base,
            blob,
            remote: Remote::new(layer, settings)?,
            below: PathBuf::from(if below.is_empty() { "/" } else { below }),
        })
    }
}

impl Source for PreloadedLayer {
    fn layers(&self) -> &[LayerName] {
        &self.layers
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        match index {
            0 => self.base.open(0),
            _ => Ok(self.remote.open(None)?),
        }
    }

    fn expected(&self, index: usize) -> Expected {
        Expected {
            blob: self.blob.filter(|_| index > 0),
            ..Expected::default()
        }
    }

    fn base_directory(&self, index: usize) -> Option<&Path> {
        (index > 0).then_some(&*self.below)
    }
}
