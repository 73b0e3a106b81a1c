//! A store with two layers, and what any way of making images of them must do.

use std::fs;
use std::io::Cursor;
use std::path::Path;

use warren_container_rootfs::driver::Rung;
use warren_container_rootfs::image::Request;
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::store::{Error, Lease, Options, Store};

use super::Archive;

pub fn base() -> Vec<u8> {
    let archive = Archive::new()
        .dir("etc")
        .file("etc/motd", b"base")
        .file("gone", b"g");
    archive
        .dir("covered")
        .file("covered/low", b"l")
        .file("big", &[1; 100_000])
        .end()
}

pub fn top() -> Vec<u8> {
    let archive = Archive::new()
        .file(".wh.gone", b"")
        .file("covered/.wh..wh..opq", b"");
    archive
        .file("covered/high", b"h")
        .file("etc/issue", b"top")
        .end()
}

pub fn layer(store: &Store, bytes: &[u8]) -> Lease {
    let open = || Ok(Cursor::new(bytes.to_vec()));
    store.layer(Digest::of(bytes), None, open).unwrap()
}

pub fn open(root: &Path, rung: Option<Rung>) -> Store {
    let options = Options {
        rung,
        ..Options::default()
    };
    Store::open(root, &options).unwrap()
}

pub fn request<'a>(id: &'a str, layers: &'a [Lease]) -> Request<'a> {
    Request {
        id,
        layers,
        quota: None,
        ids: None,
    }
}

/// A whole life on one rung.
pub fn life(root: &Path, rung: Option<Rung>) -> Rung {
    let store = open(root, rung);
    let layers = [layer(&store, &base()), layer(&store, &top())];
    let image = store.create(request("one", &layers)).unwrap();
    let at = |name: &str| image.rootfs.join(name);
    assert_eq!(fs::read(at("etc/motd")).unwrap(), b"base");
    assert_eq!(fs::read(at("etc/issue")).unwrap(), b"top");
    assert!(!at("gone").exists() && !at("covered/low").exists());
    assert!(at("covered/high").exists());
    fs::write(at("etc/motd"), vec![2; 50_000]).unwrap();
    std::os::unix::fs::chown(at("etc/issue"), Some(7), Some(8)).unwrap();
    fs::remove_file(at("covered/high")).unwrap();
    let other = store.create(request("two", &layers)).unwrap();
    assert_eq!(fs::read(other.rootfs.join("etc/motd")).unwrap(), b"base");
    assert!(other.rootfs.join("covered/high").exists());
    let error = store.create(request("one", &layers)).unwrap_err();
    assert!(matches!(error, Error::AlreadyExists { .. }));
    let stats = store.stats("one").unwrap();
    assert!(
        stats.exclusive >= 50_000 && stats.total >= stats.exclusive,
        "{stats:?}"
    );
    assert_eq!(store.list().unwrap(), ["one", "two"]);

    let (first, second) = (layers[0].layer(), layers[1].layer());
    drop(layers);
    let collected = store.collect().unwrap();
    assert_eq!((collected.used, collected.removed.len()), (2, 0));
    assert!(store.destroy("one").unwrap() && store.destroy("two").unwrap());
    assert!(!store.destroy("one").unwrap() && !store.destroy("unheard-of").unwrap());
    assert!(matches!(store.stats("one"), Err(Error::NotFound { .. })));
    let lease = store.lease(first).unwrap().unwrap();
    let collected = store.collect().unwrap();
    assert_eq!(
        (collected.removed, collected.leased),
        (vec![second], vec![first])
    );
    drop(lease);
    assert_eq!(store.collect().unwrap().removed, [first]);
    nothing_left(root);
    image.rung
}

pub fn nothing_left(root: &Path) {
    for folder in ["layers", "images", "tmp", "trash"] {
        let left: Vec<_> = fs::read_dir(root.join(folder)).unwrap().collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
    for folder in ["sources", "locks"] {
        let names = fs::read_dir(root.join(folder)).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        // The store's own stay.
        let left: Vec<_> = names.filter(|name| !name.starts_with("store")).collect();
        assert!(left.is_empty(), "{folder}: {left:?}");
    }
    let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
    let inside = |line: &&str| line.contains(&format!("{}/images", root.display()));
    assert_eq!(mounts.lines().find(inside), None);
}
