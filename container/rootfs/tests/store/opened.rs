//! What making an image takes does not depend on what is in its layers.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use rustix::fs::inotify::{CreateFlags, Reader, WatchFlags, add_watch, init};
use rustix::io::Errno;
use warren_container_rootfs::driver::Rung;
use warren_container_rootfs::image::{Ids, Request};

use crate::common::life::{layer, open, request};
use crate::common::{Archive, in_private_mounts, mapped};

/// So many directories, each with as many files.
fn tree(directories: usize, files: usize) -> Vec<u8> {
    let mut archive = Archive::new();
    for directory in 0..directories {
        archive = archive.dir(&format!("d{directory}"));
        for file in 0..files {
            archive = archive.file(&format!("d{directory}/f{file}"), b"x");
        }
    }
    archive.end()
}

/// Tells of every directory below `top` that is listed, and every entry that is opened.
fn watch(top: &Path) -> OwnedFd {
    let watch = init(CreateFlags::NONBLOCK | CreateFlags::CLOEXEC).unwrap();
    let mut rest: Vec<PathBuf> = vec![top.to_owned()];
    while let Some(directory) = rest.pop() {
        for entry in std::fs::read_dir(&directory).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                rest.push(entry.path());
            }
        }
        add_watch(&watch, &directory, WatchFlags::OPEN | WatchFlags::ACCESS).unwrap();
    }
    events(&watch);
    watch
}

/// How much it has to tell by now.
fn events(watch: &OwnedFd) -> usize {
    let mut buffer = [MaybeUninit::uninit(); 4096];
    let mut reader = Reader::new(watch, &mut buffer);
    let mut count = 0;
    loop {
        match reader.next() {
            Ok(_) => count += 1,
            Err(Errno::AGAIN) => return count,
            Err(errno) => panic!("{errno}"),
        }
    }
}

#[test]
fn an_image_is_made_and_destroyed_without_a_look_into_its_layers() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let ids = mapped();
        let touched = |rung: Rung, ids: Option<&Ids>, archive: &[u8]| {
            let store = open(&top.path().join("store"), Some(rung));
            let layers = [layer(&store, archive)];
            let watch = watch(&layers[0].diff());
            let wanted = Request {
                ids,
                ..request("one", &layers)
            };
            store.create(wanted).unwrap();
            store.stats("one").unwrap();
            store.destroy("one").unwrap();
            events(&watch)
        };
        let (small, large) = (tree(1, 1), tree(30, 10));
        for ids in [None, Some(&ids)] {
            let few = touched(Rung::Overlay, ids, &small);
            assert_eq!(touched(Rung::Overlay, ids, &large), few);
            assert!(few < 5, "{few}");
        }
        // A look would have been seen.
        let copied = touched(Rung::Copy, None, &large);
        assert!(copied > 300, "{copied}");
    });
}
