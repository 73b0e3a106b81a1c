//! Processes for once.

use warren_tests_harness::Leaks;

use crate::scene::{FOREVER, Scene, eventually};

#[test]
fn an_errand_ends_with_its_status_and_its_output_is_kept() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("errand");
    scene.shell_job(
        "web",
        "echo to out $A $B; echo to err >&2; cat; ls /var/vcap/data; echo again >/dev/stdout; exit 9",
        "  env: {A: one, B: two}\n",
    );
    let output =
        scene.sh("echo input | bpm run web -e B=2 -v /var/vcap/data/more:writable; echo $?");
    assert_eq!(
        output.stdout,
        "to out one 2\nmore\npackages\nweb\nagain\n9\n"
    );
    assert_eq!(output.stderr, "to err\n");
    let kept = scene.says("cat $V/sys/log/web/web.stdout.log");
    assert_eq!(kept, "to out one 2\nmore\npackages\nweb\nagain");
    assert_eq!(scene.says("cat $V/sys/log/web/web.stderr.log"), "to err");
    scene.assert_clean();
    scene.shell_job("web", "kill -KILL $$", "");
    assert_eq!(scene.sh("bpm run web").code, 137);
    scene.assert_clean();
    drop(scene);
    leaks.assert_same();
}

#[test]
fn a_set_up_that_fails_is_no_success() {
    let scene = Scene::new("setup");
    scene.shell_job("web", "true", "  hooks: {pre_start: /bin/false}\n");
    assert_eq!(
        scene.fails("bpm run web"),
        (
            1,
            "Error: failed to start job-process: prestart hook failed: exit status 1".to_owned()
        )
    );
    scene.shell_job("web", FOREVER, "");
    scene.says("bpm start web");
    let (code, said) = scene.fails("bpm run web");
    assert_eq!(code, 1);
    assert!(
        said.starts_with("Error: process web is already running"),
        "{said}"
    );
    scene.says("bpm stop web");
    scene.assert_clean();
}

#[test]
fn signals_and_stops_reach_an_errand() {
    let scene = Scene::new("errands");
    scene.shell_job(
        "web",
        &format!("trap 'echo got TERM; exit 4' TERM; echo ready; {FOREVER}"),
        "",
    );
    let wait =
        "while ! grep -q ready $V/sys/log/web/web.stdout.log 2>/dev/null; do sleep 0.01; done";
    let script = format!("bpm run web >/dev/null & {wait}; kill -TERM $!; wait $!; echo $?");
    assert_eq!(scene.says(&script), "4");
    scene.assert_clean();
    // It has no pid file, but it can be listed and stopped like any other.
    scene.says("rm $V/sys/log/web/web.stdout.log");
    let script = format!(
        "bpm run web >/dev/null & {wait}; bpm list | tail -1 | grep -c running; ls $V/sys/run/bpm/web; bpm stop web; wait $!; echo $?"
    );
    assert_eq!(scene.says(&script), "1\n4");
    scene.assert_clean();
    // If its runner is killed it does not go on.
    scene.says("rm $V/sys/log/web/web.stdout.log");
    let script =
        format!("bpm run web >/dev/null & {wait}; kill -KILL $!; wait $! 2>/dev/null; true");
    scene.sh(&script);
    eventually("its end", || {
        (scene.says("bpm list | tail -1") == "web  -   failed").then_some(())
    });
    scene.says("bpm stop web");
    scene.assert_clean();
}

#[test]
fn who_watches_may_leave() {
    let scene = Scene::new("watcher");
    scene.shell_job(
        "web",
        "i=0; while [ $i -lt 3000 ]; do echo line $i; i=$((i+1)); done",
        "",
    );
    assert_eq!(scene.says("bpm run web | head -1"), "line 0");
    assert_eq!(
        scene.says("tail -1 $V/sys/log/web/web.stdout.log"),
        "line 2999"
    );
    scene.assert_clean();
}
