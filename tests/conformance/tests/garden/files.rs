//! Streaming archives in and out.

use std::io::{Cursor, Read};
use std::process::Command;

use warren_tests_conformance::garden::{Container, Server};
use warren_tests_conformance::said;
use warren_wire_garden::container::{BindMount, BindMountMode};

/// A tar of a directory with these files.
fn tar(files: &[(&str, &str)]) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = directory.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let out = Command::new("tar")
        .args(["--numeric-owner", "-cf", "-", "-C"])
        .arg(directory.path())
        .arg(".")
        .output()
        .unwrap();
    assert!(out.status.success());
    out.stdout
}

fn stream_in(
    container: &Container,
    user: &str,
    destination: &str,
    tar: Vec<u8>,
) -> Result<(), String> {
    let client = container.client();
    let done = client.stream_in(container.handle(), user, destination, &mut Cursor::new(tar));
    done.map_err(said)
}

/// Names in the archive that comes out.
fn stream_out(container: &Container, user: &str, source: &str) -> Vec<String> {
    let mut body = container
        .client()
        .stream_out(container.handle(), user, source)
        .unwrap();
    let mut bytes = Vec::new();
    body.read_to_end(&mut bytes).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("out.tar");
    std::fs::write(&file, bytes).unwrap();
    let out = Command::new("tar").arg("-tf").arg(&file).output().unwrap();
    assert!(
        out.status.success(),
        "{}",
        String::from_utf8_lossy(&out.stderr)
    );
    let text = String::from_utf8(out.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn files_come_in_as_the_user() {
    let server = Server::new();
    for privileged in [false, true] {
        let mut spec = server.spec("");
        spec.privileged = privileged;
        let container = server.create(&spec);
        let archive = tar(&[("some/file", "hello"), ("top", "x")]);
        stream_in(&container, "alice", "/home/alice", archive.clone()).unwrap();
        let seen = container.says("cat /home/alice/some/file; stat -c ' %U:%G' /home/alice/top");
        assert_eq!(seen, "hello alice:alice");
        // Root if nobody is named; relative to the home; made with its parents.
        stream_in(&container, "", "new/place", archive.clone()).unwrap();
        let seen = container.says("stat -c '%U %a' /root/new/place; cat /root/new/place/top");
        assert_eq!(seen, "root 755\nx");
        stream_in(&container, "", "/", archive.clone()).unwrap();
        assert_eq!(container.says("cat /top"), "x");
        let error = stream_in(&container, "nobody-here", "/tmp", archive.clone()).unwrap_err();
        assert!(error.contains("error streaming in"), "{error}");
        let error = stream_in(&container, "alice", "/root", archive.clone()).unwrap_err();
        assert!(error.contains("ermission denied"), "{error}");
        let mut broken = archive;
        broken.truncate(700);
        let error = stream_in(&container, "alice", "/tmp", broken).unwrap_err();
        assert!(error.contains("error streaming in"), "{error}");
        // What was there is there, and nothing beside it.
        let mut large = tar(&[("some/file", &"large".repeat(1000))]);
        large.truncate(2000);
        let error = stream_in(&container, "alice", "/home/alice", large).unwrap_err();
        assert!(error.contains("error streaming in"), "{error}");
        let seen = container.says("cat /home/alice/some/file; ls -A /home/alice/some");
        assert_eq!(seen, "hellofile");
    }
}

#[test]
fn what_was_streamed_in_is_seen_by_the_next_process() {
    let server = Server::new();
    let containers = [server.container(), server.container()];
    let rounds = 250;
    std::thread::scope(|scope| {
        for client in 0..8 {
            let container = &containers[client % 2];
            scope.spawn(move || {
                for round in 0..rounds {
                    let text = format!("client {client} round {round}\n");
                    let name = format!("settings-{client}.json");
                    stream_in(container, "root", "/var/vcap/", tar(&[(&name, &text)])).unwrap();
                    let seen = container.sh(&format!("cat /var/vcap/{name}"));
                    assert_eq!(seen.stdout, text);
                }
            });
        }
    });
}

#[test]
fn files_come_out_under_the_right_names() {
    let server = Server::new();
    let container = server.container();
    container.says("mkdir -p /a/b && echo x >/a/b/file && chmod 700 /a/b && chown -R 1001 /a/b");
    assert_eq!(stream_out(&container, "alice", "/a/b"), ["b/", "b/file"]);
    assert_eq!(stream_out(&container, "root", "/a/b/"), ["./", "./file"]);
    assert_eq!(stream_out(&container, "", "/a/b/file"), ["file"]);
}

#[test]
fn what_cannot_come_out_is_an_error() {
    let server = Server::new();
    let container = server.container();
    for (user, source) in [
        ("root", "/no/such"),
        ("vcap", "/root"),
        ("nobody-here", "/tmp"),
    ] {
        let body = container
            .client()
            .stream_out(container.handle(), user, source);
        let failed = match body {
            Err(_) => true,
            Ok(mut body) => body.read_to_end(&mut Vec::new()).is_err(),
        };
        assert!(failed, "{user} {source}");
    }
    // Asking for something is not making it.
    assert_ne!(container.sh("[ -e /no ]").status, 0);
}

#[test]
fn what_was_streamed_into_a_disk_is_on_it() {
    let server = Server::new();
    let at = |name: &str| server.directory().join(name).display().to_string();
    let (image, mounted) = (at("disk.img"), at("disk"));
    std::fs::create_dir(&mounted).unwrap();
    let on_machine = |words: &[&str]| server.actor().run(words).success();
    on_machine(&["truncate", "-s", "64M", &image]);
    on_machine(&["mkfs.ext4", "-q", "-F", &image]);
    on_machine(&["mount", "-o", "loop", &image, &mounted]);
    on_machine(&["chmod", "0777", &mounted]);
    let mut spec = server.spec("");
    spec.bind_mounts = vec![BindMount {
        src_path: mounted.clone(),
        dst_path: "/disk".to_owned(),
        mode: BindMountMode::READ_WRITE,
        ..BindMount::default()
    }];
    let container = server.create(&spec);
    // Long before the kernel would write it by itself.
    let text = "what has to be there when the lights go out\n".repeat(20_000);
    stream_in(&container, "root", "/disk", tar(&[("file", &text)])).unwrap();
    let raw = std::fs::read(&image).unwrap();
    let line = text.lines().next().unwrap().as_bytes();
    let seen = raw.windows(line.len()).filter(|part| *part == line).count();
    // Blocks of a file need not be one after the other.
    assert!(seen >= 19_000, "{seen} of 20000 lines");
    drop(container);
    on_machine(&["umount", &mounted]);
}
