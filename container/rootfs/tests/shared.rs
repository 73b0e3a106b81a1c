//! Layers of another store, used where they are, as a store in a container uses those of the machine.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod common;

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use common::{Archive, in_private_mounts, mount};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};
use warren_container_rootfs::image::{Ids, Request};
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::progress::Watched;
use warren_container_rootfs::source::LocalTar;
use warren_container_rootfs::store::{Error, Lease, Options, Store};
use warren_sys_process::user_namespace::{Map, scratch};

const SEEN: [&str; 3] = ["layers", "pins", "sources"];

/// The machine's store, and what a container sees of it: read-only, at another place.
struct Scene {
    top: PathBuf,
    outer: Store,
}

impl Scene {
    fn new(top: &Path) -> Self {
        let outer = Store::open(&top.join("outer"), &Options::default()).unwrap();
        for name in SEEN {
            let seen = top.join("seen").join(name);
            fs::create_dir_all(&seen).unwrap();
            mount_bind(top.join("outer").join(name), &seen).unwrap();
            mount_remount(&seen, MountFlags::BIND | MountFlags::RDONLY, "").unwrap();
        }
        let top = top.to_owned();
        Self { top, outer }
    }

    fn inner(&self) -> Result<Store, Error> {
        let options = Options {
            shared: vec![self.top.join("seen")],
            ..Options::default()
        };
        Store::open(&self.top.join("inner"), &options)
    }

    /// An image's file, as the machine sees it and as the container does.
    fn file(&self) -> (PathBuf, PathBuf) {
        let images = self.top.join("images");
        fs::create_dir_all(&images).unwrap();
        fs::create_dir_all(self.top.join("images-seen")).unwrap();
        fs::write(images.join("base.tar"), base()).unwrap();
        mount_bind(&images, self.top.join("images-seen")).unwrap();
        let seen = self.top.join("images-seen/base.tar");
        (images.join("base.tar"), seen)
    }

    fn unpacked_inside(&self) -> usize {
        fs::read_dir(self.top.join("inner/layers")).unwrap().count()
    }

    /// The machine's store is no longer seen.
    fn unsee(&self) {
        for name in SEEN {
            unmount(self.top.join("seen").join(name), UnmountFlags::empty()).unwrap();
        }
    }
}

fn base() -> Vec<u8> {
    Archive::new()
        .dir("etc")
        .file("etc/motd", b"base")
        .file("gone", b"g")
        .end()
}

fn layer(store: &Store, bytes: &[u8]) -> Lease {
    let open = || Ok(Cursor::new(bytes.to_vec()));
    store.layer(Digest::of(bytes), None, open).unwrap()
}

fn request<'a>(id: &'a str, layers: &'a [Lease]) -> Request<'a> {
    Request {
        id,
        layers,
        quota: None,
        ids: None,
    }
}

#[test]
fn a_pinned_layer_is_used_in_place_and_stays() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let scene = Scene::new(top.path());
        let (outside, inside) = scene.file();
        let leases = scene.outer.fetch(&LocalTar::new(&outside).unwrap());
        scene.outer.pin("environment", &leases.unwrap()).unwrap();

        let inner = scene.inner().unwrap();
        let tar = LocalTar::new(&inside).unwrap();
        assert_eq!(Watched::new(&tar, &inner).progress().layers, 0);
        let leases = inner.fetch(&tar).unwrap();
        assert_eq!(scene.unpacked_inside(), 0);
        let seen = top.path().join("seen").canonicalize().unwrap();
        assert!(leases[0].diff().starts_with(seen), "{leases:?}");
        let image = inner.create(request("one", &leases)).unwrap();
        let at = |name: &str| image.rootfs.join(name);
        assert_eq!(fs::read(at("etc/motd")).unwrap(), b"base");
        fs::write(at("etc/motd"), b"mine").unwrap();
        fs::remove_file(at("gone")).unwrap();
        drop(leases);

        // Neither store's cleaning takes it away.
        assert_eq!(scene.outer.collect().unwrap().removed, []);
        assert_eq!(inner.collect().unwrap().removed, []);
        let other = inner.fetch(&tar).unwrap();
        let other = inner.create(request("two", &other)).unwrap();
        assert_eq!(fs::read(other.rootfs.join("etc/motd")).unwrap(), b"base");
        assert!(other.rootfs.join("gone").exists());

        // As whoever comes after a server that was killed finds it.
        let again = scene.inner().unwrap();
        assert_eq!(again.list().unwrap(), ["one", "two"]);
        assert_eq!(fs::read(at("etc/motd")).unwrap(), b"mine");
        for id in ["one", "two"] {
            assert!(again.destroy(id).unwrap());
        }
        assert_eq!(scene.unpacked_inside(), 0);
    });
}

