//! Processes without a container: `--isolation direct`, or `WARREN_BPM_ISOLATION=direct`.

use warren_tests_harness::Leaks;

use crate::scene::{FOREVER, Scene, is_alive};

#[test]
fn a_direct_process_has_everything_but_walls() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("direct");
    let program = format!(
        "id -u; id -g; pwd; echo $TMPDIR; ulimit -n; touch $TMPDIR/a && grep -E '^(CapEff|Seccomp:)' /proc/self/status
        readlink /proc/self/ns/mnt /proc/self/ns/pid; setsid sh -c '{FOREVER}' & trap 'echo bye; exit' TERM; echo ready; {FOREVER}"
    );
    scene.shell_job(
        "web",
        &program,
        "  limits: {open_files: 99, processes: 30}\n  capabilities: [NET_BIND_SERVICE]\n",
    );
    scene.says("WARREN_BPM_ISOLATION=direct bpm start web");
    let said = scene.said("web", "ready");
    let v = scene.v("").display().to_string();
    let lines: Vec<&str> = said.lines().collect();
    let own = |name: &str| {
        let link = format!("/proc/{}/ns/{name}", scene.actor.host_pid());
        std::fs::read_link(link).unwrap().display().to_string()
    };
    assert_eq!(
        lines,
        [
            "1000",
            "1001",
            &format!("{v}jobs/web"),
            &format!("{v}data/web/tmp"),
            "99",
            "CapEff:\t0000000000000400",
            "Seccomp:\t0",
            &own("mnt"),
            &own("pid"),
            "ready"
        ]
    );
    let pid = scene.pid("web");
    // All verbs go on as usual, without the flag.
    assert_eq!(
        scene.says("bpm pid web; bpm start web; bpm pid web"),
        format!("{pid}\n{pid}")
    );
    assert_eq!(
        scene.sh("bpm run --isolation direct web").code,
        1,
        "it is running"
    );
    scene.says("bpm stop web");
    scene.said("web", "bye");
    assert!(!is_alive(pid));
    scene.assert_clean();
    scene.shell_job("errand", "echo $TMPDIR; exit 3", "");
    let errand = scene.sh("bpm --isolation direct run errand");
    assert_eq!(
        (errand.code, errand.stdout),
        (3, format!("{v}data/errand/tmp\n"))
    );
    scene.assert_clean();
    drop(scene);
    leaks.assert_same();
}

#[test]
fn it_needs_no_control_group() {
    let leaks = Leaks::snapshot();
    let scene = Scene::with("groupless", |builder| builder.read_only("/sys/fs/cgroup"));
    scene.says("for each in $(grep -oE ' /sys/fs/cgroup[^ ]*' /proc/self/mounts); do mount -o remount,bind,ro $each; done");
    // It changes its session and lets go of its parent: nothing but its ancestor is left to tell.
    let program = format!(
        "setsid sh -c 'sh -c \"{FOREVER}\" & sh -c \"{FOREVER}\" & exit' & echo ready; {FOREVER}"
    );
    scene.shell_job("web", &program, "");
    let (code, said) = scene.fails("bpm start web");
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("Read-only file system"), "{said}");
    scene.says("bpm --isolation direct start web");
    scene.said("web", "ready");
    let pid = scene.pid("web");
    assert!(is_alive(pid));
    scene.says("bpm stop web");
    assert!(!is_alive(pid));
    scene.assert_clean();
    scene.shell_job("web", FOREVER, "  limits: {processes: 9}\n");
    let (_, said) = scene.fails("bpm --isolation direct start web");
    assert!(
        said.contains("Read-only file system"),
        "a limit is not lost in silence: {said}"
    );
    drop(scene);
    leaks.assert_same();
}
