//! Disks of both kinds, in machines that run.

use serde_json::json;
use warren_tests_harness::Leaks;

use crate::scene::{Scene, names};

#[test]
fn a_file_is_a_disk_of_its_size() {
    life_of_a_disk("file");
}

#[test]
fn a_directory_is_a_disk_where_there_are_no_loop_devices() {
    life_of_a_disk("directory");
}

fn life_of_a_disk(kind: &str) {
    let leaks = Leaks::snapshot();
    let scene = Scene::new(kind);
    let stemcell = scene.stemcell(true);
    let (vm, second) = (
        scene.vm(&stemcell, "10.244.0.2"),
        scene.vm(&stemcell, "10.244.0.3"),
    );
    let disk = scene.call("create_disk", json!([16, {}, vm]));
    let disk = disk.as_str().unwrap();
    assert_eq!(scene.call("has_disk", json!([disk])), true);
    assert_eq!(scene.call("get_disks", json!([vm])), json!([]));
    assert_eq!(
        scene.refused("detach_disk", json!([vm, disk])).0,
        "DiskNotAttached"
    );

    // Twice is once.
    let hint = format!("/warden-cpi-dev/{disk}");
    for _ in 0..2 {
        assert_eq!(scene.call("attach_disk", json!([vm, disk])), json!(hint));
    }
    assert_eq!(scene.call("get_disks", json!([vm])), json!([disk]));
    assert_eq!(
        scene.settings(&vm)["disks"]["persistent"],
        json!({disk: hint})
    );
    let (error, said, _) = scene.refused("attach_disk", json!([second, disk]));
    assert_eq!(error, "CloudError", "{said}");
    for (method, arguments) in [
        ("delete_disk", json!([disk])),
        ("resize_disk", json!([disk, 32])),
    ] {
        let (error, said, _) = scene.refused(method, arguments);
        assert!(
            error == "CloudError" && said.contains(&vm),
            "{method}: {error} {said}"
        );
    }

    // As the agent does it; and it leaves its mount behind.
    let store = format!("mkdir -p /var/vcap/store && mount -o bind {hint} /var/vcap/store");
    scene.says(&vm, &store).unwrap();
    scene
        .says(&vm, "echo kept >/var/vcap/store/file && sync")
        .unwrap();
    // What the machine unmounts is its own affair.
    scene.says(&vm, &format!("umount {hint}")).unwrap();
    assert_eq!(scene.call("get_disks", json!([vm])), json!([disk]));
    scene.call("detach_disk", json!([vm, disk]));
    assert_eq!(scene.call("get_disks", json!([vm])), json!([]));
    assert_eq!(scene.settings(&vm)["disks"]["persistent"], json!({}));
    assert!(scene.says(&vm, "cat /var/vcap/store/file").is_err());
    assert!(!scene.says(&vm, "cat /proc/mounts").unwrap().contains(disk));

    let snapshot = scene.call("snapshot_disk", json!([disk, {"deployment": "d"}]));
    assert_eq!(
        scene.refused("resize_disk", json!([disk, 8])).0,
        "NotSupported"
    );
    scene.call("resize_disk", json!([disk, 64]));
    scene.call("set_disk_metadata", json!([disk, {"deployment": "d"}]));
    scene.call("attach_disk", json!([second, disk]));
    assert_eq!(
        scene.says(&second, &format!("cat {hint}/file")).unwrap(),
        "kept"
    );
    if kind == "file" {
        let blocks = scene.says(
            &second,
            &format!("df -m {hint} | tail -n 1 | awk '{{print $2}}'"),
        );
        let size: u64 = blocks.unwrap().parse().unwrap();
        assert!((40..=64).contains(&size), "{size} MiB of 64");
    }
    let written: serde_json::Value =
        serde_json::from_slice(&std::fs::read(scene.at("disks/.info").join(disk)).unwrap())
            .unwrap();
    assert_eq!(
        written,
        json!({"mebibytes": 64, "metadata": {"deployment": "d"}})
    );

    // A machine goes with its disk attached: the disk stays.
    scene.call("delete_vm", json!([second]));
    scene.call("delete_vm", json!([vm]));
    scene.assert_no_machines();
    assert_eq!(scene.call("has_disk", json!([disk])), true);
    let third = scene.vm(&stemcell, "10.244.0.2");
    scene.call("attach_disk", json!([third, disk]));
    assert_eq!(
        scene.says(&third, &format!("cat {hint}/file")).unwrap(),
        "kept"
    );
    // A detach that was killed half-way is taken up again.
    let point = scene.at("persistent").join(&third).join(disk);
    let point = point.display().to_string();
    scene.server.actor().run(&["umount", &point]).success();
    scene.call("detach_disk", json!([third, disk]));
    assert_eq!(scene.settings(&third)["disks"]["persistent"], json!({}));
    assert_eq!(
        scene.refused("detach_disk", json!([third, disk])).0,
        "DiskNotAttached"
    );
    scene.call("delete_vm", json!([third]));
    scene.call("delete_snapshot", json!([snapshot]));
    scene.call("delete_snapshot", json!([snapshot]));
    for _ in 0..2 {
        scene.call("delete_disk", json!([disk]));
    }
    assert_eq!(scene.call("has_disk", json!([disk])), false);
    for place in ["disks", "disks/.info", "disks/.snapshots"] {
        assert_eq!(names(&scene.at(place)), Vec::<String>::new(), "in {place}");
    }
    scene.assert_no_machines();
    drop(scene);
    leaks.assert_same();
}
