//! An image layout whose layers may be elsewhere.

use std::io::Read;
use std::path::Path;

use warren_container_rootfs::layer::Expected;
use warren_container_rootfs::source::{Config, LayerName, OciLayout, Source};
use warren_container_rootfs::store::SourceError;

use crate::preloaded::Remote;
use crate::{Error, Settings};

/// A layout, and where the layers are that it has not itself: at the addresses that it tells.
#[derive(Debug)]
pub(crate) struct RemoteLayout {
    layout: OciLayout,
    remotes: Vec<Option<Remote>>,
}

impl RemoteLayout {
    pub(crate) fn new(layout: OciLayout, settings: &Settings) -> Result<Self, Error> {
        let mut remotes = Vec::new();
        for (index, layer) in layout.descriptors().iter().enumerate() {
            let url = layer.urls.first().filter(|_| !layout.has(index));
            remotes.push(url.map(|url| Remote::new(url, settings)).transpose()?);
        }
        Ok(Self { layout, remotes })
    }
}

impl Source for RemoteLayout {
    fn layers(&self) -> &[LayerName] {
        self.layout.layers()
    }

    fn open(&self, index: usize) -> Result<Box<dyn Read + Send + '_>, SourceError> {
        match self.remotes.get(index) {
            Some(Some(remote)) => Ok(remote.open(self.expected(index).blob_size)?),
            _ => self.layout.open(index),
        }
    }

    fn expected(&self, index: usize) -> Expected {
        self.layout.expected(index)
    }

    fn base_directory(&self, index: usize) -> Option<&Path> {
        self.layout.base_directory(index)
    }

    fn config(&self) -> Option<&Config> {
        self.layout.config()
    }
}
