//! What a process inherits: three valid streams and nothing else, however bpm was started.

use std::path::PathBuf;

use crate::scene::{FOREVER, Scene};

/// The descriptors of a process and what they lead to.
fn descriptors(pid: &str) -> Vec<(String, PathBuf)> {
    let directory = format!("/proc/{pid}/fd");
    let mut found: Vec<(String, PathBuf)> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| {
            let name = entry.file_name().into_string().unwrap();
            (name, std::fs::read_link(entry.path()).unwrap())
        })
        .collect();
    found.sort();
    found
}

#[test]
fn three_streams_and_no_other_descriptor() {
    let program =
        format!("cat <&0 | wc -c; echo err >&2 && echo err is open; echo ready; {FOREVER}");
    for (name, how) in [
        ("usual", ""),
        ("inherited", "5</etc/passwd 9>/dev/null 63</"),
        ("no-input", "<&-"),
        ("no-streams", "<&- >&- 2>&-"),
        ("no-output-but-others", ">&- 2>&- 7</etc/passwd"),
    ] {
        for isolation in ["container", "direct"] {
            let scene = Scene::new(name);
            scene.shell_job("web", &program, "");
            // bash, for descriptors above 9.
            let start = format!("bash -c 'bpm start web --isolation {isolation} {how}'");
            let output = scene.sh(&start);
            assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{name}");
            let said = scene.said("web", "ready");
            assert_eq!(said, "0\nerr is open\nready\n", "{name} {isolation}");
            let log = |stream: &str| scene.v(&format!("sys/log/web/web.{stream}.log"));
            let expected = [
                ("0".to_owned(), PathBuf::from("/dev/null")),
                ("1".to_owned(), log("stdout")),
                ("2".to_owned(), log("stderr")),
            ];
            let init = scene.pid("web").to_string();
            let program = scene.says(&format!("cat /proc/{init}/task/{init}/children"));
            for pid in [&init, program.trim()] {
                assert_eq!(descriptors(pid), expected, "{name} {isolation}");
            }
            scene.says("bpm stop web");
            scene.assert_clean();
        }
    }
}
