//! Stores on real file systems, with real mounts, in mount namespaces of their own.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

#[path = "../common/mod.rs"]
mod common;
mod damaged;
mod forgotten;
mod leaving;
mod opened;
mod room;

use std::fs::{self, File};
use std::io::Cursor;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use common::life::{base, layer, life, nothing_left, open, request, top};
use common::{Archive, in_private_mounts, mapped, mount};
use rustix::fs::{IFlags, ioctl_getflags, ioctl_setflags};
use warren_container_rootfs::driver::{Outcome, Report, Rung, probe};
use warren_container_rootfs::image::{Quota, Request};
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::store::{Error, Lease, Options, SourceError, Store};

#[test]
fn an_owner_sees_and_removes_only_what_is_his() {
    in_private_mounts(|| {
        let directory = tempfile::tempdir().unwrap();
        let own = open(directory.path(), None);
        let options = Options {
            owner: "other".to_owned(),
            ..Options::default()
        };
        let other = Store::open(directory.path(), &options).unwrap();
        let layers = [layer(&own, &base())];
        own.create(request("own", &layers)).unwrap();
        other.create(request("other", &layers)).unwrap();
        assert_eq!(own.list().unwrap(), ["own"]);
        assert_eq!(other.list().unwrap(), ["other"]);
        assert_eq!(other.list_all().unwrap(), ["other", "own"]);
        // An id is everybody's.
        let error = own.create(request("other", &layers)).unwrap_err();
        assert!(matches!(error, Error::AlreadyExists { .. }), "{error}");
        drop(layers);
        assert_eq!(own.collect().unwrap().used, 1);
        for id in ["own", "other"] {
            assert!(own.destroy(id).unwrap());
        }
    });
}

fn works(report: &Report, rung: &Rung) -> bool {
    let tried = report
        .rungs
        .iter()
        .find(|tried| tried.rung == *rung)
        .unwrap();
    tried.outcome.works()
}

#[test]
fn on_a_disk_every_rung_that_works_gives_the_same() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let root = top.path().join("store");
        assert_eq!(life(&root, None), Rung::Overlay);
        fs::create_dir(top.path().join("else")).unwrap();
        let elsewhere = Rung::OverlayElsewhere(top.path().join("else"));
        for rung in [elsewhere, Rung::OverlayTmpfs, Rung::Copy] {
            assert_eq!(life(&root, Some(rung.clone())), rung);
        }
        assert_eq!(fs::read_dir(top.path().join("else")).unwrap().count(), 0);
    });
}

#[test]
fn on_tmpfs_the_overlay_is_taken() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        mount("tmpfs", top.path(), "size=64m");
        assert_eq!(life(&top.path().join("store"), None), Rung::Overlay);
    });
}

/// Mounts an overlay below `top`; what is in it is on an overlay.
fn on_overlay(top: &Path) -> PathBuf {
    for name in ["l", "u", "w", "m"] {
        fs::create_dir(top.join(name)).unwrap();
    }
    let path = |name: &str| top.join(name).display().to_string();
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        path("l"),
        path("u"),
        path("w")
    );
    mount("overlay", &top.join("m"), &options);
    top.join("m/store")
}

#[test]
fn on_an_overlay_a_lower_rung_is_taken_and_says_why() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let root = on_overlay(top.path());
        assert_eq!(life(&root, None), Rung::OverlayTmpfs);
        let store = open(&root, None);
        assert_eq!(store.report().filesystem, "overlay");
        let refused = &store.report().rungs[0];
        let Outcome::Fails { errno, message, .. } = &refused.outcome else {
            panic!("{refused:?}");
        };
        assert_eq!(*errno, rustix::io::Errno::INVAL.raw_os_error());
        assert!(message.contains("upper"), "{message}");
        // With a real file system at hand, that is better than memory.
        fs::create_dir(top.path().join("data")).unwrap();
        let alternatives = vec![top.path().join("data")];
        let options = Options {
            alternatives: alternatives.clone(),
            ..Options::default()
        };
        let store = Store::open(&root, &options).unwrap();
        assert_eq!(
            store.report().chosen,
            Rung::OverlayElsewhere(alternatives[0].clone())
        );
        let layers = [layer(&store, &base()), layer(&store, &top_bytes())];
        let image = store.create(request("x", &layers)).unwrap();
        fs::write(image.rootfs.join("new"), b"n").unwrap();
        assert!(!image.rootfs.join("gone").exists());
        assert!(store.destroy("x").unwrap());
        assert_eq!(fs::read_dir(&alternatives[0]).unwrap().count(), 0);
    });
}

fn top_bytes() -> Vec<u8> {
    top()
}

