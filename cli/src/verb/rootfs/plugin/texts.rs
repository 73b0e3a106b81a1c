//! Failures in GrootFS's words, which callers look for, followed by ours.

use std::error::Error as StdError;

use warren_container_rootfs::{layer, store};

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// Said by ourselves.
    #[error("{0}")]
    Text(String),
    /// Of the store.
    #[error("{}", with_stock_words(.0))]
    Store(#[from] store::Error),
    /// Of the image's source.
    #[error("{}", with_stock_words(.0))]
    Source(#[from] warren_registry::Error),
    /// Of the owners' mapping.
    #[error("{}", warren_lib_errchain::chain(.0))]
    Mapping(#[from] warren_sys_process::user_namespace::Error),
}

impl Failed {
    /// For the log.
    pub fn detail(&self) -> String {
        self.to_string()
    }
}

fn with_stock_words(error: &(dyn StdError + 'static)) -> String {
    let ours = warren_lib_errchain::chain(error);
    let mut next = Some(error);
    while let Some(one) = next {
        if let Some(stock) = stock_words(one) {
            return format!("{stock} ({ours})");
        }
        next = one.source();
    }
    ours
}

fn stock_words(error: &(dyn StdError + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref::<warren_registry::Error>() {
        use warren_registry::Error;
        return match error {
            Error::Insecure { .. } => Some(
                "This registry is insecure. To pull images from this registry, please use the \
                 --insecure-registry option."
                    .to_owned(),
            ),
            Error::NotFound { url } => Some(format!(
                "{url} does not exist or you do not have permissions to see it."
            )),
            Error::Unauthorized { .. } => {
                Some("authorization failed: username and password are invalid".to_owned())
            }
            Error::Local { source, .. } if source.kind() == std::io::ErrorKind::NotFound => {
                Some("Image source doesn't exist".to_owned())
            }
            _ => None,
        };
    }
    if let Some(error) = error.downcast_ref::<layer::Error>() {
        use layer::Error;
        return match error {
            Error::BlobSize { expected, actual } => Some(format!(
                "layer size is different from the value in the manifest; expected: {expected}, \
                 actual {actual}"
            )),
            Error::BlobDigest { .. } => Some("layerID digest mismatch".to_owned()),
            Error::DiffId { .. } => Some("diffID digest mismatch".to_owned()),
            Error::TooManyBytes { .. } => Some("uncompressed layer size exceeds quota".to_owned()),
            _ => None,
        };
    }
    if let Some(store::Error::AlreadyExists { id }) = error.downcast_ref::<store::Error>() {
        return Some(format!("image for id `{id}` already exists"));
    }
    None
}
