//! The place for images of a server inside a container, on a machine whose mounts are shared, as with
//! systemd.

use std::path::PathBuf;

use warren_tests_conformance::garden::Server;
use warren_tests_harness::Output;

/// Does something in the mounts of the server.
fn beside(server: &Server, script: &str) -> Output {
    let argv = ["nsenter", "-t", server.pid(), "-m", "sh", "-c", script];
    server.actor().run(&argv)
}

/// A server whose store is on a shared mount; the directories of its containers' inner stores.
fn shared() -> (Server, PathBuf) {
    let server = Server::new();
    let store = server.directory().join("store");
    let at = store.display();
    beside(
        &server,
        &format!("mount --bind {at} {at} && mount --make-shared {at}"),
    )
    .success();
    let nested = store.join("nested");
    (server, nested)
}

/// Before the server goes: the mount is the test's. Files of the last container may still be on their way out.
fn no_longer_shared(server: &Server) {
    let at = server.directory().join("store");
    let trash = at.join("trash");
    let script = format!(
        "for try in $(seq 600); do [ -z \"$(ls {})\" ] && umount {} && exit; sleep 0.05; done; exit 1",
        trash.display(),
        at.display()
    );
    beside(server, &script).success();
}

#[test]
fn what_is_mounted_inside_stays_inside() {
    let (server, _) = shared();
    let mut spec = server.spec("inner");
    spec.privileged = true;
    let container = server.create(&spec);
    container.says("mkdir /var/lib/warren/m && mount -t tmpfs inner-tmpfs /var/lib/warren/m");
    container.says("grep -q inner-tmpfs /proc/self/mountinfo");
    let seen = beside(&server, "cat /proc/self/mountinfo").success().stdout;
    assert!(!seen.contains("inner-tmpfs"), "{seen}");
    drop(container);
    no_longer_shared(&server);
}

#[test]
fn what_is_mounted_from_outside_is_never_emptied() {
    let (server, nested) = shared();
    let data = server.directory().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::write(data.join("precious"), "x").unwrap();
    let mut spec = server.spec("inner");
    spec.privileged = true;
    let container = server.create(&spec);
    let at = nested.join("inner/data");
    let mount = format!(
        "mkdir {at} && mount --bind {data} {at}",
        at = at.display(),
        data = data.display()
    );
    beside(&server, &mount).success();
    let refused = server.client().destroy("inner").unwrap_err();
    let refused = format!("{refused:?}");
    assert!(refused.contains("something is mounted below"), "{refused}");
    assert_eq!(std::fs::read(data.join("precious")).unwrap(), b"x");
    beside(&server, &format!("umount {}", at.display())).success();
    server.client().destroy("inner").unwrap();
    assert!(!nested.join("inner").exists());
    drop(container);
    no_longer_shared(&server);
}
