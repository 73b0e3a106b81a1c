//! Whoever is killed, the rest is found again or cleared away.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

use warren_container_shim::frame::Frame;
use warren_container_shim::{Error, Exit, Phase};

use crate::world::{
    PROGRAM, World, eventually, is_running, kill, read_until, reap, shell, shim_of, stdout,
};

#[test]
fn a_killed_shim_takes_its_container_along_and_can_be_cleared_away() {
    let world = World::new();
    let container = world.container("h");
    let done = container.shell("exit 4");
    let id = done.id.clone();
    done.wait().unwrap();
    let session = container.shell("sleep 600 & echo up; wait");
    read_until(&session, "up\n");
    let init = world.depot.state("h").unwrap().init;
    let (shim, process) = (shim_of(&world.depot, "h"), session.pid);
    kill(shim);
    eventually("all are gone", || {
        reap(process);
        ![shim, init, process].into_iter().any(is_running)
    });
    assert!(session.wait().is_err());
    let state = world.depot.state("h").unwrap();
    assert_eq!((state.phase, state.init), (Phase::Dead, 0));
    assert!(matches!(
        world.depot.run("h", &shell("true")),
        Err(Error::NotRunning { .. })
    ));
    assert!(matches!(
        world.depot.attach("h", &id),
        Err(Error::NotRunning { .. })
    ));
    // What it had written down is still known.
    let found = world.depot.processes("h").unwrap();
    assert_eq!(found.len(), 2);
    let exit = found.iter().find(|each| each.id == id).unwrap().exit;
    assert_eq!(exit, Some(Exit::Status(4)));
    let found = world.again().list().unwrap();
    assert_eq!((found[0].handle.as_str(), found[0].alive), ("h", false));
    world.depot.stop("h", false).unwrap();
    assert!(world.depot.destroy("h").unwrap());
}

#[test]
fn a_killed_client_changes_nothing_and_another_goes_on_for_it() {
    let world = World::new();
    let container = world.container("h");
    let depot = world.folder.path().join("depot");
    let mut client = Command::new(PROGRAM)
        .arg("client")
        .arg(&depot)
        .args([
            "h",
            "echo first; cat; echo input ended; exec 2>&1; seq 1 300000; exit 5",
        ])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(client.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert_eq!(line, "running\n");
    client.kill().unwrap();
    client.wait().unwrap();
    let attached = container.attach("of-the-client");
    // It had fetched everything, but got it to nobody; and its end is not that of the input.
    assert_eq!(read_until(&attached, "first\n"), "first\n");
    attached.send(&Frame::Stdin(b"input\n".to_vec())).unwrap();
    attached.send(&Frame::StdinEnd).unwrap();
    let outcome = attached.wait().unwrap();
    assert!(stdout(&outcome).ends_with("\n300000\n"));
    assert!(stdout(&outcome).starts_with("input\ninput ended\n1\n"));
    assert_eq!(outcome.exit, Exit::Status(5));
}

#[test]
fn a_server_that_is_started_again_finds_everything() {
    let world = World::new();
    let container = world.container("h");
    let session = container.shell("read x; echo got $x; exit 6");
    let depot = world.again();
    let found = depot.list().unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].handle.as_str(), found[0].alive), ("h", true));
    assert_eq!(found[0].spec, world.spec("h", false));
    assert_eq!(depot.state("h").unwrap().phase, Phase::Running);
    let running = depot.processes("h").unwrap();
    assert_eq!((running[0].pid, running[0].exit), (session.pid, None));
    let attached = depot.attach("h", &session.id).unwrap();
    attached.send(&Frame::Stdin(b"it\n".to_vec())).unwrap();
    assert_eq!(stdout(&attached.wait().unwrap()), "got it\n");
    assert!(depot.destroy("h").unwrap());
}

