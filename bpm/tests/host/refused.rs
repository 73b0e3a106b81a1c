//! What is refused, in the words that operators and scripts know.

use warren_tests_harness::Ns;

use crate::scene::{FOREVER, Scene};

#[test]
fn faults_are_told_as_they_always_were() {
    let scene = Scene::new("refused");
    let fails = |script: &str| {
        let (code, said) = scene.fails(script);
        assert_eq!(code, 1, "{script}: {said}");
        said
    };
    let file = scene.v("jobs/web/config/bpm.yml").display().to_string();
    assert!(fails("bpm start").starts_with("Error: must specify a job"));
    assert!(fails("bpm").contains("Usage:"));
    assert!(fails("bpm nonsense").starts_with("Error: unrecognized subcommand 'nonsense'"));
    assert!(fails("bpm start web --nonsense").starts_with("Error: unexpected argument"));
    assert!(fails("bpm version more").contains("Usage:"));
    assert_eq!(
        fails("bpm start web"),
        format!(
            "Error: failed to parse job configuration: cannot read {file}: No such file or directory (os error 2)"
        )
    );
    assert!(
        !scene.v("sys/log/web").exists(),
        "a job that is not there has no log"
    );
    scene.job("web", "processes: [{name: web}]");
    let invalid = "Error: failed to parse job configuration: invalid config: executable";
    assert_eq!(fails("bpm start web"), invalid);
    assert_eq!(fails("bpm run web"), invalid);
    scene.job("web", "processes: [{name: other, executable: /bin/true}]");
    assert_eq!(
        fails("bpm start web"),
        format!("Error: process \"web\" not present in job configuration ({file})")
    );
    let with = |more: &str| scene.shell_job("web", FOREVER, more);
    with("  limits: {memory: lots}\n");
    assert_eq!(
        fails("bpm start web"),
        "Error: failed to start job-process: byte quantity must be a positive integer with a unit of \
         measurement like M, MB, MiB, G, GiB, or GB"
    );
    with("  hooks: {}\n");
    assert_eq!(
        fails("bpm start web"),
        "Error: failed to start job-process: prestart hook failed: exec: no command"
    );
    with("  persistent_disk: true\n");
    std::fs::remove_dir(scene.v("store")).unwrap();
    assert_eq!(
        fails("bpm start web"),
        "Error: failed to start job-process: failed to create system files: requested persistent \
         disk does not exist"
    );
    with("  workdir: /nowhere\n");
    assert!(fails("bpm start web").contains("cannot enter /nowhere: No such file or directory"));
    with("  additional_volumes: [{path: /var/vcap/data/missing, mount_only: true}]\n");
    assert!(fails("bpm start web").contains("/data/missing: No such file or directory"));
    assert!(fails("bpm start web -p ../x").contains("cannot be the name of a file"));
    assert!(fails("bpm start web --cgroup-driver x").contains("must be cgroupfs or systemd"));
    with("");
    for (variable, got) in [("STOP", "soon"), ("HOOK", "-1"), ("STOP", "86401")] {
        assert_eq!(
            fails(&format!("WARREN_BPM_{variable}_TIMEOUT={got} bpm stop web")),
            format!(
                "Error: WARREN_BPM_{variable}_TIMEOUT must be a whole number of seconds, at most \
                 86400, not \"{got}\""
            )
        );
    }
    assert_eq!(
        fails("bpm run web -v /a:b:c"),
        "Error: invalid volume definition (format: <path>[:<options>]): /a:b:c"
    );
    assert_eq!(
        fails("bpm run web -v /a:x"),
        "Error: invalid volume option: x"
    );
    assert_eq!(
        fails("bpm run web -v /etc"),
        "Error: failed to parse job configuration: invalid volume path: /etc must be within /var/vcap"
    );
    scene.assert_clean();
    scene.says("bpm stop nothing; bpm stop web -p nothing");
    let version = scene.says("bpm version");
    assert_eq!(version, env!("CARGO_PKG_VERSION"));
}

