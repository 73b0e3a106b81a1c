//! The text by which a client names an image.

use std::path::PathBuf;

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// A file or directory.
    Path(PathBuf),
    /// A directory to be used as it is, without layers or copies.
    Raw(PathBuf),
    /// An image layout directory and the tag in it.
    OciLayout {
        /// The directory.
        directory: PathBuf,
        /// The annotation `org.opencontainers.image.ref.name`; `None`: the only image there.
        tag: Option<String>,
    },
    /// A local image with one more layer on top.
    PreloadedLayer {
        /// The local image.
        base: PathBuf,
        /// Where the layer is.
        layer: String,
        /// Directory that the layer's entries are below.
        layer_path: String,
        /// Its digest, as given.
        layer_digest: String,
    },
    /// An image of a registry.
    Registry(String),
}

/// A text that names no image.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// Nothing was given.
    #[error("no image was given")]
    Empty,
    /// Not one of ours.
    #[error("images of the kind {scheme}: are not known")]
    Scheme {
        /// What stands before the colon.
        scheme: String,
    },
    /// A path must be absolute.
    #[error("{path:?} is not an absolute path")]
    Relative {
        /// The path.
        path: String,
    },
    /// `preloaded+layer` without a layer.
    #[error("{parameter} is missing in {reference:?}")]
    Parameter {
        /// Which.
        parameter: &'static str,
        /// The whole text.
        reference: String,
    },
}

impl std::str::FromStr for Reference {
    type Err = InvalidReference;

    fn from_str(text: &str) -> Result<Self, InvalidReference> {
        let Some((scheme, rest)) = text.split_once(':') else {
            return absolute(text).map(Reference::Path);
        };
        let path = rest.strip_prefix("//").unwrap_or(rest);
        match scheme {
            "file" | "preloaded" => absolute(path).map(Reference::Path),
            "raw" => absolute(path).map(Reference::Raw),
            "oci" => {
                let (directory, tag) = match path.rsplit_once(':') {
                    Some((directory, tag)) if !tag.contains('/') => (directory, Some(tag)),
                    _ => (path, None),
                };
                Ok(Reference::OciLayout {
                    directory: absolute(directory)?,
                    tag: tag.map(str::to_owned),
                })
            }
            "preloaded+layer" => preloaded_layer(text, path),
            "docker" => Ok(Reference::Registry(path.to_owned())),
            _ if scheme.starts_with('/') => absolute(text).map(Reference::Path),
            _ => Err(InvalidReference::Scheme {
                scheme: scheme.to_owned(),
            }),
        }
    }
}

fn preloaded_layer(text: &str, path: &str) -> Result<Reference, InvalidReference> {
    let (base, query) = path.split_once('?').unwrap_or((path, ""));
    let parameter = |wanted: &'static str| {
        let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let mut values = pairs
            .filter(|(key, _)| *key == wanted)
            .map(|(_, value)| value);
        values.next().map(decoded)
    };
    let missing = |parameter| InvalidReference::Parameter {
        parameter,
        reference: text.to_owned(),
    };
    Ok(Reference::PreloadedLayer {
        base: absolute(base)?,
        layer: parameter("layer").ok_or_else(|| missing("layer"))?,
        layer_path: parameter("layer_path").ok_or_else(|| missing("layer_path"))?,
        layer_digest: parameter("layer_digest").ok_or_else(|| missing("layer_digest"))?,
    })
}

/// Percent-encoding undone; what is no encoding stays.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((first, more)) = rest.split_first() {
        let hex = |digits: &[u8]| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok();
        match (first, more.get(..2).and_then(hex)) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = more.get(2..).unwrap_or_default();
            }
            _ => {
                bytes.push(*first);
                rest = more;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn absolute(path: &str) -> Result<PathBuf, InvalidReference> {
    match path {
        "" => Err(InvalidReference::Empty),
        _ if path.starts_with('/') => Ok(PathBuf::from(path)),
        _ => Err(InvalidReference::Relative {
            path: path.to_owned(),
        }),
    }
}
