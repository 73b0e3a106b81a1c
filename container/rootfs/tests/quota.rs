//! Limits by project quotas, on file systems made for it.
//!
//! These need a kernel with project quotas, XFS and loop devices, and `mkfs.ext4` and `mkfs.xfs`, so
//! they are ignored by default and run in the virtual machine: `quota --ignored --skip worker`.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test has nobody to hand an error to"
)]

mod common;

use std::fs::{self, File};
use std::io::{Cursor, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::disk::Disk;
use common::{Archive, in_private_mounts, mount};
use rustix::io::Errno;
use rustix::mount::{UnmountFlags, unmount};
use warren_container_rootfs::driver::{Outcome, Rung, Step};
use warren_container_rootfs::image::{Ids, Quota, Request};
use warren_container_rootfs::layer::Digest;
use warren_container_rootfs::store::{Lease, Options, Store};
use warren_sys_mount::project_quota::{ProjectQuota, State, Usage, project_of};
use warren_sys_process::user_namespace::{Map, scratch};

const MIB: u64 = 1 << 20;
const DEADLINE: Duration = Duration::from_secs(30);
/// Ids that are ours, trials included.
const OURS: u32 = 0x4000_0000 - 4096;

/// What the tests ask of a disk.
trait Counted {
    fn store(&self) -> PathBuf;
    fn quota(&self) -> ProjectQuota;
    fn projects(&self) -> Vec<(u32, Usage)>;
    fn nothing_is_left(&self);
}

impl Counted for Disk {
    fn store(&self) -> PathBuf {
        self.path().join("store")
    }

    fn quota(&self) -> ProjectQuota {
        ProjectQuota::of(File::open(self.path()).unwrap().as_fd()).unwrap()
    }

    /// All projects that the file system knows of.
    fn projects(&self) -> Vec<(u32, Usage)> {
        let quota = self.quota();
        let mut found = Vec::new();
        let mut at = OURS;
        while let Some((id, usage)) = quota.next(at).unwrap() {
            // ext4 forgets an id a moment after the last it knew of it.
            if !usage.is_none() {
                found.push((id, usage));
            }
            at = id + 1;
        }
        found
    }

    /// Waits until nothing is counted or limited: XFS removes files in the background.
    fn nothing_is_left(&self) {
        let deadline = Instant::now() + DEADLINE;
        while !self.projects().is_empty() {
            assert!(Instant::now() < deadline, "left: {:?}", self.projects());
            std::thread::sleep(Duration::from_millis(20));
        }
        let links = links(&self.store());
        assert!(links.is_empty(), "{links:?}");
    }
}

/// The ids that a store has taken.
fn links(store: &Path) -> Vec<String> {
    let names = |path: PathBuf| fs::read_dir(path).into_iter().flatten();
    names(store.join("projects"))
        .flat_map(|start| names(start.unwrap().path()))
        .map(|link| link.unwrap().file_name().into_string().unwrap())
        .collect()
}

/// Takes an id for an image that there is not, as somebody who is killed then.
fn dangling(store: &Path, project: u32, target: &Path) -> PathBuf {
    let start = fs::read_dir(store.join("projects")).unwrap().next();
    let link = start.unwrap().unwrap().path().join(project.to_string());
    std::os::unix::fs::symlink(target, &link).unwrap();
    link
}

/// On each file system, with project quotas on.
fn on_each(test: impl Fn(&str, &Disk) + Sync) {
    for kind in ["ext4", "xfs"] {
        in_private_mounts(|| test(kind, &Disk::new(kind, "prjquota")));
    }
}

fn open(root: &Path, rung: Option<Rung>) -> Store {
    let options = Options {
        rung,
        ..Options::default()
    };
    Store::open(root, &options).unwrap()
}

fn layer(store: &Store) -> Lease {
    let bytes = Archive::new()
        .dir("tmp")
        .file("big", &[1; 3_000_000])
        .file("motd", b"hello")
        .end();
    let open = || Ok(Cursor::new(bytes.clone()));
    store.layer(Digest::of(&bytes), None, open).unwrap()
}

fn request<'a>(id: &'a str, layers: &'a [Lease], quota: Option<u64>) -> Request<'a> {
    Request {
        id,
        layers,
        quota,
        ids: None,
    }
}

/// Writes until it is refused, `most` bytes at most; how many were written, and the refusal.
fn fill(path: &Path, most: u64) -> (u64, Option<Errno>) {
    let mut file = File::create(path).unwrap();
    let chunk = vec![7; 1 << 16];
    let mut written = 0;
    while written < most {
        match file.write(&chunk) {
            Ok(count) => written += count as u64,
            Err(error) => return (written, Errno::from_io_error(&error)),
        }
    }
    let synced = file.sync_all();
    (
        written,
        synced.err().and_then(|error| Errno::from_io_error(&error)),
    )
}

fn refused(kind: &str) -> Option<Errno> {
    match kind {
        "ext4" => Some(Errno::DQUOT),
        _ => Some(Errno::NOSPC),
    }
}

#[track_caller]
fn about(bytes: u64, expected: u64) {
    assert!(
        bytes.abs_diff(expected) <= MIB / 2,
        "{bytes} instead of {expected}"
    );
}

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
        let map = Map {
            inside: 0,
            outside: 200_000,
            count: 65_536,
        };
        let namespace = scratch(map).unwrap().namespace;
        let ids = Ids::new(namespace.into(), (200_000, 200_000));
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
fn a_limit_is_there_again_after_mounting_again() {
    on_each(|kind, disk| {
        for volatile in [false, true] {
            let options = Options {
                volatile,
                ..Options::default()
            };
            let store = Store::open(&disk.store(), &options).unwrap();
            let layers = [layer(&store)];
            let image = store.create(request("one", &layers, Some(2 * MIB)));
            let image = image.unwrap();
            assert_eq!(fill(&image.rootfs.join("a"), MIB), (MIB, None));
            // As after a restart of the machine.
            unmount(&image.rootfs, UnmountFlags::empty()).unwrap();
            drop((store, layers));
            unmount(disk.path(), UnmountFlags::empty()).unwrap();
            disk.mount(kind, "prjquota");
            let store = Store::open(&disk.store(), &options).unwrap();
            let image = store.mount("one", None).unwrap();
            let (written, error) = fill(&image.rootfs.join("b"), 4 * MIB);
            assert_eq!(error, refused(kind), "{kind} {volatile}");
            about(written, MIB);
            store.destroy("one").unwrap();
            disk.nothing_is_left();
        }
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

#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn stores_on_one_file_system_do_not_share_ids() {
    on_each(|_, disk| {
        let roots = [disk.store(), disk.path().join("copy")];
        let first = open(&roots[0], None);
        // As one that was copied with all that is in it.
        fs::create_dir(&roots[1]).unwrap();
        for entry in fs::read_dir(&roots[0]).unwrap() {
            let entry = entry.unwrap();
            let target = roots[1].join(entry.file_name());
            match entry.file_type().unwrap().is_dir() {
                true => fs::create_dir(target).unwrap(),
                false => drop(fs::copy(entry.path(), target).unwrap()),
            }
        }
        let second = open(&roots[1], None);
        assert_eq!(first.id(), second.id());
        let mut seen = Vec::new();
        for store in [&first, &second] {
            let layers = [layer(store)];
            for id in ["a", "b", "c"] {
                store.create(request(id, &layers, Some(MIB))).unwrap();
                let upper = store.root().join("images").join(id).join("upper");
                seen.push(project_of(&File::open(upper).unwrap()).unwrap());
            }
        }
        let mut distinct = seen.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), 6, "{seen:?}");
        assert_eq!(seen[1], seen[0] + 1);
        // Ids that others use are left alone, and those given back are used again.
        first.destroy("b").unwrap();
        let deadline = Instant::now() + DEADLINE;
        let quota = disk.quota();
        while !quota.usage(seen[1]).unwrap().is_none() {
            assert!(Instant::now() < deadline);
        }
        quota.set_limit(seen[1], Some(MIB)).unwrap();
        let layers = [layer(&first)];
        for (id, expected) in [("d", seen[2] + 1), ("e", seen[1])] {
            if id == "e" {
                quota.set_limit(seen[1], None).unwrap();
            }
            first.create(request(id, &layers, Some(MIB))).unwrap();
            let upper = first.root().join("images").join(id).join("upper");
            assert_eq!(project_of(&File::open(upper).unwrap()).unwrap(), expected);
        }
        // One that was copied with its images does not give back what is the original's.
        let third = disk.path().join("third");
        let copied = Command::new("cp")
            .arg("-a")
            .args([&roots[0], &third])
            .status();
        assert!(copied.unwrap().success());
        let copied = open(&third, None);
        let image = copied.image("a").unwrap();
        assert_eq!(image.quota, Quota::Accounting { bytes: MIB });
        assert!(copied.destroy("a").unwrap());
        assert!(quota.usage(seen[0]).unwrap().limit.is_some());
        for (store, ids) in [(&first, "acde"), (&second, "abc")] {
            for id in ids.chars() {
                store.destroy(&id.to_string()).unwrap();
            }
        }
        disk.nothing_is_left();
    });
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

/// The way of kernels before 5.14.
#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn a_file_system_is_reached_by_its_device_too() {
    on_each(|_, disk| {
        let by_device = ProjectQuota::by_device(File::open(disk.path()).unwrap().as_fd());
        let by_device = by_device.unwrap();
        assert_eq!(by_device.state().unwrap(), State::Enforced);
        by_device.set_limit(OURS, Some(5000)).unwrap();
        let limited = disk.quota().usage(OURS).unwrap();
        // XFS rounds to its blocks.
        assert!(matches!(limited.limit, Some(4096..=8192)), "{limited:?}");
        assert_eq!(by_device.usage(OURS).unwrap(), limited);
        assert_eq!(by_device.next(OURS).unwrap(), Some((OURS, limited)));
        by_device.set_limit(OURS, None).unwrap();
        assert_eq!(disk.projects(), []);
    });
}

/// What other tests start as processes of their own; not a test by itself.
#[test]
#[ignore = "a part of other tests, started by them"]
fn worker() {
    let root = std::env::var("WARREN_TEST_STORE").expect("only started by other tests");
    let store = open(Path::new(&root), None);
    let id = format!("w{}", std::process::id());
    loop {
        let layers = [layer(&store)];
        let image = store.create(request(&id, &layers, Some(MIB))).unwrap();
        assert_ne!(fill(&image.rootfs.join("a"), 2 * MIB).1, None);
        store.destroy(&id).unwrap();
    }
}

fn start_worker(root: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "worker"])
        .env("WARREN_TEST_STORE", root)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn kill_at_any_point_leaves_no_limit_behind() {
    on_each(|kind, disk| {
        // So that the rounds are about images alone.
        drop(layer(&open(&disk.store(), None)));
        let mut left = 0;
        for round in 0..12_u64 {
            let mut workers = [start_worker(&disk.store()), start_worker(&disk.store())];
            // Some make their first image, some go on.
            let deadline = Instant::now() + DEADLINE;
            while disk.projects().is_empty() {
                assert!(Instant::now() < deadline, "no worker makes an image");
                std::thread::sleep(Duration::from_millis(2));
            }
            std::thread::sleep(Duration::from_millis(round * 97 % 401));
            for worker in &mut workers {
                let ended = worker.try_wait().unwrap();
                assert_eq!(ended, None, "the worker failed by itself");
                worker.kill().unwrap();
                worker.wait().unwrap();
            }
            left += disk.projects().len();
            let store = open(&disk.store(), None);
            for id in store.list().unwrap() {
                store.destroy(&id).unwrap();
            }
            disk.nothing_is_left();
        }
        assert!(left > 0, "{kind}: no kill met an image");
    });
}