#[test]
fn a_program_that_cannot_be_executed_says_so_in_its_log() {
    let scene = Scene::new("program");
    scene.job("web", "processes: [{name: web, executable: /nonexistent}, {name: dir, executable: /etc}, {name: found, executable: sh, args: [-c, 'echo found']}]");
    for (process, status, said) in [
        (
            "web",
            127,
            "bpm: cannot execute /nonexistent: No such file or directory (os error 2)",
        ),
        (
            "dir",
            126,
            "bpm: cannot execute /etc: Permission denied (os error 13)",
        ),
    ] {
        let output = scene.sh(&format!("bpm run web -p {process}"));
        assert_eq!((output.code, output.stderr.trim_end()), (status, said));
    }
    assert_eq!(scene.says("bpm run web -p found"), "found");
    scene.assert_clean();
}

#[test]
fn without_systemd_there_is_no_unit() {
    let scene = Scene::new("no-systemd");
    scene.shell_job("web", FOREVER, "  hooks: {pre_start: /nonexistent}\n");
    for script in [
        "WARREN_BPM_CGROUP_DRIVER=systemd bpm start web",
        "bpm run web --cgroup-driver systemd",
    ] {
        let script = format!("mount -t tmpfs none /run && {script}");
        let (code, said) = scene.fails(&format!("unshare --mount sh -c '{script}'"));
        assert_eq!(code, 1);
        let (before, tagged) = said.split_once("the unit warren-").unwrap();
        assert_eq!(
            (before, tagged.split_once('-').unwrap().1),
            (
                "Error: failed to start job-process: cannot ask for ",
                "bpm-bpm-web.scope; where systemd is not pid 1, use --cgroup-driver cgroupfs: cannot \
                 reach systemd at /run/systemd/private: is it pid 1 here, and are we root?: No such \
                 file or directory (os error 2)"
            )
        );
    }
    scene.assert_clean();
}

#[test]
fn only_root_may() {
    let scene = Scene::with("user", |builder| builder.unshare(&[Ns::Mount]).ids(1000, 0));
    scene.shell_job("web", FOREVER, "");
    let root = "Error: bpm must be run as root. Please run 'sudo -i' to become the root user.";
    assert_eq!(scene.fails("bpm start web"), (1, root.to_owned()));
}

#[test]
fn without_the_user_nothing_starts() {
    let scene = Scene::new("nobody");
    std::fs::write(
        scene.directory.path().join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\n",
    )
    .unwrap();
    scene.shell_job("web", FOREVER, "");
    let (code, said) = scene.fails("bpm start web");
    assert_eq!(code, 1);
    assert!(
        said.starts_with("Error: failed to prepare: cannot find the user \"vcap\""),
        "{said}"
    );
}

/// All of a file is checked, whichever of its processes is meant.
#[test]
fn mistakes_in_the_file_are_told() {
    let scene = Scene::new("file");
    let v = "/var/vcap";
    let good = "{name: web, executable: /bin/true}";
    for (process, text) in [
        ("{executable: /bin/true}".to_owned(), "invalid config: name".to_owned()),
        (
            "{name: b, executable: /bin/true, shutdown_signal: KILL}".to_owned(),
            "shutdown signal should either be 'TERM' or 'INT' (or left unspecified), but got 'KILL'"
                .to_owned(),
        ),
        (
            format!("{{name: b, executable: /b, additional_volumes: [{{path: {v}/data/../x}}]}}"),
            "volume path must be canonical".to_owned(),
        ),
        (
            format!("{{name: b, executable: /b, additional_volumes: [{{path: {v}/data/web}}]}}"),
            "cannot conflict with default job data or store directories".to_owned(),
        ),
        ("7".to_owned(), "failed to parse job configuration: ".to_owned()),
        ("[".to_owned(), "failed to parse job configuration: ".to_owned()),
    ] {
        scene.job("web", &format!("processes: [{good}, {process}]"));
        for script in ["bpm start web", "bpm run web"] {
            let (code, said) = scene.fails(script);
            assert_eq!(code, 1, "{process}: {said}");
            assert!(said.contains(&text), "{process}: {said}");
        }
    }
    let (code, said) = scene.fails("bpm pid web");
    assert_eq!(code, 1, "{said}");
}
