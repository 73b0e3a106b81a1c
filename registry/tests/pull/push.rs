//! Images that are put into a real registry and pulled again.

use std::io::Write;

use warren_container_rootfs::layer::Digest;
use warren_registry::{Credentials, Error, ImageName, LayerFile, push, source_for};

use crate::images::archive;
use crate::real::{insecure, open};
use crate::server::{Registry, Wanted};

struct Layer {
    file: tempfile::NamedTempFile,
    digest: Digest,
    size: u64,
    diff_id: Digest,
}

impl Layer {
    fn new(content: &[u8]) -> Self {
        let plain = archive("file", content);
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::new(1));
        encoder.write_all(&plain).unwrap();
        let bytes = encoder.finish().unwrap();
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(&bytes).unwrap();
        Self {
            digest: Digest::of(&bytes),
            size: bytes.len() as u64,
            diff_id: Digest::of(&plain),
            file,
        }
    }

    fn as_file(&self) -> LayerFile<'_> {
        LayerFile {
            path: self.file.path(),
            digest: self.digest,
            size: self.size,
            diff_id: self.diff_id,
        }
    }
}

#[test]
fn what_is_pushed_is_pulled() {
    for password in [false, true] {
        let registry = Registry::start(&Wanted {
            password,
            ..Wanted::default()
        });
        let me = password.then(|| Credentials::new("me", "s3cret"));
        let settings = insecure(&registry.address);
        let name: ImageName = format!("{}/some/stemcell:v1", registry.address)
            .parse()
            .unwrap();
        let layer = Layer::new(&vec![7; 3_000_000]);
        let pushed = push(&name, layer.as_file(), me.as_ref(), &settings).unwrap();
        let expected = format!("{}/some/stemcell@{}", registry.address, pushed.digest);
        assert_eq!(pushed.reference, expected);
        // Again: the same, with nothing to send.
        let again = push(&name, layer.as_file(), me.as_ref(), &settings).unwrap();
        assert_eq!(again, pushed);
        let top = tempfile::tempdir().unwrap();
        let store = open(&top.path().join("store"));
        for reference in [
            pushed.reference.as_str(),
            &format!("{}/some/stemcell:v1", registry.address),
        ] {
            let uri = format!("docker://{reference}");
            let source = source_for(&uri, me.as_ref(), &settings).unwrap();
            let leases = store.fetch(&*source).unwrap();
            let file = std::fs::read(leases[0].diff().join("file")).unwrap();
            assert!(file == vec![7; 3_000_000]);
        }
        let other: ImageName = format!("{}/some/stemcell@{}", registry.address, Digest::of(b"x"))
            .parse()
            .unwrap();
        let refused = push(&other, layer.as_file(), me.as_ref(), &settings).unwrap_err();
        assert!(matches!(refused, Error::Digest { .. }), "{refused}");
    }
}

#[test]
fn pushes_that_are_refused() {
    let registry = Registry::start(&Wanted {
        password: true,
        ..Wanted::default()
    });
    let layer = Layer::new(b"x");
    let name: ImageName = format!("{}/a", registry.address).parse().unwrap();
    let settings = insecure(&registry.address);
    let nobody = push(&name, layer.as_file(), None, &settings).unwrap_err();
    assert!(matches!(nobody, Error::NotFound { .. }), "{nobody}");
    let wrong = Credentials::new("me", "wrong");
    let refused = push(&name, layer.as_file(), Some(&wrong), &settings).unwrap_err();
    assert!(matches!(refused, Error::Unauthorized { .. }), "{refused}");
    let me = Credentials::new("me", "s3cret");
    let strict = push(&name, layer.as_file(), Some(&me), &Default::default()).unwrap_err();
    assert!(matches!(strict, Error::Insecure { .. }), "{strict}");
    // The registry checks what it gets.
    let mut lie = layer.as_file();
    lie.digest = Digest::of(b"another");
    let refused = push(&name, lie, Some(&me), &settings).unwrap_err();
    assert!(
        matches!(refused, Error::Status { status: 400, .. }),
        "{refused}"
    );
    let mut gone = layer.as_file();
    gone.path = std::path::Path::new("/nowhere");
    let refused = push(&name, gone, Some(&me), &settings).unwrap_err();
    assert!(matches!(refused, Error::Local { .. }), "{refused}");
}
