//! The verbs that look at processes: `list` with odd names, `shell` and `trace`, in a container and
//! without one.

use std::os::unix::fs::symlink;

use crate::scene::{FOREVER, Scene, eventually};

#[test]
fn odd_names_hide_no_other_process() {
    let scene = Scene::new("names");
    scene.shell_job("web", FOREVER, "");
    scene.job(
        "odd",
        "processes: [{name: a/b, executable: /bin/true}, {name: odd, executable: /bin/true}]",
    );
    scene.says("bpm start web");
    // Dots in a job's name, and a record alone left of it.
    for job in [".dotted", "dotted."] {
        scene.shell_job(job, FOREVER, "");
        scene.says(&format!("bpm start {job}; rm -r $V/jobs/{job}"));
    }
    let list = scene.sh("bpm list | tr -s ' ' | cut -d' ' -f1,3");
    assert_eq!(
        list.stdout,
        "Name Status\n.dotted running\ndotted. running\nodd stopped\nweb running\n"
    );
    assert_eq!(
        list.stderr,
        "invalid config for odd: process \"a/b\" cannot be the name of a file\n"
    );
    scene.says("bpm stop web; bpm stop .dotted; bpm stop dotted.");
    scene.assert_clean();
}

#[test]
fn a_process_is_looked_at_with_and_without_a_container() {
    let scene = Scene::new("look");
    let program = format!("cd && touch x && pwd; echo ready; {FOREVER}");
    scene.shell_job("web", &program, "");
    scene.shell_job(
        "stubborn",
        &format!("trap '' TERM; trap 'echo told; exit' QUIT; echo ready; {FOREVER}"),
        "",
    );
    // What strace(1) is called with, and that its exit code is ours.
    let tools = scene.directory.path().join("tools");
    std::fs::create_dir(&tools).unwrap();
    for tool in ["sh", "rm"] {
        let found = scene.says(&format!("command -v {tool}"));
        symlink(found, tools.join(tool)).unwrap();
    }
    for isolation in ["container", "direct"] {
        scene.says(&format!("bpm --isolation {isolation} start web"));
        let said = scene.said("web", "ready");
        let inside = match isolation {
            "container" => "/var/vcap/".to_owned(),
            _ => scene.v("").display().to_string(),
        };
        assert_eq!(
            said,
            format!("{inside}data/web/tmp\nready\n"),
            "{isolation}"
        );
        let pid = scene.pid("web");
        let shell = scene.sh("echo 'id -u; exit 5' | bpm shell web");
        assert_eq!(shell.code, 5, "{isolation}: {shell:?}");
        assert!(shell.stdout.contains("1000"), "{isolation}: {shell:?}");

        let alone = format!(
            "PATH={} {}/bpm trace web",
            tools.display(),
            scene.directory.path().display()
        );
        let (code, absent) = scene.fails(&alone);
        assert_eq!(
            (code, absent.as_str()),
            (
                1,
                "Error: failed to run strace: cannot execute strace: No such file or directory (os error 2)"
            )
        );
        let strace = tools.join("strace");
        warren_tests_harness::executable(&strace, b"#!/bin/sh\necho $*; exit 9\n");
        let traced = scene.sh(&alone);
        assert_eq!(
            (traced.code, traced.stdout),
            (9, format!("-s 100 -f -y -yy -p {pid}\n"))
        );
        std::fs::remove_file(strace).unwrap();
        scene.says("bpm stop web; rm $V/sys/log/web/web.stdout.log");
        assert_eq!(
            scene.fails("bpm trace web"),
            (
                1,
                "Error: process is not running or could not be found".to_owned()
            )
        );
    }
    // It would take 15 seconds to be told.
    scene.says("bpm start stubborn");
    scene.said("stubborn", "ready");
    let started = std::time::Instant::now();
    scene.says("WARREN_BPM_STOP_TIMEOUT=0 bpm stop stubborn");
    assert!(started.elapsed().as_secs() < 15);
    eventually("the signal after", || {
        scene
            .said("stubborn", "told")
            .contains("told")
            .then_some(())
    });
    scene.assert_clean();
}