#[test]
fn the_report_of_all_rungs_leaves_nothing() {
    let top = tempfile::tempdir().unwrap();
    let report = probe(top.path(), &[], true).unwrap();
    assert!(works(&report, &Rung::Overlay) && works(&report, &Rung::OverlayTmpfs));
    assert!(works(&report, &Rung::Copy));
    assert!(report.mapped_ids.works(), "{:?}", report.mapped_ids);
    assert_eq!(fs::read_dir(top.path()).unwrap().count(), 0);
}

#[test]
fn a_limit_is_kept_in_memory_and_elsewhere_as_the_probe_says() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let store = open(&top.path().join("store"), Some(Rung::OverlayTmpfs));
        let layers = [layer(&store, &base())];
        let limited = |id| Request {
            quota: Some(1 << 20),
            ..request(id, &layers)
        };
        let image = store.create(limited("a")).unwrap();
        assert_eq!(image.quota, Quota::Tmpfs { bytes: 1 << 20 });
        let error = fs::write(image.rootfs.join("much"), vec![0; 2 << 20]).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::StorageFull);
        store.destroy("a").unwrap();
        let store = open(&top.path().join("store"), None);
        let image = store.create(limited("b")).unwrap();
        // Whether the kernel has project quotas, and the disk was mounted with them.
        let expected = match &store.report().limits {
            Outcome::Works { .. } => Quota::Project { bytes: 1 << 20 },
            Outcome::Fails { message, .. } => {
                assert!(message.contains("project quotas"), "{message}");
                Quota::Accounting { bytes: 1 << 20 }
            }
            Outcome::NotTried => panic!("not tried"),
        };
        assert_eq!(image.quota, expected);
        store.destroy("b").unwrap();
    });
}

#[test]
fn mapped_and_unmapped_images_share_layers() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let store = open(&top.path().join("store"), None);
        let layers = [layer(&store, &base()), layer(&store, &top_bytes())];
        let ids = mapped();
        let mapped = Request {
            ids: Some(&ids),
            ..request("mapped", &layers)
        };
        let mapped = store.create(mapped).unwrap();
        let plain = store.create(request("plain", &layers)).unwrap();
        let owner = |path: PathBuf| fs::metadata(path).unwrap().uid();
        assert_eq!(owner(mapped.rootfs.join("etc/motd")), 200_000);
        assert_eq!(owner(mapped.rootfs.clone()), 200_000);
        assert_eq!(owner(plain.rootfs.join("etc/motd")), 0);
        assert!(!mapped.rootfs.join("gone").exists());
        store.destroy("mapped").unwrap();
        store.destroy("plain").unwrap();
        drop(layers);
        store.collect().unwrap();
        nothing_left(store.root());
    });
}

#[test]
fn images_are_mounted_again_after_a_restart() {
    let top = tempfile::tempdir().unwrap();
    let root = top.path().join("store");
    in_private_mounts(|| {
        let store = open(&root, None);
        let image = store
            .create(request("a", &[layer(&store, &base())]))
            .unwrap();
        fs::write(image.rootfs.join("mine"), b"kept").unwrap();
    });
    // With the namespace the mounts went, as with a machine.
    in_private_mounts(|| {
        let store = open(&root, None);
        assert_eq!(store.list().unwrap(), ["a"]);
        let image = store.mount("a", None).unwrap();
        assert_eq!(fs::read(image.rootfs.join("mine")).unwrap(), b"kept");
        store.mount("a", None).unwrap();
        store.destroy("a").unwrap();
        store.collect().unwrap();
        nothing_left(&root);
    });
}

#[test]
fn a_volatile_image_says_so_and_is_mounted_again_all_the_same() {
    let top = tempfile::tempdir().unwrap();
    let root = top.path().join("store");
    let options = Options {
        volatile: true,
        ..Options::default()
    };
    in_private_mounts(|| {
        let store = Store::open(&root, &options).unwrap();
        let image = store
            .create(request("a", &[layer(&store, &base())]))
            .unwrap();
        fs::write(image.rootfs.join("mine"), b"kept").unwrap();
        let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        let rootfs = image.rootfs.display().to_string();
        let line = mounts.lines().find(|line| line.contains(&rootfs)).unwrap();
        assert!(line.contains("volatile"), "{line}");
    });
    in_private_mounts(|| {
        let store = Store::open(&root, &options).unwrap();
        let image = store.mount("a", None).unwrap();
        assert_eq!(fs::read(image.rootfs.join("mine")).unwrap(), b"kept");
        store.destroy("a").unwrap();
        store.collect().unwrap();
        nothing_left(&root);
    });
}

