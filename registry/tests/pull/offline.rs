//! Images that a store has already.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::source::Platform;
use warren_container_rootfs::store::Store;
use warren_registry::{Error, Found, Remark, Settings, source_in};

use crate::images::{Form, Images, OCI_MANIFEST, archive};
use crate::real::{insecure, open};
use crate::server::{Small, answer, honest};

/// A registry that counts what it is asked, and can be told to be out of order.
struct Counting {
    server: Small,
    asked: Arc<AtomicUsize>,
    is_broken: Arc<AtomicUsize>,
}

impl Counting {
    fn start(images: Images, tagged: String) -> Self {
        let (asked, is_broken) = (Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (count, broken) = (asked.clone(), is_broken.clone());
        let server = Small::start(move |request| {
            count.fetch_add(1, Ordering::SeqCst);
            match broken.load(Ordering::SeqCst) {
                0 => honest(&images, &tagged, request),
                _ => answer("503 Down", "", b""),
            }
        });
        Self {
            server,
            asked,
            is_broken,
        }
    }

    fn name(&self, rest: &str) -> String {
        format!("docker://{}/{rest}", self.server.address)
    }

    /// How often it has been asked since the last time.
    fn asked(&self) -> usize {
        self.asked.swap(0, Ordering::SeqCst)
    }
}

fn find(store: &Store, uri: &str, settings: &Settings) -> Result<Found, Error> {
    source_in(store, &uri.parse().unwrap(), None, settings)
}

/// Brings it into the store and keeps it, as `preload` does.
fn preload(store: &Store, uri: &str, settings: &Settings) -> Found {
    let found = find(store, uri, settings).unwrap();
    let leases = store.fetch(&*found.image).unwrap();
    store.pin("kept", &leases).unwrap();
    for known in &found.known {
        store.remember(known).unwrap();
    }
    found
}

#[test]
fn a_preloaded_image_needs_no_registry() {
    let mut images = Images::default();
    let layers = [
        (archive("low", b"l"), Form::Gzip),
        (archive("high", b"h"), Form::Plain),
    ];
    let image = images.image(OCI_MANIFEST, &layers);
    let registry = Counting::start(images, image.clone());
    let settings = insecure(&registry.server.address.to_string());
    let top = tempfile::tempdir().unwrap();
    let store = open(&top.path().join("store"));
    let tag = registry.name("some/app:1");
    let pinned = registry.name(&format!("some/app@{image}"));
    let both = registry.name(&format!("some/app:1@{image}"));
    let first = preload(&store, &tag, &settings);
    assert!(first.remark.is_none() && registry.asked() > 0);

    // By its digest nobody is asked, though it was put here by its tag.
    for uri in [&pinned, &both] {
        let found = find(&store, uri, &settings).unwrap();
        assert!(matches!(found.remark, Some(Remark::Preloaded)));
        assert_eq!(found.image.layers(), first.image.layers());
        assert_eq!(found.image.config(), first.image.config());
        assert_eq!(store.fetch(&*found.image).unwrap().len(), 2);
    }
    assert_eq!(registry.asked(), 0);
    // Only that name, that digest, that platform.
    let other = Settings {
        platform: Platform {
            os: "linux".into(),
            architecture: "riscv64".into(),
        },
        ..settings.clone()
    };
    for (uri, settings) in [
        (registry.name(&format!("other/app@{image}")), &settings),
        (pinned.clone(), &other),
        (tag.clone(), &settings),
    ] {
        let found = find(&store, &uri, settings).unwrap();
        assert!(found.remark.is_none(), "{uri}");
        assert!(registry.asked() > 0, "{uri}");
    }

    // With a tag it is asked, but not needed.
    registry.is_broken.store(1, Ordering::SeqCst);
    let found = find(&store, &tag, &settings).unwrap();
    assert!(matches!(found.remark, Some(Remark::Unreachable(_))));
    assert_eq!(store.fetch(&*found.image).unwrap().len(), 2);
    assert!(find(&store, &registry.name("some/app:2"), &settings).is_err());
    let Counting { server, .. } = registry;
    drop(server);
    let found = find(&store, &tag, &settings).unwrap();
    let told = found.remark.unwrap().to_string();
    assert!(told.starts_with("the registry cannot be asked"), "{told}");
    assert_eq!(
        find(&store, &pinned, &settings)
            .unwrap()
            .image
            .layers()
            .len(),
        2
    );
}

#[test]
fn a_layer_that_is_gone_is_asked_for() {
    let mut images = Images::default();
    let image = images.image(OCI_MANIFEST, &[(archive("a", b"a"), Form::Gzip)]);
    let registry = Counting::start(images, image.clone());
    let settings = insecure(&registry.server.address.to_string());
    let top = tempfile::tempdir().unwrap();
    let store = open(&top.path().join("store"));
    let pinned = registry.name(&format!("some/app@{image}"));
    preload(&store, &pinned, &settings);
    let found = find(&store, &pinned, &settings).unwrap();
    assert!(store.unpin("kept").unwrap());
    assert_eq!(store.collect().unwrap().removed.len(), 1);
    registry.asked();
    // It went between being found and being taken.
    assert_eq!(store.fetch(&*found.image).unwrap().len(), 1);
    assert!(registry.asked() > 0);
    // And before.
    assert_eq!(store.collect().unwrap().removed.len(), 1);
    let found = find(&store, &pinned, &settings).unwrap();
    assert!(found.remark.is_none());
}

#[test]
fn what_the_registry_refuses_is_not_taken_from_the_store() {
    let mut images = Images::default();
    let image = images.image(OCI_MANIFEST, &[(archive("a", b"a"), Form::Gzip)]);
    let gone = Arc::<AtomicUsize>::default();
    let is_gone = gone.clone();
    let server = Small::start(move |request| match is_gone.load(Ordering::SeqCst) {
        0 => honest(&images, &image, request),
        _ => answer("404 Not Found", "", b""),
    });
    let settings = insecure(&server.address.to_string());
    let top = tempfile::tempdir().unwrap();
    let store = open(&top.path().join("store"));
    let uri = format!("docker://{}/app:1", server.address);
    preload(&store, &uri, &settings);
    gone.store(1, Ordering::SeqCst);
    let refused = find(&store, &uri, &settings).err().unwrap();
    assert!(matches!(refused, Error::NotFound { .. }), "{refused}");
    let unknown = Digest::of(b"another");
    let uri = format!("docker://{}/app@{unknown}", server.address);
    assert!(find(&store, &uri, &settings).is_err());
}
