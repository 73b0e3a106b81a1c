//! A limit holds: on each rung, for everybody, wherever the upper layer is; or is said not to.

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::mount::{UnmountFlags, unmount};
use warren_container_rootfs::driver::{Outcome, Rung, Step};
use warren_container_rootfs::image::{Quota, Request};
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::store::{Options, Store};

use crate::common::disk::Disk;
use crate::common::{Archive, in_private_mounts, mapped, mount};
use crate::scene::{
    Counted, DEADLINE, MIB, OURS, about, dangling, fill, layer, on_each, open, refused, request,
};

/// Images with limits of their own, and one without, on one rung.
fn holds(kind: &str, disk: &Disk, rung: Option<Rung>) {
    let store = open(&disk.store(), rung.clone());
    let limits = &store.report().limits;
    let Outcome::Works { evidence } = limits else {
        panic!("{kind} {rung:?}: {limits:?}")
    };
    let sign = if kind == "ext4" { "EDQUOT" } else { "ENOSPC" };
    assert!(evidence[0].contains(sign), "{evidence:?}");
    let layers = [layer(&store)];
    let small = store
        .create(request("small", &layers, Some(4 * MIB)))
        .unwrap();
    let large = store
        .create(request("large", &layers, Some(8 * MIB)))
        .unwrap();
    let free = store.create(request("free", &layers, None)).unwrap();
    assert_eq!(small.quota, Quota::Project { bytes: 4 * MIB });
    assert_eq!(free.quota, Quota::None);
    let before = store.stats("small").unwrap();
    if small.rung.is_layered() {
        // What df shows.
        let room = rustix::fs::statvfs(&small.rootfs).unwrap();
        about(room.f_blocks * room.f_frsize, 4 * MIB);
    }
    // Of two writers the second has what the first has left.
    assert_eq!(fill(&small.rootfs.join("a"), 3 * MIB), (3 * MIB, None));
    let (written, error) = fill(&small.rootfs.join("b"), 8 * MIB);
    assert_eq!(error, refused(kind), "{kind} {rung:?}");
    about(written, MIB);
    // Neither is held by the other's limit.
    let (written, error) = fill(&large.rootfs.join("a"), 16 * MIB);
    assert_eq!(error, refused(kind));
    about(written, 8 * MIB);
    assert_eq!(fill(&free.rootfs.join("a"), 16 * MIB), (16 * MIB, None));
    // A change of a layer's file takes its whole size.
    let copied_up = File::options()
        .append(true)
        .open(large.rootfs.join("big"))
        .and_then(|mut file| file.write_all(b"x"));
    assert!(copied_up.is_err(), "{kind} {rung:?}");
    // Told at once and rightly, of each.
    let stats = store.stats("small").unwrap();
    about(stats.exclusive - before.exclusive, 4 * MIB);
    about(stats.total - before.total, 4 * MIB);
    let copied = match free.rung.is_layered() {
        true => 0,
        false => 3_000_000,
    };
    about(store.stats("free").unwrap().exclusive, 16 * MIB + copied);
    // What is removed may be written again.
    fs::remove_file(small.rootfs.join("a")).unwrap();
    let deadline = Instant::now() + DEADLINE;
    while fill(&small.rootfs.join("c"), 2 * MIB) != (2 * MIB, None) {
        assert!(Instant::now() < deadline, "{kind} {rung:?}");
    }
    // So are files, whatever is in them.
    assert!(store.limit_inodes("free", 10).unwrap());
    let make = |number: u32| File::create(free.rootfs.join(format!("f{number}"))).map(drop);
    let made: Vec<_> = (0..12).map(make).collect();
    let count = made.iter().filter(|each| each.is_ok()).count();
    let error = made[11].as_ref().unwrap_err();
    assert_eq!(
        (count, rustix::io::Errno::from_io_error(error)),
        (10, refused(kind)),
        "{kind} {rung:?}"
    );
    for id in ["small", "large", "free"] {
        assert!(store.destroy(id).unwrap());
    }
    disk.nothing_is_left();
}

#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn limits_hold_on_an_overlay() {
    on_each(|kind, disk| holds(kind, disk, None));
}

#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn limits_hold_in_copies_where_the_probe_says_so() {
    in_private_mounts(|| {
        let disk = Disk::new("xfs", "prjquota");
        for rung in [Rung::Reflink, Rung::Copy] {
            holds("xfs", &disk, Some(rung));
        }
    });
    in_private_mounts(|| {
        // Who may exceed it, as root with all capabilities may on ext4, is not told of a limit.
        let disk = Disk::new("ext4", "prjquota");
        let store = open(&disk.store(), Some(Rung::Copy));
        let limits = &store.report().limits;
        let Outcome::Fails { step, message, .. } = limits else {
            panic!("{limits:?}")
        };
        assert_eq!(*step, Step::Exceed);
        assert!(message.contains("CAP_SYS_RESOURCE"), "{message}");
        let layers = [layer(&store)];
        let image = store.create(request("one", &layers, Some(MIB))).unwrap();
        assert_eq!(image.quota, Quota::Accounting { bytes: MIB });
        assert!(!store.limit_inodes("one", 10).unwrap());
        store.destroy("one").unwrap();
        assert_eq!(disk.projects(), []);
    });
}