#[test]
fn destroying_a_copy_spares_what_is_mounted_in_it() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let store = open(&top.path().join("store"), Some(Rung::Copy));
        let image = store
            .create(request("a", &[layer(&store, &base())]))
            .unwrap();
        let data = top.path().join("data");
        fs::create_dir(&data).unwrap();
        fs::write(data.join("precious"), b"p").unwrap();
        let target = image.rootfs.join("etc");
        rustix::mount::mount_bind(&data, &target).unwrap();
        assert!(store.destroy("a").unwrap());
        assert_eq!(fs::read(data.join("precious")).unwrap(), b"p");
        store.collect().unwrap();
        nothing_left(store.root());
    });
}

#[test]
fn bad_requests_leave_nothing() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let store = open(&top.path().join("store"), None);
        for id in ["", ".", "..", "a/b", "a\0b"] {
            let error = store.create(request(id, &[])).unwrap_err();
            assert!(matches!(error, Error::InvalidId { .. }));
        }
        assert!(matches!(
            store.create(request("a", &[])),
            Err(Error::NoLayers)
        ));
        let good = base();
        let cut = good[..good.len() / 2].to_vec();
        let error = store
            .layer(Digest::of(&good), None, || Ok(Cursor::new(cut)))
            .unwrap_err();
        assert!(matches!(error, Error::Unpack { .. }));
        store.collect().unwrap();
        nothing_left(store.root());
        fs::write(store.root().join("version"), "other").unwrap();
        let error = Store::open(store.root(), &Options::default()).unwrap_err();
        assert!(matches!(error, Error::Version { .. }));
    });
}

/// What other tests start as processes of their own; not a test by itself.
#[test]
#[ignore = "a part of other tests, started by them"]
fn worker() {
    let Ok(root) = std::env::var("WARREN_TEST_STORE") else {
        panic!("only started by other tests");
    };
    let store = open(Path::new(&root), None);
    let id = format!("w{}", std::process::id());
    wait_for_the_others();
    loop {
        let layers = [
            counted_layer(&store, &many()),
            counted_source(&store, &top()),
        ];
        let image = store.create(request(&id, &layers)).unwrap();
        assert!(image.rootfs.join("f7").exists());
        drop(layers);
        if std::env::var("WARREN_TEST_COUNT").is_ok() {
            return;
        }
        store.destroy(&id).unwrap();
        store.collect().unwrap();
    }
}

/// With others at the same time, this goes on when all have their store open.
fn wait_for_the_others() {
    let Ok(count) = std::env::var("WARREN_TEST_COUNT") else {
        return;
    };
    note(&count, "ready");
    let go = Path::new(&count).with_extension("go");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    while !go.exists() {
        assert!(std::time::Instant::now() < deadline, "nobody says go");
        std::thread::sleep(std::time::Duration::from_millis(1));
    }
}

/// Notes every time that the archive is opened to be unpacked.
fn counted_layer(store: &Store, bytes: &[u8]) -> Lease {
    store
        .layer(Digest::of(bytes), None, || counted(bytes))
        .unwrap()
}

/// The same of a source whose content is not known before it is read.
fn counted_source(store: &Store, bytes: &[u8]) -> Lease {
    store
        .layer_of_source(Digest::of(b"a source"), || counted(bytes))
        .unwrap()
}

fn counted(bytes: &[u8]) -> Result<Cursor<Vec<u8>>, SourceError> {
    if let Ok(count) = std::env::var("WARREN_TEST_COUNT") {
        note(&count, "unpacked");
    }
    Ok(Cursor::new(bytes.to_vec()))
}

/// Adds a line to a file of several processes.
fn note(path: &str, word: &str) {
    use std::io::Write;
    let mut options = fs::File::options();
    let mut file = options.append(true).create(true).open(path).unwrap();
    file.write_all(format!("{word}\n").as_bytes()).unwrap();
}

fn many() -> Vec<u8> {
    let mut archive = Archive::new();
    for number in 0..500 {
        archive = archive.file(&format!("f{number}"), &[number as u8; 2000]);
    }
    archive.end()
}

/// With `count` it makes one image, beside others, and notes there what it does.
fn start_worker(root: &Path, count: Option<&Path>) -> Child {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command
        .args(["--ignored", "--exact", "worker"])
        .env("WARREN_TEST_STORE", root);
    if let Some(count) = count {
        command.env("WARREN_TEST_COUNT", count);
    }
    command.stdout(Stdio::null()).spawn().unwrap()
}

