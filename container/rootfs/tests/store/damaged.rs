//! Images of which it cannot be told what they are made of.

use std::fs;
use std::path::Path;

use warren_container_rootfs::store::Error;

use crate::common::in_private_mounts;
use crate::common::life::{base, layer, nothing_left, open, request, top};

/// What happens to a file.
type Damage = (&'static str, fn(&Path));

#[test]
fn no_layer_goes_while_an_image_does_not_tell_which_are_its() {
    let folder = tempfile::tempdir().unwrap();
    let damages: [Damage; 4] = [
        ("cut in half", |path| {
            let bytes = fs::read(path).unwrap();
            fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
        }),
        ("something else", |path| {
            fs::write(path, [0, 159, 146, 150]).unwrap()
        }),
        ("not to be read", |path| {
            fs::remove_file(path).unwrap();
            fs::create_dir(path).unwrap();
        }),
        ("gone", |path| fs::remove_file(path).unwrap()),
    ];
    in_private_mounts(|| {
        let root = folder.path().join("store");
        for (what, damage) in damages {
            let store = open(&root, None);
            let image = store
                .create(request("a", &[layer(&store, &base())]))
                .unwrap();
            drop(layer(&store, &top()));
            damage(&root.join("images/a/image.json"));
            drop(store);
            let store = open(&root, None);
            assert_eq!(store.swept().images, 0, "{what}");
            let collected = store.collect().unwrap();
            assert_eq!((collected.removed, collected.kept), (vec![], 2), "{what}");
            let [damaged] = collected.damaged.as_slice() else {
                panic!("{what}: {:?}", collected.damaged);
            };
            assert_eq!(damaged.id, "a", "{what}");
            assert!(
                damaged.why.contains("images/a/image.json"),
                "{what}: {}",
                damaged.why
            );
            // It lives on.
            assert_eq!(fs::read(image.rootfs.join("etc/motd")).unwrap(), b"base");
            let error = store.stats("a").unwrap_err();
            assert!(matches!(error, Error::Damaged { .. }), "{error}");
            assert_eq!(store.usage().unwrap().quotas, 0, "{what}");
            assert_eq!(store.list().unwrap(), ["a"], "{what}");
            // What helps.
            assert!(store.destroy("a").unwrap(), "{what}");
            assert_eq!(store.collect().unwrap().removed.len(), 2, "{what}");
            nothing_left(&root);
        }
    });
}
