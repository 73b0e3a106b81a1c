//! The C library of this machine finds names by way of a resolv.conf that is a mount point, as
//! containers have it.

use std::process::Command;

use warren_tests_harness::programs;

use crate::recursor::{Recursor, address};
use crate::world::World;

/// Runs a program with the world's file bound over `/etc/resolv.conf`.
fn bound(world: &World, words: &[&str]) -> String {
    let bind = format!(
        "mount --bind {} /etc/resolv.conf && exec \"$@\"",
        world.at("resolv.conf").display()
    );
    let argv = [&["unshare", "-m", "sh", "-c", &bind, "sh"], words].concat();
    world.net.run(&argv).stdout
}

#[test]
fn names_are_found_by_getent() {
    let mut world = World::new();
    world.write("resolv.conf", "nameserver 127.0.0.11\noptions timeout:5\n");
    let _recursor = Recursor::start(&world.net, "127.0.0.11", |query, _| match query {
        query if query.ends_with(&[0, 1, 0, 1]) => vec![address(query, 1, 60)],
        query => vec![crate::recursor::code(query, 0)],
    });
    let before = std::fs::metadata(world.at("resolv.conf")).unwrap();
    let mut command = Command::new("unshare");
    let bind = format!(
        "mount --bind {} /etc/resolv.conf && exec \"$@\"",
        world.at("resolv.conf").display()
    );
    command
        .args(["-m", "sh", "-c", &bind, "sh"])
        .arg(programs::warren())
        .args(world.arguments("/etc/resolv.conf"));
    world.launch_this(command);
    world.until("it is used", || {
        world.read("resolv.conf")
            == "nameserver 169.254.0.2\nnameserver 127.0.0.11\noptions timeout:5\n"
    });
    // The same file: a mount point cannot be replaced.
    use std::os::unix::fs::MetadataExt;
    assert_eq!(
        before.ino(),
        std::fs::metadata(world.at("resolv.conf")).unwrap().ino()
    );
    let found = bound(&world, &["getent", "ahostsv4", "q-s0.web.default.dep.bosh"]);
    assert!(
        found.contains("10.0.0.1 ") && found.contains("10.0.0.2 "),
        "{found}"
    );
    let found = bound(&world, &["getent", "hosts", "uuid-a.web.default.dep.bosh"]);
    assert!(found.starts_with("10.0.0.1 "), "{found}");
    let found = bound(&world, &["getent", "hosts", "10.0.0.2"]);
    assert!(found.contains("uuid-b.web.default.dep.bosh"), "{found}");
    let found = bound(&world, &["getent", "ahostsv4", "www.example.com"]);
    assert!(found.starts_with("192.0.2.1 "), "{found}");
    assert_eq!(
        bound(&world, &["getent", "hosts", "nobody.web.default.dep.bosh"]),
        ""
    );
    // While it is down the others are asked, also for names that it had.
    world.kill();
    let found = bound(&world, &["getent", "ahostsv4", "www.example.org"]);
    assert!(found.starts_with("192.0.2.1 "), "{found}");
}
