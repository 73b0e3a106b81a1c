//! Whatever an earlier bpm left, the next one goes on from there.

use std::time::Duration;

use warren_tests_harness::Leaks;

use crate::scene::{FOREVER, Scene, eventually, is_alive};

/// How many times a job's program runs here: processes with its mark whose parent has none. (A shell
/// that is about to execute something else has its parent's arguments for an instant.)
fn servers(scene: &Scene) -> usize {
    let mark = format!("MARK={};", scene.directory.path().display());
    let has_mark = |pid: &str| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&line).contains(&mark)
    };
    let parent = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        let fields = stat.rsplit_once(") ").map_or("", |(_, fields)| fields);
        fields.split(' ').nth(1).unwrap_or_default().to_owned()
    };
    let entries = std::fs::read_dir("/proc").unwrap().flatten();
    entries
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|pid| pid.bytes().all(|byte| byte.is_ascii_digit()))
        .filter(|pid| has_mark(pid) && !has_mark(&parent(pid)))
        .count()
}

fn marked(scene: &Scene) -> String {
    format!(
        "MARK={}; echo ready; {FOREVER}",
        scene.directory.path().display()
    )
}

#[test]
fn a_start_that_is_killed_at_any_instant_is_made_good_by_the_next() {
    let leaks = Leaks::snapshot();
    let scene = Scene::new("killed");
    scene.shell_job("web", &marked(&scene), "  limits: {processes: 50}\n");
    let mut killed = 0;
    let mut round = 0;
    // However fast the machine is: until enough have been hit.
    while killed < 25 {
        assert!(round < 2000, "{killed} were killed");
        let script = format!(
            "bpm start web & sleep {}; kill -9 $! 2>/dev/null && echo killed; wait",
            Duration::from_micros(500 * (round % 60)).as_secs_f64()
        );
        killed += usize::from(scene.sh(&script).stdout.contains("killed"));
        assert_eq!(scene.says("bpm start web"), "");
        assert!(is_alive(scene.pid("web")));
        eventually("one server", || (servers(&scene) == 1).then_some(()));
        scene.says("bpm stop web");
        assert_eq!(servers(&scene), 0);
        scene.assert_clean();
        round += 1;
    }
    scene.says("bpm stop web");
    scene.assert_clean();
    drop(scene);
    leaks.assert_same();
}

#[test]
fn a_stop_that_is_killed_is_made_good_by_the_next() {
    let scene = Scene::new("stopped");
    scene.shell_job(
        "web",
        &format!("trap 'sleep 0.2; exit' TERM; {}", marked(&scene)),
        "",
    );
    for delay in ["0", "0.01", "0.05", "0.15", "0.21", "0.23"] {
        scene.says("bpm start web");
        scene.said("web", "ready");
        let script = format!("bpm stop web & sleep {delay}; kill -9 $! 2>/dev/null; wait");
        scene.sh(&script);
        scene.says("bpm stop web");
        assert_eq!(servers(&scene), 0);
        scene.assert_clean();
    }
}

#[test]
fn a_killed_hook_leaves_nothing_in_the_way() {
    let scene = Scene::new("hook");
    let hook = scene.v("jobs/web/hook");
    scene.shell_job(
        "web",
        &marked(&scene),
        "  hooks: {pre_start: /var/vcap/jobs/web/hook}\n",
    );
    let write = |text: &str| warren_tests_harness::executable(&hook, text.as_bytes());
    // Its TMPDIR is that of the container, which is not where this test's is.
    let endless = "#!/bin/sh\nd=$(dirname $0); echo hook as $(id -u) with $TMPDIR\n\
                   setsid sleep 1000 & echo $! >$d/far; sleep 1000 & echo $! >$d/near\n\
                   echo $$ >$d/.own; mv $d/.own $d/own; while :; do sleep 0.02; done\n";
    let pids = || -> Vec<i32> {
        let read = |file: &str| std::fs::read_to_string(scene.v("jobs/web").join(file)).unwrap();
        ["own", "near", "far"]
            .map(|file| read(file).trim().parse().unwrap())
            .to_vec()
    };
    // bpm alone is killed.
    let begun = "rm -f $V/jobs/web/own; bpm start web & b=$!; \
                 until [ -e $V/jobs/web/own ]; do sleep 0.01; done";
    write(endless);
    let said = scene.sh(&format!("{begun}; bpm list | tail -1; kill -9 $b; wait"));
    assert_eq!(said.stdout.trim_end(), "web  -   creating");
    assert_eq!(
        scene.said("web", "hook"),
        "hook as 0 with /var/vcap/data/web/tmp\n"
    );
    let first = pids();
    assert!(first.iter().all(|pid| is_alive(*pid)), "{first:?}");
    write("#!/bin/sh\nexit 7\n");
    assert_eq!(
        scene.fails("bpm start web"),
        (
            1,
            "Error: failed to start job-process: prestart hook failed: exit status 7".to_owned()
        )
    );
    assert!(first.iter().all(|pid| !is_alive(*pid)), "{first:?}");
    assert_eq!(scene.says("bpm list | tail -1"), "web  -   stopped");
    scene.assert_clean();
    write(endless);
    scene.sh(&format!("{begun}; kill -9 $b; wait"));
    let second = pids();
    assert!(second.iter().all(|pid| is_alive(*pid)), "{second:?}");
    scene.says("bpm stop web");
    assert!(second.iter().all(|pid| !is_alive(*pid)), "{second:?}");
    scene.assert_clean();
    // bpm is asked to end, or loses patience.
    let ended = scene.sh(&format!("{begun}; kill $b; wait $b"));
    let limited = scene.sh(&format!(
        "export WARREN_BPM_HOOK_TIMEOUT=1; {begun}; wait $b"
    ));
    for (output, why) in [
        (ended, "since bpm got signal 15"),
        (
            limited,
            "since it took longer than 1 s: WARREN_BPM_HOOK_TIMEOUT sets how long it may",
        ),
    ] {
        let expected =
            format!("Error: failed to start job-process: prestart hook failed: killed, {why}\n");
        assert_eq!((output.code, output.stderr), (1, expected));
        let pids = pids();
        assert!(pids.iter().all(|pid| !is_alive(*pid)), "{pids:?}");
        scene.assert_clean();
    }
    // It is executed in the place of what waited, and fails as itself.
    std::fs::remove_file(&hook).unwrap();
    let (code, said) = scene.fails("bpm start web");
    assert_eq!(code, 1);
    let missing = "prestart hook failed: ";
    assert!(
        said.contains(missing) && said.ends_with("/hook: No such file or directory (os error 2)"),
        "{said}"
    );
    write("#!/bin/sh\ntouch $(dirname $0)/was-here\n");
    scene.says("bpm start web");
    assert!(scene.v("jobs/web/was-here").exists());
    scene.says("bpm stop web");
    scene.assert_clean();
}

