//! What goes wrong has a kind that directors know, and leaves nothing.

use serde_json::json;
use warren_tests_harness::Leaks;

use crate::scene::{Scene, create_vm, names, request};

#[test]
fn a_machine_that_cannot_be_made_leaves_nothing() {
    let leaks = Leaks::snapshot();
    let mut scene = Scene::new("auto");
    let (good, mute) = (scene.stemcell(true), scene.stemcell(false));
    let first = scene.vm(&good, "10.244.0.2");
    let port = json!({"ports": [{"host": 7070}]});
    let udp = json!({"ports": [{"host": 7071, "protocol": "udp"}]});
    let both = json!({"ports": [port["ports"][0], udp["ports"][0]]});
    let second = scene.call("create_vm", create_vm(&good, "10.244.0.3", both));
    let second = second[0].as_str().unwrap().to_owned();
    // They have been told who they are: their addresses are theirs.
    for cid in [&first, &second] {
        scene.call("set_vm_metadata", json!([cid, {"director": "d"}]));
    }
    let missing = "9e53905a-4b45-4b55-9d58-3e6e9bb92794";
    for (what, arguments, kind, words) in [
        (
            "no stemcell",
            create_vm(missing, "10.244.0.9", json!({})),
            "VMCreationFailed",
            "Expected to find stemcell",
        ),
        (
            "a path",
            create_vm("../../etc/passwd", "10.244.0.9", json!({})),
            "VMCreationFailed",
            "Expected to find stemcell",
        ),
        (
            "no image",
            create_vm("light://127.0.0.1:1/none:1", "10.244.0.9", json!({})),
            "VMCreationFailed",
            "Creating container",
        ),
        (
            "no starter",
            create_vm(&mute, "10.244.0.9", json!({})),
            "VMCreationFailed",
            "the stemcell has no /usr/sbin/runsvdir-start",
        ),
        (
            "address taken",
            create_vm(&good, "10.244.0.2", json!({})),
            "VMCreationFailed",
            "Creating container",
        ),
        (
            "port taken",
            create_vm(&good, "10.244.0.9", port),
            "VMCreationFailed",
            "7070",
        ),
        (
            "no address",
            create_vm(&good, "x", json!({})),
            "VMCreationFailed",
            "expected an IPv4 address",
        ),
        (
            "UDP port taken, when the container is there",
            create_vm(&good, "10.244.0.9", udp),
            "VMCreationFailed",
            "7071",
        ),
    ] {
        let (error, said, again) = scene.refused("create_vm", arguments);
        assert_eq!(error, kind, "{what}: {said}");
        assert!(
            said.starts_with("Creating VM with agent ID 'agent-1'") && said.contains(words),
            "{what}: {said}"
        );
        assert!(!again, "{what}");
        assert_eq!(names(&scene.at("ephemeral")).len(), 2, "{what}");
        assert_eq!(names(&scene.at("persistent")).len(), 2, "{what}");
        assert_eq!(
            scene
                .server
                .client()
                .list(&Default::default())
                .unwrap()
                .len(),
            2,
            "{what}"
        );
    }
    scene.server.end("-KILL");
    let (error, said, again) =
        scene.refused("create_vm", create_vm(&good, "10.244.0.9", json!({})));
    assert_eq!(
        (error.as_str(), again),
        ("VMCreationFailed", true),
        "{said}"
    );
    assert_eq!(names(&scene.at("ephemeral")).len(), 2, "{said}");
    assert_eq!(names(&scene.at("ephemeral/.making")), Vec::<String>::new());
    assert!(said.contains("cannot reach the Garden server"), "{said}");
    for method in [
        "has_vm",
        "delete_vm",
        "reboot_vm",
        "get_disks",
        "get_vm_log",
    ] {
        let (error, said, again) = scene.refused(method, json!([first]));
        assert_eq!(
            (error.as_str(), again),
            ("CloudError", true),
            "{method}: {said}"
        );
    }
    scene.server.start();
    // What was half gone is gone now.
    scene.server.client().destroy(&second).unwrap();
    for cid in [first, second] {
        scene.call("delete_vm", json!([cid]));
    }
    scene.assert_no_machines();
    drop(scene);
    leaks.assert_same();
}

