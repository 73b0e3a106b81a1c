//! Who is killed, what is left, and what is told when a runtime fails or is not there.

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Sink, shell};
use warren_tests_conformance::said;
use warren_tests_harness::{Leaks, executable};
use warren_wire_garden::container::Properties;
use warren_wire_garden::process::ProcessSpec;

use super::{eventually, installed, server, state_of, with_each};

with_each! {
    a_killed_server_finds_all_again,
    a_killed_shim_takes_its_container_along,
    nothing_is_left,
    what_the_runtime_says_is_told,
}

fn a_killed_server_finds_all_again(runtime: &str) {
    let mut server = server(runtime);
    let client = server.client();
    client.create(&server.spec("kept")).unwrap();
    let named = |id: &str, script: &str| ProcessSpec {
        id: id.to_owned(),
        ..shell("root", script)
    };
    let ended = named("ended", "exit 5");
    client
        .run("kept", &ended, Streams::default())
        .unwrap()
        .wait()
        .unwrap();
    let later = named(
        "later",
        "while ! [ -e /tmp/go ]; do sleep 0.01; done; echo done; exit 9",
    );
    client.run("kept", &later, Streams::default()).unwrap();
    server.end("-KILL");
    server.start();
    let client = server.client();
    assert_eq!(client.list(&Properties::new()).unwrap(), ["kept"]);
    let wait = |id: &str| client.attach("kept", id, Streams::default()).unwrap();
    assert_eq!(wait("ended").wait().unwrap(), 5);
    let output = Sink::default();
    let streams = Streams {
        stdout: Some(Box::new(output.clone())),
        ..Streams::default()
    };
    let attached = client.attach("kept", "later", streams).unwrap();
    let go = client.run("kept", &shell("root", "touch /tmp/go"), Streams::default());
    assert_eq!(go.unwrap().wait().unwrap(), 0);
    assert_eq!(attached.wait().unwrap(), 9);
    assert_eq!(output.text(), "done\n");
    client.destroy("kept").unwrap();
}

fn a_killed_shim_takes_its_container_along(runtime: &str) {
    let server = server(runtime);
    server.client().create(&server.spec("h")).unwrap();
    let depot = server.directory().join("depot/h");
    let record = std::fs::read(depot.join("shim.json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    let pid = |of: &str| record[of]["pid"].as_i64().unwrap().to_string();
    let (shim, init) = (pid("shim"), pid("init"));
    let runs = |pid: &str| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        stat.rsplit_once(") ")
            .is_some_and(|(_, rest)| !rest.starts_with('Z'))
    };
    assert!(runs(&shim) && runs(&init));
    server.actor().run(&["kill", "-KILL", &shim]).success();
    eventually("init is gone", || !runs(&init));
    server.client().destroy("h").unwrap();
    assert!(!depot.exists());
}

fn nothing_is_left(runtime: &str) {
    let leaks = Leaks::snapshot();
    {
        let server = server(runtime);
        for privileged in [false, true] {
            let mut spec = server.spec("h");
            spec.privileged = privileged;
            let client = server.client();
            client.create(&spec).unwrap();
            client
                .run("h", &shell("root", "sleep 600"), Streams::default())
                .unwrap();
            let state = state_of(&server, "h");
            assert!(state.exists());
            client.destroy("h").unwrap();
            assert!(!state.exists());
            let depot = std::fs::read_dir(server.directory().join("depot")).unwrap();
            assert_eq!(depot.count(), 0);
        }
    }
    leaks.assert_same();
}

/// A wrapper that fails as a runtime does, at each step.
fn what_the_runtime_says_is_told(runtime: &str) {
    let directory = tempfile::tempdir().unwrap();
    let wrapper = directory.path().join("runtime");
    for step in ["create", "start"] {
        let script = format!(
            "#!/bin/sh\n\
             for word; do if [ \"$word\" = {step} ]; then\n\
             echo '{{\"level\":\"error\",\"msg\":\"no luck today\"}}' >\"$4\"; exit 3\n\
             fi; done\n\
             exec {runtime} \"$@\"\n"
        );
        executable(&wrapper, script.as_bytes());
        let server = server(&wrapper.display().to_string());
        for privileged in [false, true] {
            let mut spec = server.spec("h");
            spec.privileged = privileged;
            let error = said(server.client().create(&spec).unwrap_err());
            let wrapper = wrapper.display().to_string();
            for part in [wrapper.as_str(), step, "exit status 3", "no luck today"] {
                assert!(error.contains(part), "{part}: {error}");
            }
        }
        assert!(server.client().list(&Properties::new()).unwrap().is_empty());
    }
}

#[test]
fn a_runtime_that_is_not_there_is_told_at_the_start_and_later() {
    let _gate = warren_tests_harness::shared();
    let directory = tempfile::tempdir().unwrap();
    let warren = warren_tests_harness::programs::warren();
    let missing = directory.path().join("missing").display().to_string();
    for (runtime, wanted) in [
        (missing.as_str(), "cannot execute the runtime"),
        ("/bin/false", "/bin/false --version failed (exit status 1)"),
        ("no-such-name", "is no program in PATH"),
    ] {
        let at = |name: &str| directory.path().join(name).display().to_string();
        // Told before anything of a server is made, so it needs no place of its own.
        let output = std::process::Command::new(warren)
            .args(["serve", "garden", "--runtime", runtime])
            .args(["--bind-socket", &at("socket"), "--depot", &at("depot")])
            .output()
            .unwrap();
        assert!(!output.status.success());
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(text.contains(wanted), "{runtime}: {text}");
        assert!(!directory.path().join("depot").exists());
    }
    // One that goes while the server runs.
    let copy = directory.path().join("crun");
    std::fs::copy(installed("crun"), &copy).unwrap();
    let server = server(&copy.display().to_string());
    let container = server.container();
    std::fs::remove_file(&copy).unwrap();
    let error = said(server.client().create(&server.spec("h")).unwrap_err());
    assert!(error.contains("cannot execute the runtime"), "{error}");
    assert!(error.contains(&copy.display().to_string()), "{error}");
    // What it has made goes on, and goes away, without it.
    assert_eq!(container.says("echo on"), "on");
    server.client().destroy(container.handle()).unwrap();
}
