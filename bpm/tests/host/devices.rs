//! Whose device filter holds.

use std::fs::File;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use warren_sys_devicefilter::bpf;

use crate::scene::{FOREVER, Scene};

/// The programs on a group.
fn programs(group: &Path) -> Vec<u32> {
    let directory = File::open(group).unwrap();
    bpf::query(directory.as_fd()).unwrap().ids
}

/// The groups of the job's process in cgroup v2.
fn group(scene: &Scene, job: &str) -> PathBuf {
    let below = warren_tests_harness::cgroup::below(scene.sandbox.cgroup());
    let name = format!("bpm-{job}");
    let found = below
        .iter()
        .find(|path| path.file_name().is_some_and(|last| *last == *name));
    scene.sandbox.cgroup().join(found.unwrap())
}

#[test]
fn a_process_has_a_filter_of_its_own_unless_the_outer_one_is_to_do() {
    let scene = Scene::new("devices");
    // A device that everybody but a filtered process may open.
    let program = format!(
        "mknod /dev/kmsg2 c 1 11 2>&1; (exec 3</dev/kmsg2) 2>&1 && echo opens; (exec 3</dev/null) && echo null opens; echo ready; {FOREVER}"
    );
    let more = "  unsafe: {privileged: true}\n";
    scene.shell_job("own", &program, more);
    scene.shell_job("outer", &program, more);
    scene.says("bpm start own; bpm --devices inherited start outer");
    let (own, outer) = (scene.said("own", "ready"), scene.said("outer", "ready"));
    assert_eq!(outer, "opens\nnull opens\nready\n");
    assert!(
        own.contains("Operation not permitted") && own.ends_with("null opens\nready\n"),
        "{own}"
    );
    assert_eq!(programs(&group(&scene, "own")).len(), 1);
    assert_eq!(programs(&group(&scene, "outer")), [0_u32; 0]);
    scene.says("bpm stop own; bpm stop outer");
    scene.assert_clean();
}
