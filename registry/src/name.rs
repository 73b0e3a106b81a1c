//! Names of images in registries: `[HOST[:PORT]/]PATH[:TAG | #TAG][@sha256:DIGITS]`.
//!
//! As in Docker, the first component is a host if it has a dot or a colon or is `localhost`.

use std::str::FromStr;

use warren_container_rootfs::layer::Digest;

/// Which image of a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pin {
    /// Whatever has this tag now.
    Tag(String),
    /// Exactly this; a tag beside it says nothing more.
    Digest(Digest),
}

impl std::fmt::Display for Pin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Pin::Tag(tag) => f.write_str(tag),
            Pin::Digest(digest) => digest.fmt(f),
        }
    }
}

/// An image's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageName {
    /// `host[:port]`; `None`: Docker Hub, or what stands in for it.
    pub registry: Option<String>,
    /// The repository, with `library/` for Docker Hub's own.
    pub repository: String,
    /// Which of its images.
    pub pin: Pin,
}

/// A text that names no image. It is not repeated where it might hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidName {
    /// No repository.
    #[error("the image's name has no repository")]
    NoRepository,
    /// Credentials belong elsewhere.
    #[error("the image's name has a user or password in it; give them beside it")]
    Credentials,
    /// A host that is none.
    #[error("{registry:?} is no registry: host[:port]")]
    Registry {
        /// The first component.
        registry: String,
    },
    /// Something a repository's name cannot have.
    #[error(
        "{repository:?} is no repository: lower-case letters, digits, separators . _ - and slashes"
    )]
    Repository {
        /// The path.
        repository: String,
    },
    /// Something a tag cannot have.
    #[error("{tag:?} is no tag: at most 128 letters, digits, . _ and -")]
    Tag {
        /// The tag.
        tag: String,
    },
    /// A digest that is none.
    #[error("the image's name is pinned to no digest")]
    Digest(#[from] warren_container_rootfs::layer::InvalidDigest),
}

impl FromStr for ImageName {
    type Err = InvalidName;

    /// The text after `docker://`. An empty host, `docker:///PATH`, is Docker Hub.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        let text = text.replacen('#', ":", 1);
        let (name, digest) = match text.split_once('@') {
            Some((name, digest)) if digest.starts_with("sha256:") => {
                (name, Some(digest.parse::<Digest>()?))
            }
            Some((_, digest)) if digest.contains('/') => return Err(InvalidName::Credentials),
            Some((_, digest)) => {
                // Says what is wrong with it.
                digest.parse::<Digest>()?;
                return Err(InvalidName::NoRepository);
            }
            None => (text.as_str(), None),
        };
        let (registry, path) = match name.strip_prefix('/') {
            Some(path) => (None, path),
            None => match name.split_once('/') {
                Some((first, path)) if is_host(first) => (Some(first), path),
                _ => (None, name),
            },
        };
        let registry = match registry {
            Some("docker.io" | "index.docker.io" | "registry-1.docker.io") | None => None,
            Some(other) => Some(checked_registry(other)?),
        };
        let (path, tag) = match path.rsplit_once(':') {
            Some((path, tag)) => (path, Some(tag)),
            None => (path, None),
        };
        let repository = checked_repository(path)?;
        let repository = match registry {
            None if !repository.contains('/') => format!("library/{repository}"),
            _ => repository.to_owned(),
        };
        // With what was put before it, it may be too long.
        checked_repository(&repository)?;
        let tag = checked_tag(tag.unwrap_or("latest"))?;
        Ok(Self {
            registry,
            repository,
            pin: match digest {
                Some(digest) => Pin::Digest(digest),
                None => Pin::Tag(tag.to_owned()),
            },
        })
    }
}

impl std::fmt::Display for ImageName {
    /// In one spelling, with the tag or digest.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let registry = self.registry.as_deref().unwrap_or("docker.io");
        let mark = match self.pin {
            Pin::Tag(_) => ':',
            Pin::Digest(_) => '@',
        };
        write!(f, "{registry}/{}{mark}{}", self.repository, self.pin)
    }
}

fn is_host(component: &str) -> bool {
    component == "localhost" || component.contains(['.', ':'])
}

/// What can stand in a URL as host and port, and means nothing else there.
pub(crate) fn checked_registry(registry: &str) -> Result<String, InvalidName> {
    let is_good = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if !registry.is_empty() && registry.len() <= 255 && registry.bytes().all(is_good) {
        return Ok(registry.to_owned());
    }
    Err(InvalidName::Registry {
        registry: registry.chars().take(100).collect(),
    })
}

/// Source: OCI distribution specification 1.1, `<name>`.
fn checked_repository(path: &str) -> Result<&str, InvalidName> {
    if path.is_empty() {
        return Err(InvalidName::NoRepository);
    }
    let is_alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_component = |component: &str| {
        let bytes = component.as_bytes();
        let ends = bytes.first().zip(bytes.last());
        ends.is_some_and(|(first, last)| is_alphanumeric(*first) && is_alphanumeric(*last))
            && bytes
                .iter()
                .all(|byte| is_alphanumeric(*byte) || b"._-".contains(byte))
            && !component.contains("..")
    };
    if path.len() <= 255 && path.split('/').all(is_component) {
        return Ok(path);
    }
    Err(InvalidName::Repository {
        repository: path.chars().take(300).collect(),
    })
}

/// Source: as above, `<reference>` as a tag.
fn checked_tag(tag: &str) -> Result<&str, InvalidName> {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_good = |byte: u8| is_word(byte) || b".-".contains(&byte);
    let starts = tag.bytes().next().is_some_and(is_word);
    if starts && tag.len() <= 128 && tag.bytes().all(is_good) {
        return Ok(tag);
    }
    Err(InvalidName::Tag {
        tag: tag.chars().take(150).collect(),
    })
}