#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn a_limit_holds_for_every_user_and_owner() {
    on_each(|kind, disk| {
        let store = open(&disk.store(), None);
        let layers = [layer(&store)];
        let ids = mapped();
        for ids in [None, Some(&ids)] {
            let wanted = Request {
                ids,
                ..request("one", &layers, Some(4 * MIB))
            };
            let image = store.create(wanted).unwrap();
            let shared = image.rootfs.join("tmp");
            fs::set_permissions(&shared, fs::Permissions::from_mode(0o1777)).unwrap();
            for (uid, count) in [(1000, 3), (200_000, 3), (0, 3)] {
                let status = Command::new("dd")
                    .args(["if=/dev/zero", "bs=1M", &format!("count={count}")])
                    .arg(format!("of={}", shared.join(uid.to_string()).display()))
                    .uid(uid)
                    .stderr(Stdio::null())
                    .status()
                    .unwrap();
                // All write into the one limit.
                assert_eq!(status.success(), uid == 1000, "{kind}: {uid}");
            }
            about(store.stats("one").unwrap().exclusive, 4 * MIB);
            store.destroy("one").unwrap();
        }
        disk.nothing_is_left();
    });
}

#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn without_the_mount_option_it_is_told_and_not_kept() {
    for (kind, options) in [("ext4", ""), ("xfs", ""), ("xfs", "pqnoenforce")] {
        in_private_mounts(|| {
            let disk = Disk::new(kind, options);
            let store = open(&disk.store(), None);
            let limits = &store.report().limits;
            let Outcome::Fails { step, message, .. } = limits else {
                panic!("{kind} {options}: {limits:?}")
            };
            assert_eq!(*step, Step::Quota, "{kind} {options}: {message}");
            assert!(message.contains("project quotas"), "{message}");
            let layers = [layer(&store)];
            let image = store.create(request("one", &layers, Some(MIB))).unwrap();
            assert_eq!(image.quota, Quota::Accounting { bytes: MIB });
            assert_eq!(fill(&image.rootfs.join("a"), 2 * MIB), (2 * MIB, None));
            about(store.stats("one").unwrap().exclusive, 2 * MIB);
            store.destroy("one").unwrap();
            // Mounted with it, the same store finds out again.
            drop((store, layers));
            unmount(disk.path(), UnmountFlags::empty()).unwrap();
            disk.mount(kind, "prjquota");
            let store = open(&disk.store(), None);
            assert!(store.report().limits.works(), "{:?}", store.report().limits);
        });
    }
}

/// A store on an overlay, as in a container, whose upper layers are on a file system with quotas.
#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn limits_hold_where_the_upper_layer_is_elsewhere() {
    on_each(|kind, disk| {
        let folder = tempfile::tempdir().unwrap();
        let outer = folder.path();
        for name in ["low", "up", "work", "root"] {
            fs::create_dir(outer.join(name)).unwrap();
        }
        let root = outer.join("root");
        let at = |name: &str| outer.join(name).display().to_string();
        let layers = format!(
            "lowerdir={},upperdir={},workdir={}",
            at("low"),
            at("up"),
            at("work")
        );
        mount("overlay", &root, &layers);
        let elsewhere = disk.path().join("uppers");
        fs::create_dir(&elsewhere).unwrap();
        let options = Options {
            alternatives: vec![elsewhere.clone()],
            ..Options::default()
        };
        let store = Store::open(&root.join("store"), &options).unwrap();
        let chosen = &store.report().chosen;
        let expected = Rung::OverlayElsewhere(elsewhere.clone());
        assert_eq!(*chosen, expected, "{:#?}", store.report());
        let over = Archive::new().file(".wh.motd", b"").file("new", b"n").end();
        let open = || Ok(Cursor::new(over.clone()));
        let over = store.layer(Digest::of(&over), None, open).unwrap();
        let layers = [layer(&store), over];
        let image = store
            .create(request("one", &layers, Some(2 * MIB)))
            .unwrap();
        assert_eq!(image.quota, Quota::Project { bytes: 2 * MIB });
        // Before Linux 6.7 an overlay can hold no mark for it.
        assert!(!image.rootfs.join("motd").exists() && image.rootfs.join("new").exists());
        let (written, error) = fill(&image.rootfs.join("a"), 8 * MIB);
        assert_eq!(error, refused(kind));
        about(written, 2 * MIB);
        store.destroy("one").unwrap();
        // What nobody came to give back, opening does.
        let project = OURS + 10_000;
        disk.quota().set_limit(project, Some(MIB)).unwrap();
        let gone = elsewhere.join(format!("warren-rootfs-{}/gone", store.id()));
        let link = dangling(&root.join("store"), project, &gone);
        drop(store);
        drop(Store::open(&root.join("store"), &options).unwrap());
        assert!(fs::symlink_metadata(&link).is_err());
        let deadline = Instant::now() + DEADLINE;
        while !disk.projects().is_empty() {
            assert!(Instant::now() < deadline, "left: {:?}", disk.projects());
        }
    });
}
