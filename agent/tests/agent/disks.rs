//! Persistent disks that are directories, bound to their place; on the real kernel.

use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{StatVfsMountFlags, statvfs};
use rustix::mount::{MountFlags, UnmountFlags, mount_bind, mount_remount, unmount};
use serde_json::{Value, json};
use warren_agent::disk::is_mount_point;
use warren_agent::disk::migrate::replace;
use warren_wire_agent::envelope::Response;

use crate::support::vm::Vm;

/// Unmounts what a failed test leaves.
pub struct Mounts(Vec<PathBuf>);

impl Drop for Mounts {
    fn drop(&mut self) {
        for place in &self.0 {
            while is_mount_point(place) && unmount(place, UnmountFlags::DETACH).is_ok() {}
        }
    }
}

/// Two disks, the first of which the settings know.
pub fn with_disks(vm: &Vm) -> Mounts {
    for disk in ["one", "two"] {
        vm.write(&format!("warden-cpi-dev/{disk}/who"), disk);
    }
    let mut settings = vm.settings();
    settings["disks"]["persistent"] = json!({"cid-1": "/warden-cpi-dev/one"});
    vm.write_settings(&settings);
    Mounts(vec![
        vm.path("var/vcap/store"),
        vm.path("var/vcap/store_migration_target"),
    ])
}

fn list(vm: &Vm) -> Value {
    vm.director.run("list_disk", json!([]))
}

#[test]
fn a_disk_is_mounted_migrated_and_removed() {
    let vm = Vm::new();
    let _mounts = with_disks(&vm);
    let running = vm.start();
    let director = &vm.director;
    director.ping();
    assert_eq!(list(&vm), json!([]));
    // Of protocol 0 it is answered at once.
    let to = director.send(0, "list_disk", json!([]));
    assert_eq!(
        director.answer(&to, crate::support::PATIENCE),
        Some(Response::Value(json!([])))
    );

    assert_eq!(director.run("mount_disk", json!(["cid-1"])), json!({}));
    assert_eq!(director.run("mount_disk", json!(["cid-1"])), json!({}));
    assert_eq!(vm.read("var/vcap/store/who"), "one");
    assert_eq!(vm.read("var/vcap/bosh/managed_disk_settings.json"), "cid-1");
    assert_eq!(list(&vm), json!(["cid-1"]));

    director.run(
        "add_persistent_disk",
        json!(["cid-2", {"Path": "/warden-cpi-dev/two"}]),
    );
    director.run("mount_disk", json!(["cid-2"]));
    assert_eq!(vm.read("var/vcap/store_migration_target/who"), "two");
    assert_eq!(list(&vm), json!(["cid-1", "cid-2"]));
    // A boot finds the one that has everything.
    let managed = "var/vcap/bosh/managed_disk_settings.json";
    assert_eq!(vm.read(managed), "cid-1");
    assert_eq!(
        director.run("migrate_disk", json!(["cid-1", "cid-2"])),
        json!({})
    );
    assert_eq!(list(&vm), json!(["cid-2"]));
    assert_eq!(vm.read(managed), "cid-2");
    // The content of the first is on the second, which is writable.
    assert_eq!(vm.read("var/vcap/store/who"), "one");
    vm.write("var/vcap/store/new", "x");
    assert_eq!(vm.read("warden-cpi-dev/two/new"), "x");
    running.stop();

    // After a boot the last one is mounted again.
    unmount(vm.path("var/vcap/store"), UnmountFlags::empty()).unwrap();
    let running = vm.start();
    director.ping();
    assert_eq!(vm.read("var/vcap/store/new"), "x");

    let unmounted = director.run("unmount_disk", json!(["cid-2"]));
    assert_eq!(
        unmounted,
        json!({"message": "Unmounted partition of cid-2"})
    );
    let again = director.run("unmount_disk", json!(["cid-2"]));
    assert_eq!(
        again,
        json!({"message": "Partition of cid-2 is not mounted"})
    );
    assert_eq!(
        director.run("remove_persistent_disk", json!(["cid-2"])),
        json!({})
    );
    assert_eq!(
        director.run("remove_persistent_disk", json!(["cid-2"])),
        json!({})
    );
    let error = director.fail("mount_disk", json!(["cid-2"]));
    assert!(
        error.contains("Persistent disk with volume id 'cid-2' could not be found"),
        "{error}"
    );
    // Nothing to migrate is fine.
    assert_eq!(director.run("migrate_disk", json!([])), json!({}));
    running.stop();
}

