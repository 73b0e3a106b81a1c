//! What such a process sees and may do.

use std::fs;
use std::io::Cursor;
use std::process::Command;
use std::time::Duration;

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Ran, Server, Sink, shell};
use warren_tests_conformance::said;
use warren_wire_garden::container::{BindMount, BindMountMode};
use warren_wire_garden::process::{ProcessSpec, Signal, TtySpec};

use super::{image, pea, says, wait_until_nothing_is_left, with_image};

#[test]
fn all_namespaces_but_that_of_mounts_are_the_containers() {
    let server = Server::new();
    for privileged in [false, true] {
        let mut spec = server.spec("");
        spec.privileged = privileged;
        let container = server.create(&spec);
        for (kind, is_same) in [
            ("mnt", false),
            ("net", true),
            ("ipc", true),
            ("pid", true),
            ("user", true),
            ("uts", true),
        ] {
            let script = format!("readlink /proc/self/ns/{kind}");
            let (own, its) = (
                container.says(&script),
                says(&container, &pea(&server, &script)),
            );
            assert_eq!(own == its, is_same, "{kind} {own} {its}");
        }
        assert_eq!(
            says(&container, &pea(&server, "hostname")),
            container.says("hostname")
        );
    }
}

#[test]
fn its_root_is_its_own_and_goes_with_it() {
    let server = Server::new();
    let container = server.container();
    let script = "cat /its-own; echo 1 >/written; cat /written; ls /tmp/garden-init";
    let ran = container.run(&pea(&server, script));
    assert_eq!(ran.stdout, "yes\n1\n");
    assert_ne!(container.sh("cat /its-own").status, 0);
    assert_ne!(container.sh("cat /written").status, 0);
    // Each has a fresh one.
    assert_ne!(container.run(&pea(&server, "cat /written")).status, 0);
    let mut spec = server.spec("");
    spec.privileged = true;
    let privileged = server.create(&spec);
    assert_eq!(
        says(
            &privileged,
            &pea(&server, "cat /its-own; stat -c %u /its-own")
        ),
        "yes\n0"
    );
    wait_until_nothing_is_left(&server);
}

#[test]
fn users_are_those_of_its_own_image() {
    let server = Server::new();
    let container = server.container();
    let id = |user: &str| {
        let process = pea(&server, "id -u; id -g");
        container.run(&ProcessSpec {
            user: user.to_owned(),
            ..process
        })
    };
    assert_eq!(id("").stdout, "0\n0\n");
    assert_eq!(id("1001:50").stdout, "1001\n50\n");
    assert_eq!(id("peter").stdout, "1234\n50\n");
    let unknown = ProcessSpec {
        user: "nobody-here".to_owned(),
        ..pea(&server, "true")
    };
    let refused = container.start(&unknown, Streams::default());
    let error = refused.map_err(said).unwrap_err();
    let text = "unable to find user nobody-here: no matching entries in passwd file";
    assert!(error.contains(text), "{error}");

    let bare = server.directory().join("bare-image");
    let copied = Command::new("cp")
        .arg("-a")
        .arg(image(&server))
        .arg(&bare)
        .status();
    assert!(copied.unwrap().success());
    fs::remove_file(bare.join("etc/passwd")).unwrap();
    let root = ProcessSpec {
        user: "root".to_owned(),
        ..with_image(&bare, "id -u")
    };
    assert_eq!(says(&container, &root), "0");
    wait_until_nothing_is_left(&server);
}

#[test]
fn it_has_streams_an_exit_code_and_signals() {
    let server = Server::new();
    let container = server.container();
    let ran = container.run(&pea(&server, "echo out; echo err >&2; exit 42"));
    let expected = Ran {
        status: 42,
        stdout: "out\n".to_owned(),
        stderr: "err\n".to_owned(),
    };
    assert_eq!(ran, expected);
    let output = Sink::default();
    let streams = Streams {
        stdin: Some(Box::new(Cursor::new(b"through".to_vec()))),
        stdout: Some(Box::new(output.clone())),
        stderr: None,
    };
    let process = container.start(&pea(&server, "cat"), streams).unwrap();
    assert_eq!(process.wait().unwrap(), 0);
    assert_eq!(output.text(), "through");
    let script = "trap 'exit 42' TERM; echo ready; while true; do sleep 0.01; done";
    let (process, output, _) = container.capture(&pea(&server, script)).unwrap();
    while output.text().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    process.handle().signal(Signal::TERMINATE).unwrap();
    assert_eq!(process.wait().unwrap(), 42);
}

