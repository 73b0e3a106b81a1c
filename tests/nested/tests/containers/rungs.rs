//! Which way root file systems are made, by where the store is.

use serde_json::Value;
use warren_tests_conformance::garden::Server;

use crate::checks::{limits_hold, streams_are_seen};
use crate::tower::{LOCAL_IMAGE, Tower};

/// What a store at this place says: its file system, whether its layers are marked in a user's
/// way, and the way that is taken.
#[track_caller]
fn probe(tower: &Tower, level: usize, script: &str) -> (String, bool, Value) {
    let output = tower.says(level, &format!("{script} --json"));
    let report: Value = serde_json::from_str(&output).unwrap();
    let report = &report["report"];
    let text = report["filesystem"].as_str().unwrap().to_owned();
    let is_users = report["userxattr"].as_bool().unwrap();
    (text, is_users, report["chosen"].clone())
}

#[test]
fn each_place_lands_on_its_rung() {
    let place = tempfile::tempdir().unwrap();
    let real = place.path();
    let mut tower = Tower::on(Server::new());
    let outermost = probe(
        &tower,
        0,
        &format!("warren rootfs probe --store {}/p", real.display()),
    );
    tower.says(0, &format!("rm -r {}/p", real.display()));
    assert_eq!(
        outermost.2,
        "overlay",
        "{} is no place for these tests",
        real.display()
    );
    for level in 1..=2 {
        let files = tower.seen_files();
        tower.nest(&format!("--rootfs {files}/rootfs.tar"));
        let at = |script: &str| probe(&tower, level, script);
        // Where a server keeps its images if it is told nothing: the machine's own file system.
        let (filesystem, is_users, chosen) = at("warren rootfs probe");
        assert_eq!((filesystem, is_users), (outermost.0.clone(), false));
        assert_eq!(chosen, "overlay");
        // The container's own root.
        let on_overlay = at("warren rootfs probe --store /var/tmp/store");
        assert_eq!(
            on_overlay,
            ("overlay".to_owned(), false, "overlay-tmpfs".into())
        );
        let elsewhere =
            at("warren rootfs probe --store /var/tmp/store --upper-dir /var/lib/warren");
        assert_eq!(
            elsewhere.2["overlay-elsewhere"], "/var/lib/warren",
            "{elsewhere:?}"
        );
        let in_memory = at("mount -t tmpfs x /mnt && warren rootfs probe --store /mnt/store");
        assert_eq!(in_memory, ("tmpfs".to_owned(), false, "overlay".into()));
        let users = at("unshare -U -r -m warren rootfs probe --store /var/lib/warren/user");
        assert_eq!(users, (outermost.0.clone(), true, "overlay".into()));
        let users = at("unshare -U -r -m warren rootfs probe --store /home/user");
        assert_eq!(users, ("overlay".to_owned(), true, "overlay-tmpfs".into()));
        tower.serve();
    }
    // Here, since it is no matter of the virtual machine's.
    streams_are_seen(&tower);
    while tower.depth() > 0 {
        tower.destroy();
    }
}

/// A server whose images are on a container's own root makes containers all the same, and one in
/// such a container too.
#[test]
fn a_store_on_overlay_is_enough() {
    let mut tower = Tower::on(Server::new());
    let files = tower.seen_files();
    // Bound over: nothing but the container's own root is left.
    tower.nest(&format!(
        "--rootfs {files}/rootfs.tar -m {files}:/var/lib/warren/files:ro"
    ));
    for level in 1..=2 {
        tower.serve_with(level, "--store /var/tmp/store --cpu-quota-per-share 20");
        if level == 1 {
            // Here the kernel keeps disk limits too, whatever the machine's own file system can do.
            limits_hold(&tower, LOCAL_IMAGE);
        }
        tower.nest(LOCAL_IMAGE);
        assert!(
            tower.logs().contains("image store driver=\"OverlayTmpfs\""),
            "{}",
            tower.logs()
        );
        assert_eq!(
            tower.says(level + 1, "echo written >/file; cat /file"),
            "written"
        );
        let place = tower.run(level + 1, "grep -c ' /var/lib/warren ' /proc/mounts");
        assert_eq!(
            place.stdout.trim(),
            "0",
            "there is no real file system to pass on"
        );
    }
    while tower.depth() > 0 {
        tower.destroy();
    }
}