/// Each step of making and destroying, stopped there.
#[test]
#[ignore = "needs project quotas: run in the virtual machine"]
fn what_a_crash_left_is_given_back_when_the_store_is_opened() {
    on_each(|_, disk| {
        let store = open(&disk.store(), None);
        let layers = [layer(&store)];
        let images = store.root().join("images");
        let image = |id: &str| {
            store.create(request(id, &layers, Some(MIB))).unwrap();
            rustix::mount::unmount(images.join(id).join("rootfs"), UnmountFlags::empty()).unwrap();
        };
        // Half a trial.
        disk.quota().set_limit(OURS + 5, Some(MIB)).unwrap();
        // An image that never got ready.
        image("unready");
        fs::remove_file(images.join("unready/ready")).unwrap();
        // One that was going, at each step.
        image("in-trash");
        fs::rename(images.join("in-trash"), store.root().join("trash/x")).unwrap();
        image("removed");
        fs::remove_dir_all(images.join("removed")).unwrap();
        // And one that is to stay.
        image("stays");
        // Only the link, before anything else.
        dangling(store.root(), 1_073_741_999, Path::new("../../images/never"));
        let upper = images.join("stays/upper");
        let stays = project_of(&File::open(upper).unwrap()).unwrap();
        // As another kernel would, so that it tries anew.
        fs::remove_file(store.root().join("probe.json")).unwrap();
        drop((store, layers));
        let store = open(&disk.store(), None);
        let deadline = Instant::now() + DEADLINE;
        while disk.projects().len() > 1 {
            assert!(Instant::now() < deadline, "left: {:?}", disk.projects());
        }
        assert_eq!(disk.projects()[0].0, stays);
        assert_eq!(links(store.root()), [stays.to_string()]);
        store.destroy("stays").unwrap();
        disk.nothing_is_left();
    });
}
