//! Owners where mounts cannot show them, and stores that were moved.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod common;

use std::fs;
use std::io::Cursor;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use common::{Archive, in_private_mounts};
use warren_container_rootfs::driver::Rung;
use warren_container_rootfs::image::{Ids, Request};
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::store::{Error, Lease, Options, Store};
use warren_sys_process::user_namespace::{Map, scratch};

fn layers(store: &Store) -> [Lease; 2] {
    let capability = b"\x01\0\0\x02\0\x20\0\0\0\0\0\0\0\0\0\0\0\0\0\0".as_slice();
    let base = Archive::new()
        .dir("etc")
        .file("etc/motd", b"base")
        .file("gone", b"g")
        .dir("covered")
        .file("covered/low", b"l")
        .pax(&[("SCHILY.xattr.security.capability", capability)])
        .file("ping", b"p")
        .raw(b"su", b'0', b"", 0o4755, b"s")
        .hard_link("su2", "su")
        .symlink("link", "/nowhere")
        .end();
    let top = Archive::new()
        .file(".wh.gone", b"")
        .file("covered/.wh..wh..opq", b"")
        .file("covered/high", b"h")
        .end();
    [base, top].map(|bytes| {
        let open = || Ok(Cursor::new(bytes.clone()));
        store.layer(Digest::of(&bytes), None, open).unwrap()
    })
}

fn ids() -> Ids {
    let map = Map {
        inside: 0,
        outside: 200_000,
        count: 65_536,
    };
    let namespace = scratch(map).unwrap().namespace;
    Ids::new(namespace.into(), (200_000, 200_000)).with_maps(vec![map])
}

#[test]
fn a_copy_has_the_owners_that_no_mount_can_show() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let options = Options {
            rung: Some(Rung::Copy),
            ..Options::default()
        };
        let store = Store::open(&top.path().join("store"), &options).unwrap();
        let layers = layers(&store);
        let ids = ids();
        let request = |id, ids| Request {
            id,
            layers: &layers,
            quota: None,
            ids,
        };
        let image = store.create(request("mapped", Some(&ids))).unwrap();
        let at = |name: &str| image.rootfs.join(name);
        for name in ["", "etc", "etc/motd", "covered/high", "ping", "su2", "link"] {
            let meta = fs::symlink_metadata(at(name)).unwrap();
            assert_eq!((meta.uid(), meta.gid()), (200_000, 200_000), "{name}");
        }
        assert_eq!(fs::metadata(at("su")).unwrap().mode() & 0o7777, 0o4755);
        assert!(!at("gone").exists() && !at("covered/low").exists());
        let mut value = [0; 64];
        let length =
            rustix::fs::lgetxattr(at("ping"), "security.capability", &mut value[..]).unwrap();
        // Version 3, and whose root.
        assert_eq!((length, value[3]), (24, 3));
        assert_eq!(value[20..24], 200_000u32.to_le_bytes());
        let plain = store.create(request("plain", None)).unwrap();
        assert_eq!(fs::metadata(plain.rootfs.join("su")).unwrap().uid(), 0);

        // Without the ids as numbers there is nothing to give.
        let map = Map {
            inside: 0,
            outside: 200_000,
            count: 1,
        };
        let namespace = scratch(map).unwrap().namespace;
        let bare = Ids::new(namespace.into(), (200_000, 200_000));
        let error = store.create(request("bare", Some(&bare))).unwrap_err();
        assert!(matches!(error, Error::Driver { .. }), "{error}");
        store.destroy("mapped").unwrap();
        store.destroy("plain").unwrap();
    });
}

/// Looks through an image of the two layers.
fn hides(store: &Store, id: &str) -> bool {
    let layers = layers(store);
    let image = store.create(Request {
        id,
        layers: &layers,
        quota: None,
        ids: None,
    });
    let root = image.unwrap().rootfs;
    assert_eq!(fs::read(root.join("etc/motd")).unwrap(), b"base");
    let hides = !root.join("gone").exists() && !root.join("covered/low").exists();
    store.destroy(id).unwrap();
    hides
}

#[test]
fn a_store_that_was_moved_still_hides() {
    let top = tempfile::tempdir().unwrap();
    let sh = |script: &str| {
        let mut command = Command::new("sh");
        let status = command.args(["-ec", script]).current_dir(&top).status();
        assert!(status.unwrap().success(), "{script}");
    };
    let open = |name: &str| Store::open(&top.path().join(name), &Options::default()).unwrap();
    in_private_mounts(|| {
        let store = open("here");
        assert!(hides(&store, "a"));
        assert!(store.report().chosen.is_layered());
        drop(store);
        // As an archive goes that keeps neither attributes nor devices.
        sh(
            "mkdir there; tar -C here --no-xattrs -cf - . | tar -C there -xf -; \
            find there -type c -delete",
        );
        let marks = fs::read_to_string(top.path().join("there/marks")).unwrap();
        let store = open("there");
        assert!(hides(&store, "b"));
        assert_ne!(
            fs::read_to_string(top.path().join("there/marks")).unwrap(),
            marks
        );
        // Or as whole files of another form.
        drop(store);
        sh("cp -a there again; find again -type c -delete");
        assert!(hides(&open("again"), "c"));
    });
}

#[test]
fn a_directory_of_others_is_no_store() {
    let top = tempfile::tempdir().unwrap();
    for name in ["images", "volumes", "meta"] {
        fs::create_dir(top.path().join(name)).unwrap();
    }
    let error = Store::open(top.path(), &Options::default()).unwrap_err();
    assert!(matches!(error, Error::Version { .. }), "{error}");
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 3);
    let empty = tempfile::tempdir().unwrap();
    fs::create_dir(empty.path().join("lost+found")).unwrap();
    Store::open(empty.path(), &Options::default()).unwrap();
    assert!(Path::exists(&empty.path().join("lost+found")));
}