#[test]
fn a_shim_that_hangs_is_killed() {
    let world = World::new();
    let container = world.container("h");
    let process = container.shell("exec sleep 600").pid;
    let shim = shim_of(&world.depot, "h");
    let pid = rustix::process::Pid::from_raw(shim).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    assert!(world.depot.destroy("h").unwrap());
    assert!(!is_running(shim));
    eventually("it is gone", || {
        reap(process);
        !std::path::Path::new(&format!("/proc/{process}")).exists()
    });
}

#[test]
fn a_record_of_another_process_kills_nobody() {
    let world = World::new();
    world.container("h");
    kill(shim_of(&world.depot, "h"));
    // A process that has got the shim's number since: ours, with another start time, which the
    // kernel counts in hundredths of a second.
    std::thread::sleep(std::time::Duration::from_millis(50));
    let mut innocent = Command::new("sleep").arg("600").spawn().unwrap();
    let path = world.depot.path("h").join("shim.json");
    let mut record: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    record["shim"]["pid"] = innocent.id().into();
    record["init"]["pid"] = innocent.id().into();
    std::fs::write(&path, record.to_string()).unwrap();
    assert!(!world.depot.list().unwrap()[0].alive);
    assert!(world.depot.destroy("h").unwrap());
    assert_eq!(innocent.try_wait().unwrap(), None);
    innocent.kill().unwrap();
    innocent.wait().unwrap();
}

#[test]
fn what_is_half_made_is_cleared_away() {
    let world = World::new();
    // A server that was killed before its shim had begun.
    let directory = world.depot.path("h");
    std::fs::create_dir(&directory).unwrap();
    let spec = world.spec("h", false);
    std::fs::write(
        directory.join("container.json"),
        serde_json::to_vec(&spec).unwrap(),
    )
    .unwrap();
    drop(world.place.open().unwrap().create("h").unwrap());
    std::fs::create_dir(world.depot.path("x").with_file_name(".making-x")).unwrap();
    std::fs::create_dir(world.depot.path("x").with_file_name(".removing-y")).unwrap();
    let depot = world.again();
    let found = depot.list().unwrap();
    assert_eq!((found.len(), found[0].alive), (1, false));
    assert_eq!(depot.state("h").unwrap().phase, Phase::Dead);
    assert!(depot.destroy("h").unwrap());
    let left = std::fs::read_dir(directory.parent().unwrap()).unwrap();
    assert_eq!(left.count(), 0);
}

/// A shim killed at a random instant of its making leaves nothing that destroying does not clear.
#[test]
fn a_shim_killed_while_it_makes_the_container_leaves_nothing() {
    let world = World::new();
    let spec = world.spec("h", false);
    for round in 0..30_u64 {
        std::thread::scope(|scope| {
            let making = scope.spawn(|| world.depot.create(&spec, &[]));
            let path = world.depot.path("h").join("shim.json");
            let mut shim = None;
            while shim.is_none() && !making.is_finished() {
                let text = std::fs::read(&path).unwrap_or_default();
                let record: serde_json::Value = serde_json::from_slice(&text).unwrap_or_default();
                shim = record["shim"]["pid"].as_i64();
            }
            std::thread::sleep(std::time::Duration::from_micros(round * 400));
            if let Some(shim) = shim {
                let pid = rustix::process::Pid::from_raw(shim.try_into().unwrap()).unwrap();
                let _ = rustix::process::kill_process(pid, rustix::process::Signal::KILL);
            }
            match making.join().unwrap() {
                Ok(created) => {
                    // It may have been made before its record was first looked at.
                    let shim = shim_of(&world.depot, "h");
                    if is_running(shim) {
                        kill(shim);
                    }
                    eventually("init is gone", || !is_running(created.pid));
                    assert!(world.depot.destroy("h").unwrap());
                }
                Err(Error::Create { .. }) => {}
                Err(other) => panic!("{other:?}"),
            }
        });
        assert!(world.depot.list().unwrap().is_empty());
        let left = world.place.child("h").open();
        assert!(left.is_err(), "the group is still there");
    }
}