#[test]
fn what_is_not_promised_is_unpacked() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let scene = Scene::new(top.path());
        let hiding = Archive::new().file(".wh.gone", b"").end();
        let unpinned = layer(&scene.outer, &base());
        let pinned = layer(&scene.outer, &hiding);
        scene.outer.pin("hiding", &[pinned]).unwrap();
        let inner = scene.inner().unwrap();
        // One is not pinned, the other hides something.
        let leases = [layer(&inner, &base()), layer(&inner, &hiding)];
        assert_eq!(scene.unpacked_inside(), 2);
        let image = inner.create(request("one", &leases)).unwrap();
        assert!(!image.rootfs.join("gone").exists());
        inner.destroy("one").unwrap();
        // What is there already is not looked for elsewhere.
        scene.outer.pin("late", &[unpinned]).unwrap();
        let own = top.path().join("inner").canonicalize().unwrap();
        assert!(layer(&inner, &base()).diff().starts_with(own));
    });
}

/// Makes an image with other owners of the machine's layer, and removes it; how many copies of the
/// layer that took.
fn with_other_owners(top: &Path) -> usize {
    let scene = Scene::new(top);
    let pinned = layer(&scene.outer, &base());
    scene.outer.pin("base", &[pinned]).unwrap();
    let map = Map {
        inside: 0,
        outside: 200_000,
        count: 65_536,
    };
    let namespace = scratch(map).unwrap().namespace;
    let ids = Ids::new(namespace.into(), (200_000, 200_000)).with_maps(vec![map]);
    let inner = scene.inner().unwrap();
    let leases = [layer(&inner, &base())];
    let image = inner.create(Request {
        ids: Some(&ids),
        ..request("mapped", &leases)
    });
    let motd = image.unwrap().rootfs.join("etc/motd");
    assert_eq!(fs::metadata(&motd).unwrap().uid(), 200_000);
    assert_eq!(fs::read(&motd).unwrap(), b"base");
    let copied = || fs::read_dir(top.join("inner/merged")).map_or(0, Iterator::count);
    let copies = copied();
    inner.destroy("mapped").unwrap();
    drop(leases);
    inner.collect().unwrap();
    assert_eq!(copied(), 0);
    assert_eq!(scene.unpacked_inside(), 0);
    // Its owners outside are what they were.
    let layer = layer(&scene.outer, &base());
    let motd = fs::metadata(layer.diff().join("etc/motd")).unwrap();
    assert_eq!(motd.uid(), 0);
    copies
}

#[test]
fn owners_are_shown_by_a_mount_of_the_layer() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| assert_eq!(with_other_owners(top.path()), 0));
}

#[test]
fn a_copy_with_other_owners_is_the_inner_stores() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        // The kernel shows no other owners of what is on an overlay.
        for name in ["lower", "upper", "work", "merged"] {
            fs::create_dir(top.path().join(name)).unwrap();
        }
        let part = |name: &str| top.path().join(name).display().to_string();
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            part("lower"),
            part("upper"),
            part("work")
        );
        let merged = top.path().join("merged");
        mount("overlay", &merged, &options);
        assert_eq!(with_other_owners(&merged), 1);
    });
}

#[test]
fn a_store_that_is_gone_is_said() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let scene = Scene::new(top.path());
        let pinned = layer(&scene.outer, &base());
        let digest = pinned.layer();
        scene.outer.pin("base", &[pinned]).unwrap();
        in_private_mounts(|| {
            let inner = scene.inner().unwrap();
            let leases = [layer(&inner, &base())];
            inner.create(request("one", &leases)).unwrap();
        });
        let inner = scene.inner().unwrap();
        // The promise is broken.
        let away = top.path().join("away");
        let place = top.path().join("outer/layers").join(digest.hex());
        fs::rename(&place, &away).unwrap();
        let error = inner.mount("one", None).unwrap_err();
        assert!(matches!(error, Error::SharedGone { .. }), "{error}");
        fs::rename(&away, &place).unwrap();
        inner.mount("one", None).unwrap();
        assert!(inner.destroy("one").unwrap());
        // All of it is somewhere else.
        let leases = [layer(&inner, &base())];
        in_private_mounts(|| inner.create(request("two", &leases)).map(drop)).unwrap();
        drop(leases);
        scene.unsee();
        let error = scene.inner().unwrap().mount("two", None).unwrap_err();
        assert!(matches!(error, Error::NoLayer { .. }), "{error}");
        fs::remove_dir_all(top.path().join("seen")).unwrap();
        let error = scene.inner().unwrap_err();
        assert!(matches!(error, Error::Shared { .. }), "{error}");
        assert!(error.to_string().contains("/seen"), "{error}");
    });
}