#[test]
fn a_terminal_has_a_name_and_a_size_in_it() {
    let server = Server::new();
    let container = server.container();
    let process = ProcessSpec {
        tty: Some(TtySpec::default()),
        ..pea(&server, "stty size; ls $(tty) && echo hello >$(tty)")
    };
    let ran = container.run(&process);
    assert_eq!(ran.stdout, "24 80\r\n/dev/pts/0\r\nhello\r\n", "{ran:?}");
}

#[test]
fn it_shares_the_containers_hosts_and_resolv_conf() {
    let server = Server::new();
    let container = server.container();
    for file in ["/etc/hosts", "/etc/resolv.conf"] {
        container.says(&format!("echo '# container' >>{file}"));
        let seen = says(
            &container,
            &pea(&server, &format!("echo '# pea' >>{file}; cat {file}")),
        );
        assert!(seen.contains("# container"), "{seen}");
        assert!(container.says(&format!("cat {file}")).ends_with("# pea"));
    }
}

#[test]
fn it_begins_in_the_root_directory_and_has_the_environment_of_its_image() {
    let server = Server::new();
    let mut spec = server.spec("");
    spec.env = vec!["OF=container".to_owned()];
    let container = server.create(&spec);
    assert_eq!(says(&container, &pea(&server, "pwd; echo $OF")), "/");
    let process = ProcessSpec {
        dir: "/new/one".to_owned(),
        env: vec!["OF=process".to_owned()],
        ..pea(&server, "pwd; echo $OF")
    };
    assert_eq!(says(&container, &process), "/new/one\nprocess");
}

#[test]
fn it_sees_its_own_binds_and_not_the_containers() {
    let server = Server::new();
    let data = server.directory().join("data");
    fs::create_dir(&data).unwrap();
    fs::set_permissions(&data, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    fs::write(data.join("file"), "content").unwrap();
    let bind = |destination: &str, mode| BindMount {
        src_path: data.display().to_string(),
        dst_path: destination.to_owned(),
        mode,
        ..BindMount::default()
    };
    let mut spec = server.spec("");
    spec.bind_mounts = vec![bind("/of-container", BindMountMode::READ_WRITE)];
    let container = server.create(&spec);
    let process = ProcessSpec {
        bind_mounts: vec![
            bind("/ro", BindMountMode::READ_ONLY),
            bind("/rw", BindMountMode::READ_WRITE),
        ],
        ..pea(
            &server,
            "cat /ro/file; ls /of-container 2>/dev/null; touch /ro/x 2>/dev/null; touch /rw/y && ls /ro",
        )
    };
    assert_eq!(says(&container, &process), "contentfile\ny");
    assert!(data.join("y").exists());
}

#[test]
fn it_may_do_what_the_container_may() {
    let server = Server::new();
    let container = server.container();
    let filtered = |process: &ProcessSpec| {
        let status = says(&container, process);
        let wanted = |line: &&str| line.starts_with("Cap") || line.starts_with("Seccomp:");
        status
            .lines()
            .filter(wanted)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let of_container = filtered(&shell("root", "cat /proc/self/status"));
    let of_pea = filtered(&pea(&server, "cat /proc/self/status"));
    assert_eq!(of_container, of_pea);
    assert!(
        of_pea.iter().any(|line| line == "Seccomp:\t2"),
        "{of_pea:?}"
    );
    assert_ne!(container.run(&pea(&server, "unshare -U true")).status, 0);
    let masked = "stat -c %t:%T /proc/kcore; grep -c . /proc/scsi/scsi 2>/dev/null; true";
    assert_eq!(
        says(&container, &pea(&server, masked)),
        container.says(masked)
    );
    // Nothing of the host is left in sight.
    let mounts = says(&container, &pea(&server, "cat /proc/self/mounts"));
    let store = server.directory().display().to_string();
    let strange = mounts.lines().filter(|line| {
        let at = line.split(' ').nth(1).unwrap_or_default();
        !["/proc", "/sys", "/dev", "/etc"]
            .iter()
            .any(|known| at.starts_with(known))
            && at != "/"
    });
    assert_eq!(strange.collect::<Vec<_>>(), Vec::<&str>::new(), "{store}");
    let fds = says(&container, &pea(&server, "ls /proc/self/fd | wc -l"));
    assert_eq!(fds, "4");
}
