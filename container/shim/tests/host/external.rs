//! Containers of an external runtime whose keeper is killed.

use std::path::Path;
use std::time::Duration;

use warren_container_shim::{Error, Phase};

use crate::world::{World, chain, eventually, is_running, kill, shim_of};

fn installed(name: &str) -> &'static Path {
    let path = match name {
        "runc" => Path::new("/usr/sbin/runc"),
        _ => Path::new("/usr/bin/crun"),
    };
    assert!(path.exists(), "{name} is missing: apt-get install {name}");
    path
}

/// At any instant of the making, which takes a runtime some ten milliseconds.
fn killed_while_making(name: &str) {
    let world = World::new();
    let mut spec = world.spec("h", false);
    spec.runtime = Some(installed(name).to_owned());
    let mut made = 0;
    for round in 0..24_u64 {
        std::thread::scope(|scope| {
            let making = scope.spawn(|| world.depot.create(&spec, &[]));
            let path = world.depot.path("h").join("shim.json");
            let mut shim = None;
            while shim.is_none() && !making.is_finished() {
                let text = std::fs::read(&path).unwrap_or_default();
                let record: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
                shim = record["shim"]["pid"].as_i64();
            }
            std::thread::sleep(Duration::from_millis(round * 4));
            if let Some(shim) = shim {
                let pid = rustix::process::Pid::from_raw(shim.try_into().unwrap()).unwrap();
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            match making.join().unwrap() {
                Ok(created) => {
                    made += 1;
                    let shim = shim_of(&world.depot, "h");
                    if is_running(shim) {
                        kill(shim);
                    }
                    // It has not been started, so it would wait for ever.
                    eventually("init is gone", || !is_running(created.pid));
                    assert_eq!(world.depot.state("h").unwrap().phase, Phase::Dead);
                    assert!(world.depot.destroy("h").unwrap());
                }
                Err(Error::Create { .. }) => {}
                Err(other) => panic!("{}", chain(&other)),
            }
        });
        assert!(world.depot.list().unwrap().is_empty());
        assert!(
            world.place.child("h").open().is_err(),
            "the group is still there"
        );
    }
    assert!(made < 24, "nobody was killed while the container was made");
}

#[test]
fn a_shim_killed_while_runc_makes_the_container_leaves_nothing() {
    killed_while_making("runc");
}

#[test]
fn a_shim_killed_while_crun_makes_the_container_leaves_nothing() {
    killed_while_making("crun");
}

#[test]
fn a_root_that_its_users_cannot_reach_is_told_by_name() {
    let world = World::new();
    let mut spec = world.spec("h", false);
    let closed = world.folder.path().join("closed");
    std::fs::create_dir(&closed).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o700);
    std::fs::set_permissions(&closed, mode).unwrap();
    let root = closed.join("root");
    std::fs::rename(&spec.rootfs, &root).unwrap();
    spec.rootfs = root;
    world.depot.create(&spec, &[]).unwrap();
    assert!(world.depot.destroy("h").unwrap());
    spec.runtime = Some(installed("crun").to_owned());
    let error = chain(&world.depot.create(&spec, &[]).unwrap_err());
    assert!(error.contains("chmod o+x"), "{error}");
    assert!(error.contains(&closed.display().to_string()), "{error}");
}
