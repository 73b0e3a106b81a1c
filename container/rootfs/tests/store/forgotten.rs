//! What is known of layers goes with them.

use std::fs::{self, File};

use rustix::fs::{FlockOperation, flock};
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::source::{Config, LocalTar, Platform};
use warren_container_rootfs::store::{Error, Preloaded, PreloadedLayer};

use crate::common::in_private_mounts;
use crate::common::life::{base, nothing_left, open, request};

#[test]
fn sources_names_and_locks_go_with_their_layers_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let tar = folder.path().join("base.tar");
    fs::write(&tar, base()).unwrap();
    in_private_mounts(|| {
        let root = folder.path().join("store");
        let store = open(&root, None);
        let count = |name: &str| fs::read_dir(root.join(name)).unwrap().count();
        let leases = store.fetch(&LocalTar::new(&tar).unwrap()).unwrap();
        let platform = Platform::own();
        let known = Preloaded {
            name: "a".to_owned(),
            platform: platform.to_string(),
            layers: vec![PreloadedLayer {
                diff_id: leases[0].layer(),
                blob: None,
                size: None,
            }],
            config: Config::default(),
        };
        store.remember(&known).unwrap();
        store.create(request("one", &leases)).unwrap();
        drop(leases);
        let there = || (count("sources"), count("preloaded"), count("locks"));
        let before = there();
        store.collect().unwrap();
        assert_eq!(there(), before);
        assert!(store.recall("a", &platform).unwrap().is_some());

        // What crashes leave: a file half written, one that names nothing, locks that nobody holds.
        let digits = |word: &str| Digest::of(word.as_bytes()).hex();
        let source = |name: String| root.join("sources").join(name);
        fs::write(source(digits("cut") + ".1-1"), "").unwrap();
        fs::write(source(digits("empty")), "").unwrap();
        for name in ["source-", "layer-", "making-", "image-", "merged-merged-"] {
            File::create(root.join("locks").join(name.to_owned() + &digits("old"))).unwrap();
        }
        // Written by processes that were killed before they put it into place, and by one that lives.
        let unfinished =
            |path: &str, by: &str| root.join(format!("{path}.{by}-18a3c0ffee000000-0"));
        let pinned = fs::read_dir(root.join("layers")).unwrap().next();
        let pinned = pinned.unwrap().unwrap().file_name().into_string().unwrap();
        for place in ["pins/kept", "pins/1.2", "version"] {
            fs::write(unfinished(place, "7"), &pinned).unwrap();
        }
        let writing = File::create(unfinished("pins/kept", "8")).unwrap();
        flock(&writing, FlockOperation::LockExclusive).unwrap();
        // Somebody is at this one.
        let held = root
            .join("locks")
            .join(format!("source-{}", digits("held")));
        let held = File::create(held).unwrap();
        flock(&held, FlockOperation::LockExclusive).unwrap();
        fs::write(source(digits("held") + ".1-1"), "").unwrap();
        store.collect().unwrap();
        let (sources, preloaded, locks) = before;
        assert_eq!(there(), (sources + 1, preloaded, locks + 1));
        drop(held);
        let unfinished_left = || {
            let names = [root.clone(), root.join("pins")].map(|path| fs::read_dir(path).unwrap());
            let names = names
                .into_iter()
                .flatten()
                .map(|entry| entry.unwrap().path());
            names
                .filter(|path| path.to_string_lossy().ends_with("-18a3c0ffee000000-0"))
                .count()
        };
        assert_eq!(unfinished_left(), 1);
        // A pin that would be taken for one of them.
        let like_it = store.pin("kept.7-18a3c0ffee000000-0", &[]);
        assert!(
            matches!(like_it, Err(Error::InvalidId { .. })),
            "{like_it:?}"
        );

        store.destroy("one").unwrap();
        assert_eq!(store.collect().unwrap().removed.len(), 1);
        assert_eq!(count("preloaded"), 0);
        drop(writing);
        store.collect().unwrap();
        assert_eq!(unfinished_left(), 0);
        nothing_left(&root);
        // The source is read again.
        let leases = store.fetch(&LocalTar::new(&tar).unwrap()).unwrap();
        assert!(leases[0].diff().join("etc/motd").exists());
        assert!(store.recall("a", &platform).unwrap().is_none());
        drop(leases);
        store.collect().unwrap();
        nothing_left(&root);
    });
}
