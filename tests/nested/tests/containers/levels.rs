//! Container servers in containers, level by level.

use warren_tests_conformance::garden::Server;
use warren_tests_harness::{Actor, ActorBuilder, Leaks};

use crate::checks;
use crate::registry::{CERTIFICATES, IMAGE, REGISTRY, Registry};
use crate::tower::{LOCAL_IMAGE, Tower};

/// Someone outside who answers.
struct Outside {
    actor: Actor,
    pid: String,
}

impl Outside {
    #[track_caller]
    fn beside(server: &Server) -> Self {
        let actor = ActorBuilder::new().join_net(server.neighbour()).spawn();
        let listen = "busybox nc -ll -p 7000 -e /bin/echo neighbour >/dev/null 2>&1 & echo $!";
        let started = actor.run(&["sh", "-c", listen]).success();
        Self {
            actor,
            pid: started.stdout.trim().to_owned(),
        }
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        self.actor.run(&["kill", "-KILL", &self.pid]);
    }
}

#[test]
fn four_levels_that_pull_from_a_registry() {
    let leaks = Leaks::snapshot();
    let server = Server::builder()
        .arguments(&["--insecure-docker-registry", REGISTRY])
        .start();
    let registry = Registry::start(&server);
    let outside = Outside::beside(&server);
    let mut tower = Tower::on(server);
    let certificate = tower.files().join("ca.pem");
    std::fs::copy(registry.certificate(), certificate).unwrap();
    for level in 1..=4 {
        let files = tower.seen_files();
        let image = format!("--rootfs {IMAGE}");
        let trust = format!("-m {files}/ca.pem:{CERTIFICATES}:ro");
        tower.nest(&format!(
            "{image} {trust} --limit-memory 536870912 --limit-pids 512"
        ));
        checks::everything(&tower, &image);
        if level < 4 {
            tower.serve();
            // As a program that sizes itself by the limit of where it runs.
            let capacity = tower.says(level, "warren container capacity");
            assert!(capacity.contains(" 536870912 bytes"), "{capacity}");
        }
    }
    let pools: Vec<String> = (1..4)
        .map(|level| tower.says(level, "cat /var/run/gdn/depot-state/pool"))
        .collect();
    assert_eq!(pools, ["10.254.4.0/22", "10.254.8.0/22", "10.254.12.0/22"]);
    up(&mut tower);
    drop((outside, registry));
    drop(tower);
    leaks.assert_same();
}

/// Goes down so many levels of local images, asks everything at the last, and comes up again.
#[track_caller]
fn down_and_up(levels: usize, flags: &str) {
    let leaks = Leaks::snapshot();
    let server = Server::new();
    let outside = Outside::beside(&server);
    let mut tower = Tower::on(server);
    for level in 1..=levels {
        let image = format!("--rootfs {}/rootfs.tar", tower.seen_files());
        tower.nest(&format!("{image} {flags} --limit-pids 512"));
        match level < levels {
            true => tower.serve(),
            false => checks::everything(&tower, &image),
        }
    }
    up(&mut tower);
    drop(outside);
    drop(tower);
    leaks.assert_same();
}

/// Destroys from the innermost on; each server leaves nothing.
#[track_caller]
fn up(tower: &mut Tower) {
    while tower.depth() > 0 {
        tower.destroy();
        if tower.depth() > 0 {
            tower.leave();
        }
    }
}

/// As the stock CPI makes its containers: every level sees the machine's own groups.
#[test]
fn two_levels_with_the_machines_groups_bound_in() {
    down_and_up(2, "-m /sys/fs/cgroup:/sys/fs/cgroup");
}

#[test]
fn two_levels_where_not_everything_may_be_reached() {
    let leaks = Leaks::snapshot();
    let mut server = Server::builder()
        .arguments(&["--network-ipv6", "fd00:77:1::/96"])
        .start();
    // At its start it looks for its own address.
    server.end("-TERM");
    server.net().address("up0", "2001:db8::1/64");
    server.neighbour().address("down0", "2001:db8::2/64");
    let route = ["-6", "route", "add", "default", "via", "2001:db8::2"];
    server.net().ip(&route);
    server.start();
    let outside = Outside::beside(&server);
    let mut tower = Tower::on(server);
    let image = format!("--rootfs {}/rootfs.tar", tower.seen_files());
    tower.nest(&image);
    let closed = "--deny-network 192.0.2.0/24 --deny-network 2001:db8::/32";
    let reached = "--bind-ip 127.0.0.1 --bind-port 7777 --network-ipv6 fd00:77:2::/96";
    tower.serve_with(1, &format!("{closed} {reached}"));
    checks::rules_open_what_is_closed(&tower, LOCAL_IMAGE);
    tower.leave();
    up(&mut tower);
    drop(outside);
    drop(tower);
    leaks.assert_same();
}

#[test]
fn four_levels_with_the_machines_groups_bound_in() {
    down_and_up(4, "-m /sys/fs/cgroup:/sys/fs/cgroup");
}

#[test]
fn four_levels_with_groups_of_their_own() {
    down_and_up(4, "");
}

/// All levels go with the outermost container, whatever is running inside.
#[test]
fn nothing_remains_of_levels_that_were_not_destroyed() {
    let leaks = Leaks::snapshot();
    let mut tower = Tower::on(Server::new());
    for _ in 0..3 {
        let files = tower.seen_files();
        tower.nest(&format!("--rootfs {files}/rootfs.tar"));
        tower.serve();
    }
    tower.nest(LOCAL_IMAGE);
    tower.says(4, "sleep 1000 >/dev/null 2>&1 </dev/null &");
    tower.says(0, "warren container destroy l1");
    let store = tower.server.directory().join("store");
    for directory in ["images", "nested"] {
        let left = std::fs::read_dir(store.join(directory)).unwrap().count();
        assert_eq!(left, 0, "{directory}");
    }
    drop(tower);
    leaks.assert_same();
}

/// A server inside may be killed and started again, and so may the one outside.
#[test]
fn killed_servers_find_everything_again() {
    let mut tower = Tower::on(Server::new());
    let files = tower.seen_files();
    tower.nest(&format!("--rootfs {files}/rootfs.tar"));
    tower.serve();
    tower.nest(LOCAL_IMAGE);
    tower.serve();
    tower.nest(LOCAL_IMAGE);
    let facts = |tower: &Tower| -> Vec<String> {
        let look = "cat /var/run/gdn/depot-state/pool; warren container list -v";
        (1..=2).map(|level| tower.says(level, look)).collect()
    };
    let before = facts(&tower);
    tower.server.end("-KILL");
    tower.server.start();
    for level in [2, 1] {
        tower.says(level, "kill -KILL $(cat /var/garden.pid)");
        tower.serve_at(level);
    }
    assert_eq!(facts(&tower), before);
    assert_eq!(tower.says(3, "hostname"), "l3");
    while tower.depth() > 1 {
        tower.destroy();
        tower.leave();
    }
}
