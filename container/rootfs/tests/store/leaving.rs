//! Images whose files are removed by a thread.

use std::fs;
use std::sync::mpsc::channel;

use warren_container_rootfs::driver::Rung;
use warren_container_rootfs::store::{Error, Store};

use crate::common::life::{base, layer, nothing_left, open, request};
use crate::common::{Archive, in_private_mounts, mount};

const MIB: usize = 1 << 20;

/// With a thread whose failures end the test.
fn emptying(
    root: &std::path::Path,
    rung: Option<Rung>,
) -> (Store, std::sync::mpsc::Receiver<String>) {
    let mut store = open(root, rung);
    let (tell, told) = channel();
    let report = move |error: &Error| drop(tell.send(error.to_string()));
    store.empty_in_background(Box::new(report)).unwrap();
    (store, told)
}

fn count(store: &Store, place: &str) -> usize {
    fs::read_dir(store.root().join(place)).unwrap().count()
}

#[test]
fn an_image_is_gone_at_once_and_its_files_after_a_while() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let root = top.path().join("store");
        let (store, told) = emptying(&root, None);
        let layers = [layer(&store, &base())];
        // More than the thread takes at once.
        for number in 0..40 {
            store
                .create(request(&format!("i{number}"), &layers))
                .unwrap();
        }
        for number in 0..40 {
            let id = format!("i{number}");
            assert!(store.destroy_soon(&id).unwrap());
            assert!(matches!(store.image(&id), Err(Error::NotFound { .. })));
            assert!(!store.destroy_soon(&id).unwrap());
        }
        let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        assert!(!mounts.contains(&root.display().to_string()), "{mounts}");
        // The name is anybody's again, whatever is still on its way.
        let again = store.create(request("i39", &layers)).unwrap();
        fs::write(again.rootfs.join("new"), "").unwrap();
        store.settle();
        assert_eq!((count(&store, "trash"), count(&store, "images")), (0, 1));
        assert!(again.rootfs.join("new").exists());
        assert!(store.destroy_soon("i39").unwrap());
        drop(layers);
        // Who ends waits.
        drop(store);
        let store = open(&root, None);
        assert_eq!(store.swept().trash, 0);
        store.collect().unwrap();
        nothing_left(&root);
        assert_eq!(told.iter().collect::<Vec<_>>(), [""; 0]);
    });
}

#[test]
fn without_a_thread_files_are_gone_when_it_is_said() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let store = open(&top.path().join("store"), None);
        let layers = [layer(&store, &base())];
        store.create(request("a", &layers)).unwrap();
        assert!(store.destroy_soon("a").unwrap());
        assert_eq!((count(&store, "trash"), count(&store, "images")), (0, 0));
    });
}

#[test]
fn what_is_mounted_inside_is_unmounted_and_spared() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let (store, told) = emptying(&top.path().join("store"), Some(Rung::Copy));
        let layers = [layer(&store, &base())];
        let image = store.create(request("a", &layers)).unwrap();
        let data = top.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("precious"), b"p").unwrap();
        rustix::mount::mount_bind(&data, image.rootfs.join("etc")).unwrap();
        assert!(store.destroy_soon("a").unwrap());
        store.settle();
        assert_eq!(count(&store, "trash"), 0);
        assert_eq!(fs::read(data.join("precious")).unwrap(), b"p");
        drop(store);
        assert_eq!(told.iter().collect::<Vec<_>>(), [""; 0]);
    });
}

#[test]
fn room_that_is_about_to_be_there_is_waited_for() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        mount("tmpfs", top.path(), "size=24m");
        let (store, _told) = emptying(&top.path().join("store"), Some(Rung::Copy));
        let heavy = Archive::new().file("heavy", &vec![7; 8 * MIB]).end();
        let layers = [layer(&store, &heavy)];
        store.create(request("large", &layers)).unwrap();
        let empty = [layer(&store, &base())];
        let many = store.create(request("many", &empty)).unwrap().rootfs;
        for number in 0..30_000 {
            fs::write(many.join(number.to_string()), "").unwrap();
        }
        // The one that takes the room is behind the one that takes its time.
        assert!(store.destroy_soon("many").unwrap());
        assert!(store.destroy_soon("large").unwrap());
        store.create(request("next", &layers)).unwrap();
    });
}
