//! Archives in and out.

use std::process::Command;

use serde_json::{Value, json};

use crate::client::Client;
use crate::world::World;

/// A tar of one file.
fn tar(name: &str, text: &str) -> Vec<u8> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join(name), text).unwrap();
    let output = Command::new("tar")
        .args(["-cf", "-", "-C"])
        .arg(directory.path())
        .arg(name)
        .output()
        .unwrap();
    assert!(output.status.success());
    output.stdout
}

/// Names in a tar.
fn names(tar: &[u8]) -> String {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("it.tar");
    std::fs::write(&path, tar).unwrap();
    let output = Command::new("tar").arg("-tf").arg(&path).output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

fn stream_in(
    client: &Client,
    handle: &str,
    user: &str,
    to: &str,
    tar: &[u8],
) -> Result<(), String> {
    let target = format!("/containers/{handle}/files?user={user}&destination={to}");
    let answer = client.send("PUT", &target, tar);
    if answer.head.status == 200 {
        assert_eq!(answer.json::<Value>(), json!({}));
        Ok(())
    } else {
        Err(answer.error().2)
    }
}

#[test]
fn files_go_in_as_the_user_and_come_out_again() {
    let world = World::new("files");
    let handle = world.container("files");
    let client = &world.client;
    let archive = tar("some-file", "content");
    stream_in(client, &handle, "alice", "/home/alice/made/here", &archive).unwrap();
    stream_in(client, &handle, "", "relative", &archive).unwrap();
    let seen = client.script(
        &handle,
        "stat -c %U /home/alice/made/here/some-file; cat /root/relative/some-file",
    );
    assert_eq!(seen.stdout, "alice\ncontent");
    let out = |source: &str| {
        let target = format!("/containers/{handle}/files?user=root&source={source}");
        let answer = client.send("GET", &target, b"");
        assert_eq!(answer.head.status, 200);
        assert_eq!(
            answer.head.header("content-type"),
            Some("application/x-tar")
        );
        assert!(answer.is_whole);
        names(&answer.body)
    };
    assert_eq!(out("/home/alice/made/here"), "here/\nhere/some-file\n");
    assert_eq!(out("/home/alice/made/here/"), "./\n./some-file\n");
    assert_eq!(out("/root/relative/some-file"), "some-file\n");
    world.close();
}

#[test]
fn what_cannot_be_unpacked_is_an_error() {
    let world = World::new("bad-files");
    let handle = world.container("bad-files");
    let client = &world.client;
    let archive = tar("some-file", &"content".repeat(10_000));
    let unknown = stream_in(client, &handle, "nobody-known", "/", &archive).unwrap_err();
    assert!(unknown.contains("error streaming in"), "{unknown}");
    let denied = stream_in(client, &handle, "alice", "/etc", &archive).unwrap_err();
    assert!(denied.contains("error streaming in"), "{denied}");
    assert!(denied.contains("Permission denied"), "{denied}");
    let truncated = stream_in(client, &handle, "root", "/tmp", &archive[..5000]).unwrap_err();
    assert!(truncated.contains("error streaming in"), "{truncated}");
    let target = format!("/containers/{handle}/files?user=root&source=/no/such");
    let missing = client.send("GET", &target, b"");
    assert_eq!(
        missing.head.status,
        500,
        "{}",
        String::from_utf8_lossy(&missing.body)
    );
    // Asking for it has not made it.
    assert_eq!(client.script(&handle, "test -e /no").status, 1);
    world.close();
}

#[test]
fn large_archives_pass_in_pieces() {
    let world = World::new("large-files");
    let handle = world.container("large-files");
    let text = "0123456789abcdef".repeat(1 << 20);
    stream_in(
        &world.client,
        &handle,
        "root",
        "/tmp/large",
        &tar("large", &text),
    )
    .unwrap();
    let seen = world.client.script(&handle, "wc -c </tmp/large/large");
    assert_eq!(seen.stdout.trim(), (16 << 20).to_string());
    let target = format!("/containers/{handle}/files?user=root&source=/tmp/large/large");
    let out = world.client.send("GET", &target, b"");
    assert!(out.is_whole && out.body.len() > 16 << 20);
    world.close();
}
