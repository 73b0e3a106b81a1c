//! A source of layers that a test makes up.

use std::io::Read;

use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::source::{LayerName, Source};
use warren_container_rootfs::store::SourceError;

/// Opens a layer.
type Open = dyn Fn(usize) -> Box<dyn Read + Send> + Sync;

/// Layers by the digests of their archives.
pub struct Layers {
    names: Vec<LayerName>,
    open: Box<Open>,
}

impl Layers {
    /// As they are.
    pub fn of(archives: Vec<Vec<u8>>) -> Self {
        let digests: Vec<_> = archives.iter().map(|bytes| Digest::of(bytes)).collect();
        let open = move |index: usize| -> Box<dyn Read + Send> {
            Box::new(std::io::Cursor::new(archives[index].clone()))
        };
        Self::opened_by(&digests, open)
    }

    /// What `open` makes of them.
    pub fn opened_by(
        digests: &[Digest],
        open: impl Fn(usize) -> Box<dyn Read + Send> + Sync + 'static,
    ) -> Self {
        let name = |digest: &Digest| LayerName::Content {
            diff_id: *digest,
            blob: None,
        };
        Self {
            names: digests.iter().map(name).collect(),
            open: Box::new(open),
        }
    }
}

impl Source for Layers {
    fn layers(&self) -> &[LayerName] {
        &self.names
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        Ok((self.open)(index))
    }
}
