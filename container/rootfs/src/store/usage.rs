//! How much is promised and kept.

use super::{Error, Store};

/// Bytes that a store accounts for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Data of all layers.
    pub layers: u64,
    /// Limits of all images that have one.
    pub quotas: u64,
}

impl Store {
    /// Adds up layers and limits.
    ///
    /// # Errors
    /// [`Error::Io`] and [`Error::Damaged`].
    pub fn usage(&self) -> Result<Usage, Error> {
        let mut usage = Usage::default();
        for layer in self.layers()? {
            if let Some(lease) = self.lease(layer)? {
                usage.layers = usage.layers.saturating_add(lease.info()?.bytes);
            }
        }
        for id in self.list_all()? {
            match self.image(&id) {
                // What is not known was not promised; collecting tells of it.
                Err(Error::NotFound { .. } | Error::Damaged { .. }) => {}
                image => {
                    let quota = image?.quota.bytes().unwrap_or(0);
                    usage.quotas = usage.quotas.saturating_add(quota);
                }
            }
        }
        Ok(usage)
    }
}
