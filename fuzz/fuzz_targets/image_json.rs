//! Indexes, manifests and configurations of images, by registries and layouts.
#![no_main]

use libfuzzer_sys::fuzz_target;
use warren_container_rootfs::source::Platform;
use warren_container_rootfs::source::manifest::{
    ImageDocument, Index, Manifest, expected, is_index,
};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(index) = serde_json::from_slice::<Index>(bytes) {
        let fitting = index.for_platform(&Platform::own());
        assert!(fitting.len() <= index.manifests.len());
        assert!(
            fitting
                .iter()
                .all(|d| d.is_index() == is_index(&d.media_type))
        );
    }
    // A manifest, and after a line break its configuration.
    let end = bytes
        .iter()
        .position(|byte| *byte == b'\n')
        .unwrap_or(bytes.len());
    let (manifest, document) = (&bytes[..end], bytes.get(end + 1..).unwrap_or_default());
    let document = serde_json::from_slice::<ImageDocument>(document);
    if let (Ok(manifest), Ok(document)) = (serde_json::from_slice::<Manifest>(manifest), document)
        && let Ok(names) = manifest.names(&document)
    {
        assert_eq!(names.len(), manifest.layers.len());
        for (name, layer) in names.iter().zip(&manifest.layers) {
            assert_eq!(expected(Some(name), Some(layer)).blob, Some(layer.digest));
        }
    }
});
