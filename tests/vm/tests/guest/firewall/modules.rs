//! The kernel's `socket` expression is a module here: loaded on first use, or not there.

use super::scene::{AGENT, Scene, firewall};

const BLOCKED: &str = "/run/modprobe.d/warren-test.conf";

#[track_caller]
fn unload(scene: &Scene) {
    // Objects of deleted rules are freed in the background and hold the module until then.
    let script = "for i in $(seq 600); do rmmod nft_socket 2>/dev/null; \
                  grep -q ^nft_socket /proc/modules || exit 0; sleep 0.1; done; exit 1";
    scene.vm.shell(script).success();
}

fn is_loaded(scene: &Scene) -> bool {
    scene
        .vm
        .run(&["grep", "-q", "^nft_socket", "/proc/modules"])
        .code
        == 0
}

#[test]
fn the_module_is_loaded_on_first_use() {
    let scene = Scene::new();
    unload(&scene);
    scene
        .vm
        .warren(&firewall("setup", &["--agent-cgroup", AGENT]))
        .success();
    assert!(is_loaded(&scene));
}

#[test]
fn without_the_module_nothing_changes_and_the_error_names_it() {
    let scene = Scene::new();
    unload(&scene);
    scene.vm.run(&["mkdir", "-p", "/run/modprobe.d"]).success();
    scene.put(BLOCKED, "install nft_socket /bin/false\n");
    let before = scene.stock();
    let outputs: Vec<_> = ["setup", "watch"]
        .iter()
        .map(|verb| scene.vm.warren(&firewall(verb, &["--agent-cgroup", AGENT])))
        .collect();
    let after = scene.stock();
    scene.vm.run(&["rm", BLOCKED]).success();

    assert!(!is_loaded(&scene));
    assert_eq!((before.as_str(), after.as_str()), ("", ""));
    for output in &outputs {
        assert_eq!(output.code, 1, "{output:#?}");
        assert!(output.stderr.contains("Remedy: "), "{output:#?}");
        assert!(output.stderr.contains("modprobe nft_socket"), "{output:#?}");
    }
    // It works as soon as the module is there.
    scene
        .vm
        .warren(&firewall("setup", &["--agent-cgroup", AGENT]))
        .success();
}
