//! What cannot be, and what is said then.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use warren_tests_harness::{RootfsTar, programs};

use crate::scene::{Scene, another_claims, command};

#[test]
fn a_depth_that_cannot_be() {
    let scene = Scene::new();
    for depth in ["0", "17"] {
        let said = scene.refused(&["up", "--depth", depth]);
        assert!(said.contains("a depth is from 1 to"), "{said}");
    }
    assert!(!scene.home().join("environment.json").exists());
    // Another one is being made in the same moment: of its network nothing can be seen yet.
    let nowhere = scene.at("nowhere");
    let nowhere = nowhere.to_str().unwrap();
    let another = another_claims(&scene, &["10_244"]);
    let said = scene.refused(&["up", "--machines", "10.244", "--directory", nowhere]);
    assert!(said.contains("being started just now: wait"), "{said}");
    let said = scene.refused(&["up", "--depth", "2", "--directory", nowhere]);
    assert!(said.contains(nowhere), "{said}");
    drop(another);
    let record = fs::read_to_string(scene.home().join("environment.json")).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    assert_eq!(record["machines"], serde_json::json!([10, 245]));
    // What was made once keeps what cannot be changed.
    let said = scene.refused(&["up", "--depth", "3", "--directory", nowhere]);
    assert!(
        said.contains("depth 2, not 3") && said.contains("warren down"),
        "{said}"
    );
    for (flag, other, told) in [
        ("--database", "postgres", "database Sqlite, not Postgres"),
        ("--name", "other", "name warren, not other"),
    ] {
        let said = scene.refused(&["up", flag, other, "--directory", nowhere]);
        assert!(said.contains(told), "{said}");
    }
    // It was broken off before it had an executable to start anything with.
    fs::remove_dir_all(scene.home().join("bin")).unwrap();
    // What runs is not left without its files.
    let container = scene.home().join("garden/depot/level1");
    fs::create_dir_all(&container).unwrap();
    let said = scene.refused(&["down"]);
    assert!(said.contains("warren up puts it back"), "{said}");
    fs::remove_dir(container).unwrap();
    let said = scene.warren(&["down"]);
    assert!(said.contains("not there"), "{said}");
    assert!(!scene.home().join("environment.json").exists());
}

/// What the home is mounted with is left alone, unless it is our own.
#[test]
fn a_home_that_is_a_volume() {
    let scene = Scene::new();
    let (home, around) = (scene.home(), scene.at(""));
    let (home, around) = (home.display(), around.display());
    let nowhere = scene.at("nowhere");
    let up = ["up", "--directory", nowhere.to_str().unwrap()];
    let is_mounted = || scene.try_shell(&format!("mountpoint -q {home}")).code == 0;
    scene.shell(&format!(
        "mkdir {home} && mount -t tmpfs none {home} && mount --make-private {home}"
    ));
    scene.refused(&up);
    scene.warren(&["down"]);
    assert!(is_mounted());
    scene.shell(&format!("test -e {home}/lock"));
    scene.warren(&["down", "--all"]);
    assert!(is_mounted());
    let left = scene.shell(&format!("ls -A {home}"));
    assert_eq!(left, "");
    scene.shell(&format!("umount {home} && rmdir {home}"));

    // Around it is what has peers, so it is bound onto itself while a server runs.
    scene.shell(&format!(
        "mount --bind {around} {around} && mount --make-shared {around}"
    ));
    scene.refused(&up);
    // Its server has nowhere to write to, which is seen once the home is bound.
    scene.shell(&format!("mkdir {home}/garden.log"));
    scene.refused(&["down"]);
    assert!(is_mounted());
    scene.shell(&format!("rmdir {home}/garden.log"));
    scene.warren(&["down"]);
    assert!(!is_mounted());
    scene.warren(&["down", "--all"]);
    scene.shell(&format!("umount {around}"));
}

#[test]
fn a_home_that_cannot_be_written_or_is_being_changed() {
    let scene = Scene::new();
    let home = scene.home();
    let home = home.display();
    scene.shell(&format!("mkdir {home} && mount -t tmpfs -o ro none {home}"));
    let said = scene.refused(&["up"]);
    assert!(
        said.contains("Read-only file system") && said.contains(&home.to_string()),
        "{said}"
    );
    scene.shell(&format!("umount {home}"));
    // Not a directory at all.
    let file = scene.file("file", "");
    let said = scene.refused(&["up", "--home", file.to_str().unwrap()]);
    assert!(
        said.contains("Not a directory") || said.contains("File exists"),
        "{said}"
    );

    let locked = format!("flock {home}/lock sleep 1000 </dev/null >/dev/null 2>&1 & echo $!");
    let holder = scene.shell(&locked);
    scene.until("the lock is taken", || {
        let taken = scene.try_shell(&format!("flock -n {home}/lock true"));
        taken.code != 0
    });
    for verb in ["up", "down"] {
        let said = scene.refused(&[verb]);
        assert!(said.contains("another command changes"), "{said}");
    }
    scene.shell(&format!("pkill -P {holder}", holder = holder.trim()));
    fs::remove_dir_all(scene.home()).unwrap();
}

#[test]
fn a_program_that_is_missing() {
    let scene = Scene::new();
    let up = command(&["up"]);
    let done = scene.try_shell(&format!("PATH=/nowhere {up}"));
    assert!(done.code != 0);
    assert!(done.stderr.contains("mmdebstrap"), "{}", done.stderr);

    // A system without bus and Ruby.
    let rootfs = RootfsTar::new();
    let root = rootfs.root();
    let refused = || {
        let executable = programs::small_warren().to_str().unwrap();
        let directory = root.to_str().unwrap();
        scene.refused(&["up", "--directory", directory, "--executable", executable])
    };
    fs::write(root.join("etc/os-release"), "ID=tiny\nVERSION_ID=1\n").unwrap();
    let said = refused();
    assert!(said.contains("install nats-server"), "{said}");
    program(
        &root.join("usr/sbin/nats-server"),
        "#!/bin/sh\necho no bus today\nexit 1\n",
    );
    let said = refused();
    assert!(said.contains("install ruby"), "{said}");
    // They are there, but one of them does not run: which, and what it says.
    program(&root.join("usr/bin/ruby"), "#!/bin/sh\nexec sleep 1000\n");
    let said = refused();
    assert!(said.contains("do not run: nats\n"), "{said}");
    assert!(
        said.contains("sys/log/nats/nats.log:\nno bus today"),
        "{said}"
    );
    // It can be removed all the same.
    scene.warren(&["down", "--all"]);
    assert!(!scene.home().exists());
}

fn program(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}