#[test]
fn records_that_are_junk_or_gone_leave_no_second_server() {
    let scene = Scene::new("junk");
    scene.shell_job("web", &marked(&scene), "");
    let record = scene.v("sys/run/bpm-warren/bpm-web.json");
    for junk in [
        Some(""),
        Some("{"),
        Some("[]"),
        Some("{\"job\":\"x\"}"),
        None,
    ] {
        scene.says("bpm start web");
        let before = scene.pid("web");
        match junk {
            Some(text) => {
                std::fs::write(&record, text).unwrap();
                assert_eq!(scene.says("bpm list | tail -1"), "web  -   failed");
            }
            None => std::fs::remove_file(&record).unwrap(),
        }
        scene.says("bpm start web");
        assert_ne!(scene.pid("web"), before);
        eventually("one server", || (servers(&scene) == 1).then_some(()));
        scene.says("bpm stop web");
        scene.assert_clean();
    }
    // As after a reboot: a bundle, a pid file, a half-written one, and a record of another boot.
    scene.says("bpm start web");
    let text = std::fs::read_to_string(&record).unwrap();
    scene.says("bpm stop web");
    let boot = text
        .split("\"boot\":\"")
        .nth(1)
        .unwrap()
        .split('"')
        .next()
        .unwrap();
    std::fs::write(&record, text.replace(boot, "another")).unwrap();
    std::fs::write(scene.v("sys/run/bpm/web/web.pid"), "1").unwrap();
    std::fs::write(scene.v("sys/run/bpm/web/.web.pid"), "half").unwrap();
    std::fs::create_dir_all(scene.v("data/bpm/bundles/web/web/rootfs/old")).unwrap();
    std::fs::write(
        scene.v("data/bpm/bundles/web/web/config.json"),
        "x".repeat(1 << 20),
    )
    .unwrap();
    scene.says("bpm start web");
    assert!(!scene.v("data/bpm/bundles/web/web/rootfs/old").exists());
    assert!(is_alive(scene.pid("web")));
    scene.says("bpm stop web");
    scene.assert_clean();
}

#[test]
fn verbs_at_the_same_time_wait_for_each_other() {
    let scene = Scene::new("together");
    scene.shell_job("web", &marked(&scene), "");
    let many = "for i in 1 2 3 4 5 6; do bpm start web & done; wait; bpm pid web";
    let pid = scene.says(many);
    assert_eq!(pid, scene.pid("web").to_string());
    assert_eq!(servers(&scene), 1);
    // As monit's restart does.
    scene.says("bpm stop web & bpm start web & bpm stop web & bpm start web & wait");
    scene.says("bpm start web");
    assert_eq!(servers(&scene), 1);
    scene.says("bpm stop web & bpm stop web & wait");
    assert_eq!(servers(&scene), 0);
    scene.assert_clean();
    // Other processes' groups come and go beside it.
    for job in ["one", "two", "three"] {
        scene.shell_job(job, &marked(&scene), "");
    }
    let churn = "for job in one two three; do
            (for i in 1 2 3 4 5; do bpm start $job && bpm stop $job || echo failed $job; done) & done; wait";
    assert_eq!(scene.says(churn), "");
    scene.assert_clean();
}

#[test]
fn a_configuration_that_went_bad_does_not_keep_its_process_from_being_stopped() {
    let scene = Scene::new("bad");
    scene.shell_job(
        "web",
        &format!("trap 'echo got INT; exit' INT; {}", marked(&scene)),
        "  shutdown_signal: INT\n",
    );
    scene.says("bpm start web");
    scene.said("web", "ready");
    scene.job("web", "processes: nonsense");
    let list = scene.sh("bpm list");
    assert_eq!(list.code, 0);
    assert!(
        list.stderr.starts_with("invalid config for web: "),
        "{list:?}"
    );
    assert!(list.stdout.contains("running"), "{list:?}");
    scene.says("bpm stop web");
    scene.said("web", "got INT");
    scene.assert_clean();
}
