//! Limits, metrics and the end of such a process.

use std::path::Path;
use std::time::{Duration, Instant};

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Container, Server, shell};
use warren_tests_conformance::said;
use warren_wire_garden::container::BindMount;
use warren_wire_garden::process::{ProcessSpec, Signal};

use super::{MIB, PATIENCE, limited, parts, pea, wait_until_nothing_is_left, with_image};

#[test]
fn the_containers_limits_hold_unless_it_has_its_own() {
    let server = Server::new();
    let mut spec = server.spec("");
    spec.limits.memory.limit_in_bytes = 64 * MIB;
    spec.limits.pid.max = 20;
    let container = server.create(&spec);
    let fill = "dd if=/dev/zero of=/dev/shm/x bs=1M count=90 2>/dev/null";
    assert_ne!(container.run(&pea(&server, fill)).status, 0);
    assert_eq!(container.run(&limited(&server, fill, 0)).status, 0);
    assert_eq!(container.run(&limited(&server, fill, 200 * MIB)).status, 0);
    // A second command keeps the shell from making way for the first.
    let told = format!("{fill}; echo $?");
    let ran = container.run(&limited(&server, &told, 48 * MIB));
    assert_eq!(ran.stdout, "137\n", "{ran:?}");
    let bomb = "i=0; while [ $i -lt 40 ]; do sleep 5 & i=$((i+1)); done; kill $(jobs -p)";
    let ran = container.run(&pea(&server, bomb));
    assert!(ran.stderr.contains("fork"), "{ran:?}");
    let ran = container.run(&limited(&server, bomb, 0));
    assert!(!ran.stderr.contains("fork"), "{ran:?}");
    wait_until_nothing_is_left(&server);
}

#[test]
fn it_ends_with_its_container() {
    let server = Server::new();
    for process in [
        pea(&server, "sleep 1000"),
        limited(&server, "sleep 1000", 0),
    ] {
        let container = server.container();
        let running = container.start(&process, Streams::default()).unwrap();
        assert!(!parts(&server).is_empty());
        server.client().destroy(container.handle()).unwrap();
        assert_eq!(running.wait().unwrap(), 137);
        wait_until_nothing_is_left(&server);
    }
}

#[test]
fn a_stop_reaches_it() {
    let server = Server::new();
    let container = server.container();
    let script = "trap 'exit 42' TERM; echo ready; while true; do sleep 0.01; done";
    let (one, first, _) = container.capture(&pea(&server, script)).unwrap();
    let (two, second, _) = container.capture(&limited(&server, script, 0)).unwrap();
    while first.text().is_empty() || second.text().is_empty() {
        std::thread::sleep(Duration::from_millis(1));
    }
    server.client().stop(container.handle(), false).unwrap();
    assert_eq!((one.wait().unwrap(), two.wait().unwrap()), (42, 42));
}

#[test]
fn what_it_has_started_goes_with_it() {
    let server = Server::new();
    let container = server.container();
    let orphan = "sleep 1234 >/dev/null 2>&1 & exit 3";
    for process in [pea(&server, orphan), limited(&server, orphan, 0)] {
        assert_eq!(container.run(&process).status, 3);
        wait_until_nothing_is_left(&server);
        assert_eq!(container.sh("pgrep -f 'sleep 1234'").stdout, "");
    }
}

#[test]
fn its_metrics_are_asked_for_by_its_id() {
    let server = Server::new();
    let container = server.container();
    for (id, process) in [
        ("shares", pea(&server, "sleep 1000")),
        ("has/its own", limited(&server, "sleep 1000", 0)),
    ] {
        let process = ProcessSpec {
            id: id.to_owned(),
            ..process
        };
        let running = container.start(&process, Streams::default()).unwrap();
        let both = [container.handle(), id];
        let answer = server.client().bulk_metrics(&both).unwrap();
        let metrics = &answer[id].metrics;
        assert!(answer[id].err.is_none(), "{:?}", answer[id].err);
        assert!(metrics.pid_stat.current > 0 && metrics.age.0 > 0);
        assert!(metrics.memory_stat.total_usage_toward_limit > 0);
        assert!(metrics.cpu_stat.usage > 0 && metrics.disk_stat.total_bytes_used > 0);
        running.handle().signal(Signal::KILL).unwrap();
        assert_eq!(running.wait().unwrap(), 137);
        wait_until_nothing_is_left(&server);
        let answer = server.client().bulk_metrics(&[id]).unwrap();
        assert!(answer[id].err.is_some());
    }
}

