//! Archives in and out.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use warren_container_shim::{Depot, Error};

use crate::world::{Container, World, chain, is_running, shim_of};

/// A tar archive with one file of this content, made by tar.
fn archive(name: &str, content: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join(name), content).unwrap();
    let output = Command::new("tar")
        .args(["-C", folder.path().to_str().unwrap(), "-cf", "-", name])
        .output()
        .unwrap();
    assert!(output.status.success());
    output.stdout
}

/// The names in an archive, by tar.
fn names(archive: &[u8]) -> Vec<String> {
    let mut tar = Command::new("tar")
        .arg("-t")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    tar.stdin.take().unwrap().write_all(archive).unwrap();
    let output = tar.wait_with_output().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn put(depot: &Depot, user: &str, to: &str, bytes: &[u8]) -> Result<(), Error> {
    let mut stream = depot.stream_in("h", user, to)?;
    // A broken pipe is explained by the end.
    let _ = stream.write_all(bytes);
    stream.finish()
}

fn get(container: Container<'_>, user: &str, from: &str) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut stream = container.depot.stream_out("h", user, from).unwrap();
    stream.read_to_end(&mut bytes).map(|_| bytes)
}

#[test]
fn what_goes_in_is_there_and_comes_out() {
    for privileged in [false, true] {
        let world = World::new();
        let container = world.start("h", &world.spec("h", privileged));
        let content: Vec<u8> = (0..3_000_000_u32).map(|i| (i / 5) as u8).collect();
        let bytes = archive("file", &content);
        put(&world.depot, "", "/var/new/deep", &bytes).unwrap();
        assert_eq!(
            container.says("stat -c %u:%s /var/new/deep/file"),
            "0:3000000"
        );
        put(&world.depot, "alice", "relative", &bytes).unwrap();
        let script = "stat -c %U:%a /home/alice/relative /home/alice/relative/file";
        assert_eq!(container.says(script), "alice:755\nalice:644");
        let out = get(container, "", "/var/new/deep").unwrap();
        assert_eq!(names(&out), ["deep/", "deep/file"]);
        assert_eq!(
            names(&get(container, "", "/var/new/deep/").unwrap()),
            ["./", "./file"]
        );
        assert_eq!(
            names(&get(container, "alice", "relative/file").unwrap()),
            ["file"]
        );
        let mut tar = Command::new("tar")
            .args(["-xO", "deep/file"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut input = tar.stdin.take().unwrap();
        let writer = std::thread::spawn(move || input.write_all(&out).unwrap());
        assert!(tar.wait_with_output().unwrap().stdout == content);
        writer.join().unwrap();
    }
}

#[test]
fn what_goes_wrong_is_said() {
    let world = World::new();
    let container = world.container("h");
    let bytes = archive("file", &vec![7; 2_000_000]);
    let error = put(&world.depot, "ghost", "/tmp", &bytes).unwrap_err();
    assert!(matches!(error, Error::UnknownUser { .. }), "{error:?}");
    let error = put(&world.depot, "", "/tmp", &bytes[..1_000_000]).unwrap_err();
    assert!(matches!(error, Error::Stream { .. }), "{error:?}");
    assert!(error.to_string().contains("archive"), "{error}");
    let error = put(&world.depot, "alice", "/root", &bytes).unwrap_err();
    assert!(matches!(error, Error::Stream { .. }), "{error:?}");
    assert!(chain(&error).contains("ermission denied"), "{error}");
    let error = put(&world.depot, "", "/etc/passwd/x", &bytes).unwrap_err();
    assert!(matches!(error, Error::Stream { .. }), "{error:?}");
    let error = get(container, "", "/no/such/thing").unwrap_err();
    assert!(error.to_string().contains("/no/such/thing"), "{error}");
    assert!(
        !std::path::Path::new(&format!(
            "{}",
            world.folder.path().join("rootfs/no").display()
        ))
        .exists()
    );
    container.says("mkdir /secret && chmod 700 /secret && echo x > /secret/file");
    let error = get(container, "alice", "/secret").unwrap_err();
    assert!(error.to_string().contains("ermission denied"), "{error}");
    assert_eq!(container.says("echo fine"), "fine");
}

#[test]
fn an_upload_is_there_for_the_very_next_process() {
    let world = World::new();
    let container = world.container("h");
    for i in 0..30 {
        let bytes = archive("settings.json", format!("{i}").as_bytes());
        put(&world.depot, "root", "/var/vcap/bosh/", &bytes).unwrap();
        assert_eq!(
            container.says("cat /var/vcap/bosh/settings.json"),
            i.to_string()
        );
    }
}

#[test]
fn who_hangs_up_leaves_no_archiver() {
    let world = World::new();
    let container = world.container("h");
    container.says("head -c 30000000 /dev/zero > /big");
    let mut stream = world.depot.stream_out("h", "", "/big").unwrap();
    stream.read_exact(&mut [0; 1000]).unwrap();
    drop(stream);
    let mut stream = world.depot.stream_in("h", "", "/tmp").unwrap();
    stream
        .write_all(&archive("a", &vec![1; 100_000])[..50_000])
        .unwrap();
    drop(stream);
    let shim = shim_of(&world.depot, "h");
    let children = format!("/proc/{shim}/task/{shim}/children");
    crate::world::eventually("only init is left", || {
        let children = std::fs::read_to_string(&children).unwrap();
        children.split_whitespace().count() == 1
    });
    assert!(is_running(shim));
}

#[test]
fn an_archive_on_its_way_holds_nobody_up() {
    let world = World::new();
    let container = world.container("h");
    let mut stream = world.depot.stream_in("h", "", "/tmp").unwrap();
    let bytes = archive("file", b"late");
    stream.write_all(&bytes[..600]).unwrap();
    // Its child has copies of whatever the shim had open: none may keep a pipe or a session open.
    let session = container.shell("cat; exit 3");
    let mut other = world.depot.stream_in("h", "", "/tmp").unwrap();
    other.write_all(&bytes[..600]).unwrap();
    session
        .send(&warren_container_shim::frame::Frame::StdinEnd)
        .unwrap();
    assert_eq!(session.wait().unwrap().exit.code(), 3);
    stream.write_all(&bytes[600..]).unwrap();
    stream.finish().unwrap();
    other.write_all(&bytes[600..]).unwrap();
    other.finish().unwrap();
    assert_eq!(container.says("cat /tmp/file"), "late");
}