#[test]
fn a_migration_that_fails_or_is_cut_off_can_be_done_again() {
    let vm = Vm::new();
    let _mounts = with_disks(&vm);
    let mut settings = vm.settings();
    settings["disks"]["persistent"] =
        json!({"cid-1": "/warden-cpi-dev/one", "cid-2": "/warden-cpi-dev/two"});
    settings["env"]["persistent_disk_mount_options"] = json!(["noatime", "nosuid,data=ordered"]);
    vm.write_settings(&settings);
    let running = vm.start();
    for disk in ["cid-1", "cid-2"] {
        vm.director.ping();
        assert_eq!(vm.director.run("mount_disk", json!([disk])), json!({}));
    }
    let (store, target) = (
        vm.path("var/vcap/store"),
        vm.path("var/vcap/store_migration_target"),
    );
    let wanted = StatVfsMountFlags::NOATIME | StatVfsMountFlags::NOSUID;
    let flags = || statvfs(&store).unwrap().f_flag;
    assert!(flags().contains(wanted), "{:?}", flags());

    // What an agent leaves that is killed while it copies: all is as it was before.
    running.stop();
    mount_remount(&store, MountFlags::BIND | MountFlags::RDONLY, "").unwrap();
    vm.write("warden-cpi-dev/one/large", vec![0; 1 << 20]);
    let mut reader = std::process::Command::new("tar")
        .args(["--xattrs", "--xattrs-include=*.*", "--acls"])
        .args(["--numeric-owner", "-C"])
        .arg(&store)
        .args(["-cf", "-", "."])
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let running = vm.start();
    assert_eq!(reader.wait().unwrap().signal(), Some(9));
    vm.write("var/vcap/store/after", "x");
    assert_eq!(vm.read("var/vcap/store_migration_target/who"), "two");
    // And after it has unmounted the old one.
    running.stop();
    unmount(&store, UnmountFlags::empty()).unwrap();
    let running = vm.start();
    assert_eq!(vm.read("var/vcap/store/after"), "x");
    let managed = "var/vcap/bosh/managed_disk_settings.json";
    assert_eq!(vm.read(managed), "cid-1");
    vm.director.ping();

    let held = std::fs::File::open(store.join("who")).unwrap();
    let error = replace(&store, &target, Duration::from_millis(50)).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot unmount /"), "{text}");
    vm.write("var/vcap/store/later", "x");
    assert!(flags().contains(wanted), "{:?}", flags());
    drop(held);
    assert_eq!(vm.director.run("migrate_disk", json!([])), json!({}));
    assert_eq!(vm.read("warden-cpi-dev/two/later"), "x");
    assert!(flags().contains(wanted), "{:?}", flags());
    // Killed before the next boot's disk was written down, with the new one at both places.
    running.stop();
    vm.write(managed, "cid-1");
    std::fs::create_dir_all(&target).unwrap();
    mount_bind(&store, &target).unwrap();
    let running = vm.start();
    assert_eq!(vm.read(managed), "cid-2");
    assert!(!is_mount_point(&target));
    running.stop();
}

#[test]
fn disks_that_cannot_be_mounted() {
    let vm = Vm::new();
    let _mounts = with_disks(&vm);
    let running = vm.start();
    vm.director.ping();
    vm.write("file", "x");
    for (hint, text) in [
        (json!("/file"), "neither a directory nor a block device"),
        (json!("/not-there"), "cannot find the disk at"),
        (json!("/a/../../etc"), "names no path"),
        (json!({"lun": "1"}), "names no path"),
    ] {
        vm.director
            .run("add_persistent_disk", json!(["cid-3", hint]));
        let error = vm.director.fail("mount_disk", json!(["cid-3"]));
        assert!(error.contains(text), "{error}");
    }
    running.stop();
}

#[test]
fn dynamic_disks_are_links() {
    let (vm, running) = Vm::started();
    vm.write("dev/sdx", "");
    assert_eq!(
        vm.director
            .run("add_dynamic_disk", json!(["d-1", "/dev/sdx"])),
        json!({})
    );
    let link = vm.path("var/vcap/data/dynamic_disks/d-1");
    assert_eq!(std::fs::read_link(&link).unwrap(), vm.path("dev/sdx"));
    assert_eq!(
        vm.director.value("remove_dynamic_disk", json!(["d-1"])),
        json!({})
    );
    assert!(!link.exists());
    assert_eq!(
        vm.director.value("remove_dynamic_disk", json!(["d-1"])),
        json!({})
    );
    assert!(
        vm.director
            .fail("add_dynamic_disk", json!(["../d", "/dev/sdx"]))
            .contains("no name")
    );
    running.stop();
}

#[test]
fn what_ends_the_vm_or_forgets_addresses() {
    let (vm, running) = Vm::started();
    assert_eq!(
        vm.director.value(
            "delete_arp_entries",
            json!([{"ips": ["192.0.2.1", "junk; rm"]}])
        ),
        json!({})
    );
    // The agent of a test does not end the machine.
    assert!(
        vm.director
            .exception("shutdown", json!([]))
            .contains("another root")
    );
    running.stop();
}
