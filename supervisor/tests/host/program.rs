//! The `monit` command line.

use crate::world::{STEADY, World, eventually};

#[test]
fn the_words_that_operators_and_the_agent_use() {
    let world = World::new();
    world.job("a", &world.service("a", STEADY, ""));
    world.job(
        "b",
        &world
            .service("b", STEADY, "")
            .replace("group vcap", "group other"),
    );
    let mut served = world.serve();
    eventually("both run", || {
        world.xml().matches("<monitor>1</monitor>").count() == 3
    });
    let (code, out, _) = world.monit(&["summary"]);
    assert_eq!(code, 0);
    assert!(
        out.starts_with("The Monit daemon 5.2.5 uptime: 0m \n\n"),
        "{out}"
    );
    assert!(
        out.contains("\nProcess 'a'                         running\n"),
        "{out}"
    );
    assert!(out.contains("\nSystem 'system_"), "{out}");
    let (code, out, _) = world.monit(&["status", "a"]);
    assert!(
        code == 0 && out.contains("  pid ") && !out.contains("'b'"),
        "{out}"
    );
    // As the agent's StopAndWait does.
    let (code, _, err) = world.monit(&["stop", "-g", "vcap"]);
    assert_eq!((code, err.as_str()), (0, ""));
    eventually("a is stopped, b is not", || {
        world.field("a", "monitor").as_deref() == Some("0")
            && world.field("a", "pendingaction").as_deref() == Some("0")
            && world.field("b", "monitor").as_deref() == Some("1")
    });
    assert!(
        world
            .monit(&["summary"])
            .1
            .contains("Process 'a'                         not monitored")
    );
    let (code, _, err) = world.monit(&["start", "nobody"]);
    assert!(
        code == 1 && err.contains("no service by that name"),
        "{code} {err}"
    );
    for (words, call) in [
        (["start", "a"], "start a"),
        (["restart", "b"], "stop b"),
        (["stop", "all"], "stop a"),
    ] {
        let before = world.calls().len();
        assert_eq!(world.monit(&words).0, 0);
        eventually("it is done", || {
            world.calls()[before..].contains(&call.to_owned())
        });
        eventually("and finished", || {
            !world.xml().contains("<pendingaction>2") && !world.xml().contains("<pendingaction>3")
        });
    }
    assert_eq!(world.monit(&["monitor", "all"]).0, 0);
    assert_eq!(world.monit(&["unmonitor", "-g", "vcap"]).0, 0);
    eventually("one is", || {
        world.field("b", "monitor").as_deref() != Some("0")
    });
    assert_eq!(world.field("a", "monitor").as_deref(), Some("0"));
    let before = world.xml();
    assert_eq!(world.monit(&["reload"]).0, 0);
    assert_ne!(
        before.split('"').nth(7),
        world.xml().split('"').nth(7),
        "the incarnation"
    );
    assert_eq!(world.monit(&["validate"]).0, 0);
    assert_eq!(world.monit(&["quit"]).0, 0);
    assert_eq!(served.ended(), 0);
    let (code, _, err) = world.monit(&["summary"]);
    assert!(code == 1 && err.contains("cannot ask"), "{code} {err}");
}

#[test]
fn files_can_be_tried() {
    let world = World::new();
    world.job("a", &world.service("a", STEADY, ""));
    let (code, out, _) = world.monit(&["-t"]);
    assert_eq!((code, out.as_str()), (0, "Control file syntax OK\n"));
    world.job("b", "check process b with pidfile /b\n\nfrobnicate\n");
    let (code, _, err) = world.monit(&["-t"]);
    assert!(
        code == 1 && err.contains("b.monitrc:3: \"frobnicate\""),
        "{code} {err}"
    );
    let (code, out, _) = world.monit(&["-V"]);
    assert!(code == 0 && out.contains("5.2.5"), "{out}");
}

#[test]
fn the_daemon_can_be_started_as_monit() {
    use std::os::unix::process::CommandExt;
    let world = World::new();
    let mut child = std::process::Command::new(warren_tests_harness::programs::warren())
        .arg0("monit")
        .args(["-I", "-c"])
        .arg(world.control_file())
        .stdout(std::process::Stdio::null())
        .spawn()
        .unwrap();
    eventually("it answers", || world.monit(&["summary"]).0 == 0);
    assert_eq!(world.monit(&["quit"]).0, 0);
    eventually("it ends", || child.try_wait().unwrap().is_some());
    assert!(child.wait().unwrap().success());
}
