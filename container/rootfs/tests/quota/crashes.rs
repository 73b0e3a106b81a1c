//! Limits and ids after a machine or a store that went in the middle.

use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::mount::{UnmountFlags, unmount};
use warren_container_rootfs::store::{Options, Store};
use warren_sys_mount::project_quota::project_of;

use crate::scene::{
    Counted, DEADLINE, MIB, OURS, about, dangling, fill, layer, links, on_each, open, refused,
    request,
};

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
        .args(["--ignored", "--exact", "crashes::worker"])
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