#[test]
fn what_is_not_there_is_told_by_type() {
    let scene = Scene::new("directory");
    let missing = "9e53905a-4b45-4b55-9d58-3e6e9bb92794";
    let disk = scene.call("create_disk", json!([1, {}, ""]));
    for (method, arguments, kind) in [
        ("reboot_vm", json!([missing]), "VMNotFound"),
        ("set_vm_metadata", json!([missing, {}]), "VMNotFound"),
        ("get_disks", json!([missing]), "VMNotFound"),
        ("get_vm_log", json!([missing]), "VMNotFound"),
        ("get_vm_log", json!(["../x"]), "VMNotFound"),
        ("attach_disk", json!([missing, disk]), "VMNotFound"),
        ("detach_disk", json!([missing, disk]), "VMNotFound"),
        ("delete_vm", json!(["../../etc"]), "VMNotFound"),
        ("resize_disk", json!([missing, 1]), "DiskNotFound"),
        ("resize_disk", json!(["../.info", 1]), "DiskNotFound"),
        ("set_disk_metadata", json!([missing, {}]), "DiskNotFound"),
        ("snapshot_disk", json!([missing, {}]), "DiskNotFound"),
        ("update_disk", json!([disk, 1, {}]), "NotSupported"),
        ("create_network", json!([{}]), "NotImplemented"),
        ("delete_network", json!(["n"]), "NotImplemented"),
        ("current_vm_id", json!([]), "NotImplemented"),
        ("create_disk", json!([0, {}, ""]), "CloudError"),
        ("create_disk", json!(["x", {}, ""]), "CloudError"),
        (
            "create_stemcell",
            json!(["/no/such/image", {}]),
            "CloudError",
        ),
        ("create_stemcell", json!(["/etc/passwd", {}]), "CloudError"),
        (
            "create_stemcell",
            json!(["/dev/null", {"image_reference": "127.0.0.1:1/none"}]),
            "CloudError",
        ),
        ("delete_vm", json!([""]), "CloudError"),
    ] {
        let (error, said, again) = scene.refused(method, arguments.clone());
        assert_eq!(error, kind, "{method} {arguments}: {said}");
        assert!(!again);
    }
    for (method, arguments) in [
        ("has_vm", json!([missing])),
        ("has_disk", json!(["../.info"])),
    ] {
        assert_eq!(scene.call(method, arguments), false);
    }
    for method in [
        "delete_vm",
        "delete_disk",
        "delete_stemcell",
        "delete_snapshot",
    ] {
        scene.call(method, json!([missing]));
    }
    // A caller that may die says what the id shall be, and can ask for it later.
    let named = |id: &str| {
        json!({"method": "create_disk", "arguments": [1, {}, ""], "api_version": 2,
            "context": {"director_uuid": "d", "warren_disk_cid": id}})
    };
    assert_eq!(scene.raw(&named(missing))["result"], missing);
    assert_eq!(scene.call("has_disk", json!([missing])), true);
    for bad in [missing, "../x", ""] {
        let answer = scene.raw(&named(bad));
        assert_eq!(
            answer["error"]["type"], "Bosh::Clouds::CloudError",
            "{bad}: {answer}"
        );
    }
    assert_eq!(scene.call("has_disk", json!([missing])), true);
    scene.call("delete_disk", json!([missing]));
    assert_eq!(names(&scene.at("disks")).len(), 1);
    assert_eq!(names(&scene.at("disks/.info")).len(), 1);
    assert_eq!(names(&scene.at("stemcells")), Vec::<String>::new());
    assert_eq!(names(&scene.at("stemcells/.content")), Vec::<String>::new());
    scene.assert_no_machines();
}

#[test]
fn a_disk_that_does_not_fit_is_told_so_and_leaves_nothing() {
    let scene = Scene::new("file");
    let (error, said, _) = scene.refused("create_disk", json!([1_u64 << 43, {}, ""]));
    assert_eq!(error, "NoDiskSpace", "{said}");
    assert_eq!(names(&scene.at("disks")), Vec::<String>::new());
    assert_eq!(names(&scene.at("disks/.info")), Vec::<String>::new());
}

/// A file system without room for what comes: of bytes or of files.
struct Full<'a>(&'a Scene, String);

impl<'a> Full<'a> {
    #[track_caller]
    fn at(scene: &'a Scene, place: &str, room: &str) -> Self {
        let place = scene.at(place).display().to_string();
        let mount = ["mount", "-t", "tmpfs", "-o", room, "tmpfs", &place];
        scene.server.actor().run(&mount).success();
        Self(scene, place)
    }

    /// What there is.
    #[track_caller]
    fn files(&self) -> String {
        let find = ["find", &self.1, "-type", "f"];
        self.0.server.actor().run(&find).success().stdout.clone()
    }
}

impl Drop for Full<'_> {
    fn drop(&mut self) {
        self.0.server.actor().run(&["umount", "-R", &self.1]);
    }
}

