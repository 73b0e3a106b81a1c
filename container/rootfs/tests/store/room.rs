//! A store whose file system is full.

use std::fs;

use warren_container_rootfs::driver::Rung;
use warren_container_rootfs::store::{Error, Lease, Store};

use crate::common::layers::Layers;
use crate::common::life::{layer, nothing_left, open, request};
use crate::common::{Archive, in_private_mounts, mount};

const MIB: usize = 1 << 20;

/// A layer with one file of as many MiB.
fn heavy(name: &str, size: usize) -> Vec<u8> {
    Archive::new().file(name, &vec![7; size * MIB]).end()
}

fn fetched(store: &Store, archives: &[Vec<u8>]) -> Result<Vec<Lease>, Error> {
    store.fetch(&Layers::of(archives.to_vec()))
}

#[test]
fn what_is_found_on_a_full_disk_is_not_kept() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        mount("tmpfs", top.path(), "size=4m");
        let root = top.path().join("store");
        let probe = root.join("probe.json");
        drop(open(&root, None));
        fs::remove_file(&probe).unwrap();
        // What is left is too little to try anything, and enough to write that down.
        let free = open(&root, None).capacity().unwrap().available;
        fs::remove_file(&probe).unwrap();
        fs::write(top.path().join("filled"), vec![1; free as usize]).unwrap();
        assert_ne!(open(&root, None).report().chosen, Rung::Overlay);
        assert!(!probe.exists());
        fs::remove_file(top.path().join("filled")).unwrap();
        assert_eq!(open(&root, None).report().chosen, Rung::Overlay);
        assert!(probe.exists());
    });
}

#[test]
fn layers_that_nothing_uses_make_room_for_others_and_what_is_used_stays() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        mount("tmpfs", top.path(), "size=24m");
        let store = open(&top.path().join("store"), None);
        let used = layer(&store, &heavy("used", 2));
        store.create(request("one", &[used])).unwrap();
        for number in 0..4 {
            drop(layer(&store, &heavy(&format!("unused-{number}"), 3)));
        }
        // 14 MiB are taken: there is room for neither of these beside the other.
        let both = [heavy("a", 9), heavy("b", 9)];
        let leases = fetched(&store, &both).unwrap();
        assert_eq!(leases.len(), 2);
        assert_eq!(store.layers().unwrap().len(), 3);
        assert_eq!(
            fs::metadata(leases[1].diff().join("b")).unwrap().len(),
            9 << 20
        );

        // Now everything there is in use, in three ways.
        store.pin("kept", &leases[..1]).unwrap();
        let unfinished = store.root().join("pins/other.7-18a3c0ffee000000-0");
        fs::write(unfinished, "").unwrap();
        let wanted = [heavy("wanted", 8)];
        let error = fetched(&store, &wanted).unwrap_err();
        let text = error.to_string();
        let Error::NoRoom { written, room, .. } = error else {
            panic!("{text}");
        };
        let room = room.unwrap();
        let available = room.capacity.available;
        assert!(
            (1..8 << 20).contains(&written) && available < 5 << 20,
            "{text}"
        );
        assert_eq!(room.layers, (3, 20 << 20));
        assert_eq!(
            (room.images, room.pins.as_slice()),
            (1, &["kept".to_owned()][..])
        );
        assert_eq!((room.cleared.removed, room.cleared.failed), (0, None));
        let told = format!(
            "more than {written} bytes: {available} of {} bytes are free",
            24 << 20
        );
        assert!(
            text.contains(&told) && text.contains("take back pins"),
            "{text}"
        );
        assert_eq!(fs::read_dir(store.root().join("tmp")).unwrap().count(), 0);
        let rootfs = store.image("one").unwrap().rootfs;
        assert_eq!(fs::metadata(rootfs.join("used")).unwrap().len(), 2 << 20);

        // A copy takes room too.
        store.unpin("kept").unwrap();
        drop(leases);
        store.collect().unwrap();
        drop(layer(&store, &heavy("unused", 5)));
        let copies = open(store.root(), Some(Rung::Copy));
        let heavier = [layer(&copies, &heavy("copied", 9))];
        let copied = copies.create(request("two", &heavier)).unwrap();
        assert_eq!(
            fs::metadata(copied.rootfs.join("copied")).unwrap().len(),
            9 << 20
        );
        assert_eq!(store.layers().unwrap().len(), 2);
        drop(heavier);
        store.destroy("two").unwrap();

        // As it says.
        drop(fetched(&store, &wanted).unwrap());
        store.destroy("one").unwrap();
        store.collect().unwrap();
        nothing_left(store.root());
    });
}
