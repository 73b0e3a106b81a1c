//! What is killed, and that it does no harm.

use std::fs;

use warren_tests_conformance::environment::{command, text};

use crate::scene::{Scene, Wanted};

/// Its supervisor starts it anew, and it joins the others.
pub fn node(scene: &Scene, _: &mut Wanted) {
    let nodes = scene.nodes();
    let old = scene.process_of(&nodes[1]);
    let pid = old.1.split(' ').next().unwrap();
    scene.in_machine(&nodes[1].cid, &format!("kill -9 {pid}"));
    scene.until("it runs again", || {
        let script = "cat /var/vcap/sys/run/bpm/zookeeper/zookeeper.pid || true";
        let new = scene.in_machine(&nodes[1].cid, script);
        !new.trim().is_empty() && new.trim() != pid
    });
    scene.until("it serves again", || scene.node(&nodes[1]).mode().is_some());
    assert_ne!(scene.process_of(&nodes[1]), old);
}

pub fn worker(scene: &Scene, wanted: &mut Wanted) {
    killed(scene, wanted, &["worker"]);
}

pub fn bus(scene: &Scene, wanted: &mut Wanted) {
    killed(scene, wanted, &["nats"]);
}

/// Both during one deploy, so that nobody is left to say what became of it.
pub fn database_and_worker(scene: &Scene, wanted: &mut Wanted) {
    killed(scene, wanted, &["postgres", "worker"]);
}

/// Kills processes of the director's while the canary is begun; another deploy does what is left.
fn killed(scene: &Scene, wanted: &mut Wanted, names: &[&str]) {
    wanted.tick += 100;
    let nodes = scene.nodes();
    let begun = scene.begin_deploy(wanted);
    begun.until_said("L executing post-stop");
    let old: Vec<String> = names.iter().map(|name| scene.kill(name)).collect();
    // Most nodes live, so one of them takes it whatever the director goes through.
    let path = format!("/while-{}-was-killed", names.join("-and-"));
    scene.node(&nodes[2]).create(&path, "written");
    let (code, said) = scene.settled(begun);
    println!("    the deploy ended with {code}: {}", last(&said));
    for (name, old) in names.iter().zip(old) {
        scene.until("it runs again", || {
            let new = scene.process(scene.depth - 1, "director", name);
            new.is_some_and(|new| new != old)
        });
    }
    scene.deploy(wanted);
    read(scene, &path);
    let again = scene.deploy(wanted);
    assert!(!again.contains("Updating instance"), "{again}");
}

/// The stemcell of another version; Garden is killed while the first machine is made anew.
pub fn garden(scene: &Scene, wanted: &mut Wanted) {
    const VERSION: &str = "9999.1";
    let before = scene.nodes();
    for node in &before {
        scene.in_machine(&node.cid, "hostname >/var/vcap/store/mark && sync");
    }
    let marks = marks(scene);
    let disks = disks(scene);
    let images = fs::read_dir(scene.home().join("images")).unwrap();
    let stemcell = images
        .map(|entry| entry.unwrap().path())
        .find(|path| path.to_str().unwrap().ends_with(".stemcell.tgz"))
        .unwrap();
    let other = scene.at("other.tgz");
    let (stemcell, other) = (stemcell.to_str().unwrap(), other.to_str().unwrap());
    let repack = ["stemcell", "repack", "--version", VERSION, stemcell, other];
    scene.shell(&command(&repack));
    scene.bosh(&["upload-stemcell", other]);

    let begun = scene.begin_deploy(wanted);
    begun.until_said("L executing post-stop");
    let old = scene.kill("garden");
    let path = "/while-garden-was-killed";
    scene.node(&before[2]).create(path, "written");
    let (code, said) = scene.settled(begun);
    println!("    the deploy ended with {code}: {}", last(&said));
    scene.until("it runs again", || {
        let new = scene.process(scene.depth - 1, "director", "garden");
        new.is_some_and(|new| new != old)
    });
    scene.deploy(wanted);
    read(scene, path);
    let nodes = scene.nodes();
    for (old, new) in before.iter().zip(&nodes) {
        assert_ne!(old.cid, new.cid, "the same machine");
        assert_eq!(old.address, new.address);
        assert!(new.stemcell.ends_with(&format!("/{VERSION}")), "{new:?}");
    }
    assert_eq!(self::disks(scene), disks, "other disks");
    assert_eq!(self::marks(scene), marks, "other content");
    let again = scene.deploy(wanted);
    assert!(!again.contains("Updating instance"), "{again}");
}

/// Every node knows it.
fn read(scene: &Scene, path: &str) {
    for node in scene.nodes() {
        assert_eq!(scene.node(&node).get(path), "written", "{node:?}");
    }
}

/// What each node's disk says whose it is.
fn marks(scene: &Scene) -> Vec<String> {
    let nodes = scene.nodes();
    let mark = |cid: &str| scene.in_machine(cid, "cat /var/vcap/store/mark");
    nodes.iter().map(|node| mark(&node.cid)).collect()
}

/// The disk of each instance.
fn disks(scene: &Scene) -> Vec<(String, String)> {
    let rows = scene.rows(&["instances", "--details"]);
    let mut all: Vec<_> = rows
        .iter()
        .map(|row| (text(row, "instance"), text(row, "disk_cids")))
        .filter(|(instance, _)| instance.starts_with("zookeeper/"))
        .collect();
    all.sort();
    assert!(all.iter().all(|(_, disk)| disk.len() > 1), "{rows:?}");
    all
}

fn last(said: &str) -> &str {
    let lines = said.lines().rev();
    let mut words = lines.filter(|line| line.contains("rror") || line.contains("Done"));
    words.next().unwrap_or_default()
}