#[test]
fn what_cannot_be_is_refused_and_leaves_nothing() {
    let server = Server::new();
    let container = server.container();
    let missing = ProcessSpec {
        path: "no-such-program".to_owned(),
        ..pea(&server, "")
    };
    let refused = container.start(&missing, Streams::default());
    let error = refused.map_err(said).unwrap_err();
    assert!(
        error.contains("executable file not found in $PATH"),
        "{error}"
    );
    let nowhere = with_image(Path::new("/no/such/image"), "true");
    assert!(container.start(&nowhere, Streams::default()).is_err());
    assert_eq!(parts(&server), Vec::<String>::new());
    let bound = ProcessSpec {
        bind_mounts: vec![BindMount::default()],
        ..shell("root", "true")
    };
    let refused = container.start(&bound, Streams::default());
    let error = refused.map_err(said).unwrap_err();
    assert!(error.contains("image of its own"), "{error}");
    let named = ProcessSpec {
        id: "p".to_owned(),
        ..pea(&server, "sleep 1000")
    };
    let running = container.start(&named, Streams::default()).unwrap();
    let again = container.start(&named, Streams::default());
    let error = again.map_err(said).unwrap_err();
    assert!(error.contains("process ID 'p' already in use"), "{error}");
    running.handle().signal(Signal::KILL).unwrap();
    assert_eq!(running.wait().unwrap(), 137);
    let again = container.start(&named, Streams::default());
    let error = again.map_err(said).unwrap_err();
    assert!(error.contains("process ID 'p' already in use"), "{error}");
    wait_until_nothing_is_left(&server);
}

#[test]
fn it_outlives_servers_and_is_cleared_away_after_them() {
    let mut server = Server::new();
    let handle = server.client().create(&server.spec("kept")).unwrap();
    let long = |server: &Server, id: &str| ProcessSpec {
        id: id.to_owned(),
        ..pea(server, "while ! [ -e /go ]; do sleep 0.01; done; exit 9")
    };
    let client = server.client();
    for id in ["stays", "ends"] {
        client
            .run(&handle, &long(&server, id), Streams::default())
            .unwrap();
    }
    let root = |server: &Server, id: &str| {
        let images = server.directory().join("store/images");
        images.join(format!("kept~{id}/rootfs"))
    };
    let go = |server: &Server, id: &str| {
        // Seen through the process's own mounts.
        let path = root(server, id).join("go");
        let touch = server.actor().run(&["touch", &path.display().to_string()]);
        touch.success();
    };
    server.end("-KILL");
    go(&server, "ends");
    server.start();
    let client = server.client();
    let ended = client.attach(&handle, "ends", Streams::default()).unwrap();
    assert_eq!(ended.wait().unwrap(), 9);
    let deadline = Instant::now() + PATIENCE;
    while parts(&server).iter().any(|part| part.contains("ends")) {
        assert!(Instant::now() < deadline, "{:?}", parts(&server));
        std::thread::sleep(Duration::from_millis(10));
    }
    let answer = client.bulk_metrics(&["stays"]).unwrap();
    assert!(answer["stays"].err.is_none());
    let stays = client.attach(&handle, "stays", Streams::default()).unwrap();
    go(&server, "stays");
    assert_eq!(stays.wait().unwrap(), 9);
    wait_until_nothing_is_left(&server);
}

#[test]
fn an_id_that_two_containers_use_is_not_answered_for_by_either() {
    let server = Server::new();
    let containers = [server.container(), server.container()];
    let process = ProcessSpec {
        id: "twin".to_owned(),
        ..pea(&server, "sleep 1000")
    };
    let start = |one: &Container| one.start(&process, Streams::default()).unwrap();
    let running = containers.each_ref().map(start);
    let client = server.client();
    let answer = client.bulk_metrics(&["twin"]).unwrap();
    let error = format!("{:?}", answer["twin"].err);
    assert!(error.contains("several containers"), "{error}");
    let [one, other] = running;
    one.handle().signal(Signal::KILL).unwrap();
    assert_eq!(one.wait().unwrap(), 137);
    let deadline = Instant::now() + PATIENCE;
    while let Some(error) = &client.bulk_metrics(&["twin"]).unwrap()["twin"].err {
        assert!(Instant::now() < deadline, "{error:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
    drop(other);
}