#[test]
fn eight_processes_unpack_a_layer_once() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let root = top.path().join("store");
        let count = top.path().join("count");
        let workers: Vec<_> = (0..8).map(|_| start_worker(&root, Some(&count))).collect();
        let noted = |word: &str| {
            let text = fs::read_to_string(&count).unwrap_or_default();
            text.lines().filter(|line| *line == word).count()
        };
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while noted("ready") < workers.len() {
            assert!(std::time::Instant::now() < deadline, "a worker is missing");
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
        fs::write(count.with_extension("go"), "").unwrap();
        for mut worker in workers {
            assert!(worker.wait().unwrap().success());
        }
        // Each of the two layers.
        assert_eq!(noted("unpacked"), 2);
        let store = open(&root, None);
        assert_eq!(store.layers().unwrap().len(), 2);
        let images = store.list().unwrap();
        assert_eq!(images.len(), 8);
        let made = fs::read_dir(root.join("tmp")).unwrap().count();
        assert_eq!(made, 0);
        for id in images {
            store.destroy(&id).unwrap();
        }
        store.collect().unwrap();
        nothing_left(&root);
    });
}

#[test]
fn kill_at_any_point_leaves_a_store_that_is_whole() {
    let top = tempfile::tempdir().unwrap();
    in_private_mounts(|| {
        let root = top.path().join("store");
        let mut swept = 0;
        for round in 0..50u64 {
            let mut workers = [start_worker(&root, None), start_worker(&root, None)];
            // In half of the rounds they are at work by now; in the others they may not have begun.
            let is_made = |name| fs::read_dir(root.join(name)).is_ok_and(|made| made.count() > 0);
            let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
            while round % 2 == 0 && !is_made("tmp") && !is_made("images") {
                assert!(std::time::Instant::now() < deadline, "they do nothing");
                std::thread::sleep(std::time::Duration::from_micros(100));
            }
            // Spread over some rounds of the workers' work, never the same.
            std::thread::sleep(std::time::Duration::from_millis(round * 37 % 211));
            for worker in &mut workers {
                assert!(
                    worker.try_wait().unwrap().is_none(),
                    "the worker failed by itself"
                );
                worker.kill().unwrap();
                worker.wait().unwrap();
            }
            let store = open(&root, None);
            let found = store.swept();
            swept += found.unfinished + found.trash + found.images;
            for layer in store.layers().unwrap() {
                let lease = store.lease(layer).unwrap().unwrap();
                let files = fs::read_dir(lease.diff()).unwrap().count();
                assert_eq!(lease.info().unwrap().diff_id, layer);
                assert!(matches!(files, 500 | 3), "{files}");
            }
            for id in store.list().unwrap() {
                assert!(store.image(&id).unwrap().rootfs.join("f7").exists());
                store.destroy(&id).unwrap();
            }
            store.collect().unwrap();
            nothing_left(&root);
        }
        assert!(
            swept > 0,
            "no kill met a process at work: the test proves nothing"
        );
    });
}

/// A process that is killed between moving an image away and unmounting what is in it.
#[test]
fn what_is_mounted_in_the_trash_does_not_keep_a_store_from_opening() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    in_private_mounts(|| {
        drop(open(&root, None));
        let inside = root.join("trash/image/lower/0");
        fs::create_dir_all(&inside).unwrap();
        mount("tmpfs", &inside, "size=1m");
        mount("tmpfs", &inside, "size=1m");
        drop(open(&root, None));
        assert_eq!(fs::read_dir(root.join("trash")).unwrap().count(), 0);
        let mounts = fs::read_to_string("/proc/thread-self/mountinfo").unwrap();
        assert!(!mounts.contains("/trash/"), "{mounts}");
    });
}

/// A file that was made immutable in a container whose root is a copy.
#[test]
fn what_cannot_be_removed_does_not_keep_a_store_from_opening() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("store");
    in_private_mounts(|| {
        drop(open(&root, None));
        let etc = root.join("trash/image/etc");
        fs::create_dir_all(&etc).unwrap();
        fs::write(root.join("trash/other"), "").unwrap();
        let hosts = File::create(etc.join("hosts")).unwrap();
        let flags = ioctl_getflags(&hosts).unwrap();
        ioctl_setflags(&hosts, flags | IFlags::IMMUTABLE).unwrap();
        let options = Options::default();
        let opened = Store::open(&root, &options).map(|store| {
            let stuck = store.stuck().iter().map(ToString::to_string);
            (store.swept().trash, stuck.collect::<Vec<_>>())
        });
        ioctl_setflags(&hosts, flags).unwrap();
        let (swept, stuck) = opened.unwrap();
        assert_eq!((swept, stuck.len()), (1, 1), "{stuck:?}");
        assert!(stuck[0].contains("trash/image"), "{stuck:?}");
        let store = open(&root, None);
        assert_eq!((store.swept().trash, store.stuck().len()), (1, 0));
    });
}
