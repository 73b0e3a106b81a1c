//! AppArmor, which the machine's kernel has in force: the profile of the server's containers.

use warren_tests_vm::Turn;

use crate::scene::Scene;

/// Allows all that a busybox needs, and keeps one file from it.
const PROFILE: &str = "profile warren-test-confined flags=(attach_disconnected,mediate_deleted) {
  file,
  capability,
  network,
  signal,
  unix,
  ptrace,
  deny /forbidden rw,
}";

#[test]
fn unprivileged_containers_run_under_the_servers_profile() {
    let turn = Turn::take();
    let vm = turn.vm();
    let scene = Scene::new(vm, "apparmor");
    scene.shell(&format!(
        "printf '%s' '{PROFILE}' >$F/profile && apparmor_parser --replace --skip-cache $F/profile"
    ));
    scene.serve(
        "garden",
        "-p Delegate=yes",
        "--apparmor warren-test-confined",
    );
    scene.garden("create -n confined");
    scene.garden("create -n free --privileged");
    let label = |handle: &str, pid: &str| {
        let read = format!("run {handle} --attach -- cat /proc/{pid}/attr/apparmor/current");
        scene.garden(&read).trim().to_owned()
    };
    for pid in ["self", "1"] {
        assert_eq!(label("confined", pid), "warren-test-confined (enforce)");
        assert_eq!(label("free", pid), "unconfined");
    }
    let touch =
        |handle: &str| scene.try_garden(&format!("run {handle} --attach -- touch /forbidden"));
    let refused = touch("confined");
    assert!(
        refused.code != 0 && refused.stderr.contains("Permission denied"),
        "{refused:?}"
    );
    assert_eq!(touch("free").code, 0);
    // A process with an image of its own is confined, too.
    let own = "run confined --attach --image $F/rootfs.tar -- cat /proc/self/attr/apparmor/current";
    assert_eq!(scene.garden(own).trim(), "warren-test-confined (enforce)");
    scene.shell("apparmor_parser --remove $F/profile");
    let refused = scene.try_garden("create -n late");
    let text = refused.stderr;
    assert!(
        refused.code != 0 && text.contains("warren-test-confined") && text.contains("not loaded"),
        "{text}"
    );
    scene.close();
}
