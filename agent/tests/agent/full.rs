//! The disk of `/var/vcap/data` is full: whoever asked is told where and what to do, nothing half-made is left,
//! and the same request comes through when there is room.

use rustix::mount::{MountFlags, UnmountFlags, mount, mount_remount, unmount};
use serde_json::{Value, json};

use crate::deploy::spec;
use crate::support::http::Store;
use crate::support::tar::tgz;
use crate::support::vm::Vm;

/// What is told besides the cause.
const REMEDY: &str = "; make room on that disk, or give the instance a larger one";

/// Unmounts what a failed test leaves.
struct Data<'a>(&'a Vm);

impl Data<'_> {
    /// A small file system.
    fn small(vm: &Vm) -> Data<'_> {
        let place = vm.path("var/vcap/data");
        std::fs::create_dir_all(&place).unwrap();
        mount(
            "tmpfs",
            &place,
            "tmpfs",
            MountFlags::empty(),
            Some(c"size=1m"),
        )
        .unwrap();
        Data(vm)
    }

    fn grow(&self) {
        let place = self.0.path("var/vcap/data");
        mount_remount(&place, MountFlags::empty(), c"size=64m").unwrap();
    }
}

impl Drop for Data<'_> {
    fn drop(&mut self) {
        for place in ["var/vcap/data/sys/run", "var/vcap/data"] {
            let _ = unmount(self.0.path(place), UnmountFlags::DETACH);
        }
    }
}

/// Text that hardly becomes smaller when it is compressed.
fn noise(length: usize) -> String {
    let mut state = 88_172_645_463_325_252_u64;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        char::from(33 + u8::try_from(state % 90).unwrap())
    };
    (0..length).map(|_| next()).collect()
}

/// Files and directories that hold something, but for those that every boot makes.
fn left(vm: &Vm, places: &[&str]) -> Vec<String> {
    let names = |place: &&str| {
        let list = std::fs::read_dir(vm.path(place)).into_iter().flatten();
        let place = (*place).to_owned();
        list.map(move |entry| format!("{place}/{}", entry.unwrap().file_name().to_string_lossy()))
    };
    places.iter().flat_map(names).collect()
}

#[test]
fn a_compilation_without_room_is_told_so_and_leaves_nothing() {
    let vm = Vm::new();
    let data = Data::small(&vm);
    let running = vm.start();
    vm.director.ping();
    let store = Store::start();
    let much = noise(1_500_000);
    let some = noise(500_000);
    let install = "mv big $BOSH_INSTALL_TARGET/";
    let compile = |source: &str, digest: &str| json!([source, digest, "app", "1", {}]);
    // What does not fit: the source, what is in it, what is made of it, the archive of that.
    let mut tried = Vec::new();
    for (name, packaging, content, at) in [
        ("source", "true", &much, "data/tmp/"),
        (
            "unpacked",
            "true",
            &"x".repeat(2_000_000),
            "bytes that are free",
        ),
        (
            "made",
            "head -c 2000000 /dev/zero >$BOSH_INSTALL_TARGET/big",
            &"x".to_owned(),
            "No space left on device",
        ),
        ("packed", install, &some, "cannot pack "),
    ] {
        let archive = tgz(&[("packaging", packaging), ("big", content)]);
        let digest = vm.blob(name, &archive);
        let said = vm.director.fail("compile_package", compile(name, &digest));
        // A script tells of it in its own words.
        let is_ours = name != "made";
        assert!(
            said.contains(at) && said.ends_with(REMEDY) == is_ours,
            "{name}: {said}"
        );
        let packages =
            ["tmp", "compile", "packages/app"].map(|place| format!("var/vcap/data/{place}"));
        let packages: Vec<&str> = packages.iter().map(String::as_str).collect();
        assert_eq!(left(&vm, &packages), Vec::<String>::new(), "{name}");
        assert!(!vm.path("var/vcap/packages/app").is_symlink(), "{name}");
        tried.push((name, digest));
    }
    // The same behind a signed URL, and not asked for thrice.
    let archive = tgz(&[("packaging", "true"), ("big", &much)]);
    let digest = vm.blob("source", &archive);
    store
        .shelf
        .lock()
        .unwrap()
        .blobs
        .insert("/signed/source".to_owned(), archive);
    let signed: Value = json!([{"package_get_signed_url": format!("{}/signed/source", store.url),
        "upload_signed_url": format!("{}/signed/result", store.url), "digest": digest,
        "name": "app", "version": "1", "deps": {}}]);
    let said = vm.director.fail("compile_package_with_signed_url", signed);
    assert!(
        said.contains("data/tmp/") && said.ends_with(REMEDY),
        "{said}"
    );
    assert_eq!(store.shelf.lock().unwrap().requests.len(), 1);

    data.grow();
    for (name, digest) in tried {
        let value = vm.director.run("compile_package", compile(name, &digest));
        assert!(
            value["result"]["blobstore_id"].is_string(),
            "{name}: {value}"
        );
    }
    running.stop();
}

#[test]
fn an_apply_without_room_is_told_so_and_can_be_asked_for_again() {
    let vm = Vm::new();
    let data = Data::small(&vm);
    let running = vm.start();
    vm.director.ping();
    let first = spec(&vm, "1");
    vm.director.run("apply", json!([first]));
    let mut second = spec(&vm, "2");
    for (name, content) in [
        ("source", noise(1_500_000)),
        ("unpacked", "x".repeat(2_000_000)),
    ] {
        let digest = vm.blob(name, &tgz(&[("big", &content)]));
        second["packages"]["big"] =
            json!({"name": "big", "version": name, "sha1": digest, "blobstore_id": name});
        for method in ["prepare", "apply"] {
            let said = vm.director.fail(method, json!([second]));
            assert!(
                said.contains(" the package ") && said.ends_with(REMEDY),
                "{name}: {said}"
            );
        }
        let places = ["var/vcap/data/tmp", "var/vcap/data/packages/big"];
        assert_eq!(left(&vm, &places), Vec::<String>::new(), "{name}");
        // All that was there is there, and is what counts.
        assert_eq!(vm.read("var/vcap/jobs/web/config/web.yml"), "version: 1\n");
        let state = vm.director.value("get_state", json!([]));
        assert_eq!(state["configuration_hash"], first["configuration_hash"]);
    }
    data.grow();
    assert_eq!(vm.director.run("apply", json!([second])), "applied");
    assert_eq!(vm.read("var/vcap/jobs/web/config/web.yml"), "version: 2\n");
    assert_eq!(vm.read("var/vcap/packages/big/big").len(), 2_000_000);
    running.stop();
}
