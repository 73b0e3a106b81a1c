//! Disk limits where the kernel has project quotas, on ext4 and XFS.
//!
//! The store's tests are those of its crate; each makes its file systems on loop devices. Here is
//! what a server's clients see of it.

use serde_json::Value;
use warren_tests_vm::Turn;

use crate::crates::pass;
use crate::scene::{RETRY, Scene};

const QUOTA: &str = "warren-container-rootfs-quota";

fn quota(test: &str) {
    pass(QUOTA, &["--ignored", "--exact", test], 1);
}

#[test]
fn limits_hold_on_an_overlay() {
    quota("limits::limits_hold_on_an_overlay");
}

#[test]
fn limits_hold_in_copies_where_the_probe_says_so() {
    quota("limits::limits_hold_in_copies_where_the_probe_says_so");
}

#[test]
fn a_limit_holds_for_every_user_and_owner() {
    quota("limits::a_limit_holds_for_every_user_and_owner");
}

#[test]
fn a_limit_is_there_again_after_mounting_again() {
    quota("crashes::a_limit_is_there_again_after_mounting_again");
}

#[test]
fn without_the_mount_option_it_is_told_and_not_kept() {
    quota("limits::without_the_mount_option_it_is_told_and_not_kept");
}

#[test]
fn stores_on_one_file_system_do_not_share_ids() {
    quota("projects::stores_on_one_file_system_do_not_share_ids");
}

#[test]
fn limits_hold_where_the_upper_layer_is_elsewhere() {
    quota("limits::limits_hold_where_the_upper_layer_is_elsewhere");
}

#[test]
fn a_file_system_is_reached_by_its_device_too() {
    quota("projects::a_file_system_is_reached_by_its_device_too");
}

#[test]
fn kill_at_any_point_leaves_no_limit_behind() {
    quota("crashes::kill_at_any_point_leaves_no_limit_behind");
}

#[test]
fn what_a_crash_left_is_given_back_when_the_store_is_opened() {
    quota("crashes::what_a_crash_left_is_given_back_when_the_store_is_opened");
}

const MIB: u64 = 1 << 20;

/// Writes `count` MiB to a file, as that user; the exit code and what it said.
fn write(scene: &Scene, handle: &str, user: &str, file: &str, count: u32) -> (i32, String) {
    let output = scene.try_garden(&format!(
        "run {handle} --attach --user {user} -- busybox dd if=/dev/zero of={file} bs=1M count={count}"
    ));
    (output.code, output.stderr)
}

/// Bytes that a container has written, by its metrics.
fn exclusive(scene: &Scene, handle: &str) -> u64 {
    let metrics: Value =
        serde_json::from_str(&scene.garden(&format!("stats {handle} --json"))).unwrap();
    let found = find(&metrics, "ExclusiveBytesUsed");
    found.unwrap_or_else(|| panic!("{metrics:#}"))
}

/// A number of that name, however deep.
fn find(value: &Value, name: &str) -> Option<u64> {
    match value {
        Value::Object(fields) => fields
            .get(name)
            .and_then(Value::as_u64)
            .or_else(|| fields.values().find_map(|field| find(field, name))),
        Value::Array(items) => items.iter().find_map(|item| find(item, name)),
        _ => None,
    }
}

/// A server whose store is on a new file system of that kind.
fn containers_on(kind: &str, make: &str, refusal: &str) {
    let turn = Turn::take();
    let vm = turn.vm();
    let scene = Scene::new(vm, &format!("quota-{kind}"));
    scene.shell(&format!(
        "echo user:x:1000:1000::/:/bin/sh >>$F/r/etc/passwd && chmod 1777 $F/r/tmp
        tar -C $F/r -cf $F/rootfs.tar .
        truncate -s 320M $F/disk && {make} -q $F/disk
        mkdir $F/mounted && mount -o loop,prjquota $F/disk $F/mounted
        mkdir $F/mounted/store && ln -s mounted/store $F/store"
    ));
    let probe = scene.shell("/warren rootfs probe --store $F/store");
    let told = format!("by project quotas: writing more gives {refusal}");
    assert!(probe.contains(&told), "{probe}");
    let doctor = scene.shell("/warren doctor --only disk-limits --store $F/store --json");
    assert!(
        doctor.contains("\"pass\"") && doctor.contains(&told),
        "{doctor}"
    );
    scene.serve("garden", "-p Restart=always", "--cgroup-driver systemd");
    // Of the image some are used already.
    let limit = 16 * MIB;
    scene.garden(&format!("create -n plain --limit-disk {limit}"));
    scene.garden(&format!(
        "create -n strong --privileged --limit-disk {limit}"
    ));
    scene.garden("create -n free");
    let words = match refusal {
        "EDQUOT" => "Disk quota exceeded",
        _ => "No space left on device",
    };
    for handle in ["plain", "strong"] {
        let before = exclusive(&scene, handle);
        assert!(before < MIB, "{handle}: {before}");
        assert_eq!(write(&scene, handle, "user", "/tmp/a", 5).0, 0);
        let after = exclusive(&scene, handle);
        assert!((5 * MIB..6 * MIB).contains(&(after - before)), "{after}");
        // Root and others share the one limit.
        for (user, file) in [("root", "/tmp/b"), ("user", "/tmp/c"), ("root", "/d")] {
            let (code, said) = write(&scene, handle, user, file, 20);
            assert!(code != 0 && said.contains(words), "{handle} {user}: {said}");
        }
        let full = exclusive(&scene, handle);
        assert!((10 * MIB..limit).contains(&full), "{handle}: {full}");
    }
    // The others have what they had.
    assert_eq!(write(&scene, "free", "root", "/tmp/a", 30).0, 0);
    assert!(exclusive(&scene, "free") >= 30 * MIB);
    // A server that comes after knows them.
    let pid = scene.shell("systemctl show --value -p MainPID garden.service");
    scene.shell(&format!(
        "systemctl kill --signal=KILL garden.service
        until new=$(systemctl show --value -p MainPID garden.service) &&
            [ $new != 0 ] && [ $new != {} ]; do sleep 0.1; done",
        pid.trim()
    ));
    scene.answers();
    let (code, said) = write(&scene, "strong", "root", "/tmp/e", 20);
    assert!(code != 0 && said.contains(words), "{said}");
    scene.garden(&format!("create -n again --limit-disk {limit}"));
    assert_ne!(write(&scene, "again", "root", "/tmp/a", 20).0, 0);
    for handle in ["plain", "strong", "free", "again"] {
        scene.garden(&format!("destroy {handle}"));
    }
    let left = scene.shell("ls $F/store/projects/*; grep -c 'only counted' $F/log || :");
    assert_eq!(left, "0\n", "{}", scene.log());
    scene.shell(&format!(
        "{RETRY} systemctl stop garden.service; retry umount $F/mounted; rm -r $F"
    ));
}

#[test]
fn containers_on_ext4() {
    containers_on("ext4", "mkfs.ext4 -F -O quota,project", "EDQUOT");
}

#[test]
fn containers_on_xfs() {
    containers_on("xfs", "mkfs.xfs", "ENOSPC");
}