#[test]
fn a_full_disk_is_named_with_a_remedy_and_nothing_is_left() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("auto");
    let stemcell = scene.stemcell(true);
    let image = scene.image(true);
    let named = |place: &str, method: &str, arguments: serde_json::Value| {
        let (error, said, again) = scene.refused(method, arguments);
        assert_eq!((error.as_str(), again), ("NoDiskSpace", false), "{said}");
        let place = scene.at(place).display().to_string();
        assert!(
            said.contains(&place)
                && said.contains("No space left on device (os error 28); make room"),
            "{said}"
        );
    };
    {
        let full = Full::at(&scene, "disks", "size=64k");
        // Not even a directory in its place, which would be found out later.
        named("disks", "create_disk", json!([16, {}, ""]));
        assert_eq!(full.files(), "");
    }
    {
        let full = Full::at(&scene, "stemcells", "size=256k");
        named("stemcells", "create_stemcell", json!([image, {}]));
        assert_eq!(full.files(), "");
    }
    for (place, files) in [("ephemeral", 1), ("ephemeral", 3), ("persistent", 2)] {
        let full = Full::at(&scene, place, &format!("nr_inodes={files}"));
        let arguments = create_vm(&stemcell, "10.244.0.2", json!({}));
        named(place, "create_vm", arguments);
        assert_eq!(full.files(), "", "{place} with room for {files} files");
    }
    scene.assert_no_machines();
    // A machine that is full is told of its next disk when there is room, and keeps those that it has.
    let vm = scene.vm(&stemcell, "10.244.0.2");
    let disk = scene.call("create_disk", json!([16, {}, vm]));
    {
        let _full = Full::at(&scene, "persistent", "nr_inodes=1");
        assert!(
            scene
                .refused("attach_disk", json!([vm, disk]))
                .1
                .contains("make room")
        );
    }
    // Its settings fit, and would not with one disk more.
    let mut settings = scene.settings(&vm);
    let length = settings.to_string().len() + r#","padding":"""#.len();
    settings["padding"] = json!("x".repeat(8192 - 20 - length));
    let place = "/var/vcap/bosh";
    let fill = format!(
        "mount -t tmpfs -o size=8k t {place} && cat >{place}/warden-cpi-agent-env.json <<'E'\n{settings}\nE\n"
    );
    scene.says(&vm, &fill).unwrap();
    let answer = scene.raw(&request("attach_disk", json!([vm, disk])));
    let (said, log) = (answer["error"]["message"].to_string(), &answer["log"]);
    assert!(said.contains("No space left on device"), "{said}");
    // Nothing was written over, and so nothing is to be feared.
    assert!(!log.to_string().contains("cut off"), "{log}");
    assert_eq!(scene.settings(&vm), settings);
    assert_eq!(scene.call("get_disks", json!([vm])), json!([]));
    let grow = format!("mount -o remount,size=1m {place}");
    scene.says(&vm, &grow).unwrap();
    scene.call("attach_disk", json!([vm, disk]));
    // With one disk less they have room where they are, though not beside that: a machine that is full gives its
    // disks back.
    let fill = format!("cat /dev/zero >{place}/fill 2>/dev/null; true");
    scene.says(&vm, &fill).unwrap();
    scene.call("detach_disk", json!([vm, disk]));
    let left = scene.settings(&vm);
    assert_eq!(left["disks"]["persistent"], json!({}));
    assert_eq!(left["padding"], settings["padding"]);
    scene.call("delete_vm", json!([vm]));
    scene.call("delete_disk", json!([disk]));
    scene.assert_no_machines();
    drop(scene);
    leaks.assert_same();
}

#[test]
fn a_machine_whose_container_has_died_is_none() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("auto");
    let cid = scene.vm(&scene.stemcell(true), "10.244.0.2");
    let disk = scene.call("create_disk", json!([16, {}, cid]));
    scene.call("attach_disk", json!([cid, disk]));
    // Its processes were told to end, as `reboot_vm` does: it is still one.
    scene.server.client().stop(&cid, true).unwrap();
    assert_eq!(scene.call("has_vm", json!([cid])), json!(true));
    let state = scene
        .server
        .directory()
        .join("depot")
        .join(&cid)
        .join("shim.json");
    let state: serde_json::Value = serde_json::from_slice(&std::fs::read(state).unwrap()).unwrap();
    let kill = format!("kill -9 {}", state["init"]["pid"]);
    scene.server.actor().run(&["sh", "-c", &kill]).success();
    let end = std::time::Instant::now() + std::time::Duration::from_secs(30);
    while scene.call("has_vm", json!([cid])) != json!(false) {
        assert!(std::time::Instant::now() < end);
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let (error, said, _) = scene.refused("detach_disk", json!([cid, disk]));
    assert_eq!(error, "VMNotFound", "{said}");
    // All of it goes, and the disk is free.
    scene.call("delete_vm", json!([cid]));
    scene.call("delete_disk", json!([disk]));
    scene.assert_no_machines();
    drop(scene);
    leaks.assert_same();
}
