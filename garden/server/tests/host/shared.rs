//! A server whose image another store has unpacked already, as one in a container on this machine.

use std::fs;
use std::path::PathBuf;

use serde_json::json;
use warren_container_rootfs::source::LocalTar;
use warren_container_rootfs::store::{Options, Store};

use crate::world::{World, rootfs};

const HANDLES: [&str; 2] = ["privileged", "plain"];

#[test]
fn layers_of_another_store_are_used_where_they_are() {
    let outside = tempfile::tempdir().unwrap();
    let store = Store::open(outside.path(), &Options::default()).unwrap();
    // The server's too.
    let rootfs = rootfs();
    let leases = store.fetch(&LocalTar::new(&rootfs.path()).unwrap());
    store.pin("for those inside", &leases.unwrap()).unwrap();
    let shared = format!("shared-layers={}", outside.path().display());
    let mut world = World::with("shared", &[&shared]);
    world.container("privileged");
    world.client.create(json!({"handle": "plain"}));
    let unpacked = |store: PathBuf| fs::read_dir(store.join("layers")).unwrap().count();
    assert_eq!(unpacked(world.path("store")), 0, "{}", world.log());
    let run = |world: &World, script: &str| {
        for handle in HANDLES {
            let done = world.client.script(handle, script);
            assert_eq!(done.status, 0, "{handle}: {script}: {}", world.log());
        }
    };
    run(&world, "echo mine >/bin/mine");
    // Neither what is cleaned outside nor the server's end takes files away.
    assert_eq!(store.collect().unwrap().removed, []);
    for signal in ["KILL", "TERM"] {
        world.end(signal);
        world.start(&[&shared]);
        run(&world, "test -s /bin/sh && test -s /bin/mine");
    }
    for handle in HANDLES {
        world.client.destroy(handle);
    }
    assert_eq!(unpacked(outside.path().to_owned()), 1);
    world.close();
}
