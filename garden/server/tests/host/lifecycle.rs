//! From create to destroy.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_tests_harness::Leaks;

use crate::client::{LONG, shell};
use crate::world::{World, info};

#[test]
fn a_container_lives_and_leaves_nothing() {
    let leaks = Leaks::snapshot();
    let world = World::new("life");
    let client = &world.client;
    let capacity: Value = client.get("/capacity");
    for key in [
        "memory_in_bytes",
        "disk_in_bytes",
        "schedulable_disk_in_bytes",
        "max_containers",
    ] {
        assert!(capacity[key].as_u64().unwrap() > 0, "{key}");
    }
    assert_eq!(client.get::<Value>("/ping"), json!({}));
    let idle = world.resident();
    println!("an idle server has {idle} KiB resident");
    assert!(idle < 20 << 10, "{idle} KiB");

    let handle = client.create(json!({
        "privileged": true,
        "properties": {"owner": "me"},
        "env": ["A=1"],
        "grace_time": 0,
    }));
    assert_eq!(handle.len(), 36, "{handle}");
    assert_eq!(client.list(""), std::slice::from_ref(&handle));
    assert_eq!(client.list("?owner=me"), std::slice::from_ref(&handle));
    assert_eq!(client.list("?owner=you"), [""; 0]);

    let told = info(client, &handle);
    assert_eq!(told["State"], "active");
    assert_eq!(told["Events"], Value::Null);
    assert_eq!(told["ProcessIDs"], Value::Null);
    assert_eq!(told["MappedPorts"], json!([]));
    assert_eq!(told["Properties"]["owner"], "me");
    assert_eq!(told["Properties"]["garden.state"], "created");
    assert_eq!(
        told["ContainerIP"],
        told["Properties"]["garden.network.container-ip"]
    );
    let bulk: Value = client.get(&format!("/containers/bulk_info?handles={handle},none"));
    assert_eq!(bulk[&handle]["Info"], told);
    assert_eq!(bulk[&handle]["Err"], Value::Null);

    let name = client.script(
        &handle,
        "hostname; cat /etc/hosts; cat /proc/1/comm; echo $A",
    );
    let address = told["ContainerIP"].as_str().unwrap();
    let expected = format!("{handle}\n127.0.0.1 localhost\n{address} {handle}\ngarden-init\n1\n");
    assert_eq!(name.stdout, expected);

    client.destroy(&handle);
    assert_eq!(client.list("?garden.state=all"), [""; 0]);
    world.close();
    leaks.assert_same();
}

#[test]
fn an_unprivileged_container_has_users_of_its_own() {
    let world = World::new("unprivileged");
    let handle = world.client.create(json!({"handle": "mapped"}));
    let outcome = world.client.script(
        &handle,
        "id -u; awk '{print $1, $3}' /proc/self/uid_map; stat -c %u /etc/passwd; \
         echo changed >/etc/passwd && echo written",
    );
    assert_eq!(outcome.status, 0, "{outcome:?}");
    let lines: Vec<&str> = outcome.stdout.lines().collect();
    assert_eq!(lines[..2], ["0", "0 1"], "{outcome:?}");
    assert_eq!(lines[3..], ["0", "written"], "{outcome:?}");
    world.close();
}

#[test]
fn properties_are_kept() {
    let world = World::new("properties");
    let handle = world.container("props");
    let client = &world.client;
    let at = |key: &str| format!("/containers/{handle}/properties/{key}");
    let put: Value = client.put("PUT", &at("a.b"), json!({"value": "x y"}));
    assert_eq!(put, json!({}));
    assert_eq!(client.get::<Value>(&at("a.b")), json!({"value": "x y"}));
    assert_eq!(client.list("?a.b=x+y"), ["props"]);
    let all: Value = client.get(&format!("/containers/{handle}/properties"));
    assert_eq!(all["a.b"], "x y");
    assert!(
        all["kawasaki.bridge-interface"]
            .as_str()
            .unwrap()
            .starts_with("wbrdg-")
    );
    for _ in 0..2 {
        assert_eq!(
            client.send("DELETE", &at("a.b"), b"").json::<Value>(),
            json!({})
        );
    }
    let (status, _, message) = client.send("GET", &at("a.b"), b"").error();
    assert_eq!(
        (status, message.as_str()),
        (500, "property does not exist: a.b")
    );
    assert!(!world.log().contains("x y"));
    world.close();
}

#[test]
fn the_grace_time_runs_only_while_nobody_is_there() {
    let world = World::new("grace");
    let client = &world.client;
    let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap();
    let grace = nanoseconds(Duration::from_millis(100));
    client.create(json!({"handle": "brief", "privileged": true, "grace_time": grace}));
    // Lists do not keep it.
    let began = Instant::now();
    while !client.list("?garden.state=all").is_empty() {
        assert!(began.elapsed() < LONG);
        std::thread::sleep(Duration::from_millis(10));
    }
    client.create(json!({"handle": "watched", "privileged": true}));
    let process = client.run("watched", &shell("read line"));
    let set: Value = client.put("PUT", "/containers/watched/grace_time", grace);
    assert_eq!(set, json!({}));
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(client.list(""), ["watched"]);
    // No grace time is for ever.
    let _: Value = client.put("PUT", "/containers/watched/grace_time", 0);
    process.hang_up();
    std::thread::sleep(Duration::from_secs(1));
    assert_eq!(client.list(""), ["watched"]);
    world.close();
}

#[test]
fn stop_ends_processes_and_is_remembered() {
    let world = World::new("stop");
    let handle = world.container("stopped");
    let client = &world.client;
    let trapped = client.run(
        &handle,
        &shell("trap 'exit 42' TERM; echo ready; touch /tmp/a; while true; do sleep 0.1; done"),
    );
    let plain = client.run(&handle, &shell("touch /tmp/b; sleep 1000; true"));
    // Both are there before they are stopped, and the trap is set.
    let began = Instant::now();
    while client.script(&handle, "test -e /tmp/a -a -e /tmp/b").status != 0 {
        assert!(began.elapsed() < LONG);
    }
    let target = format!("/containers/{handle}/stop");
    let answer: Value = client.put("PUT", &target, json!({"kill": false}));
    assert_eq!(answer, json!({}));
    let trapped = trapped.wait();
    assert_eq!((trapped.status, trapped.stdout.as_str()), (42, "ready\n"));
    assert_eq!(plain.wait().status, 143);
    assert_eq!(info(client, &handle)["State"], "stopped");
    assert_eq!(client.script(&handle, "echo still").stdout, "still\n");
    world.close();
}

#[test]
fn a_second_destroy_is_told_or_finds_nothing() {
    let world = World::new("twice");
    let handle = world.container("twice");
    let results: Vec<_> = std::thread::scope(|scope| {
        let tries: Vec<_> = (0..4)
            .map(|_| {
                let (client, handle) = (&world.client, &handle);
                scope.spawn(move || client.send("DELETE", &format!("/containers/{handle}"), b""))
            })
            .collect();
        tries.into_iter().map(|each| each.join().unwrap()).collect()
    });
    let mut done = 0;
    for answer in results {
        match answer.head.status {
            200 => done += 1,
            404 => assert_eq!(answer.error().1, "ContainerNotFoundError"),
            _ => assert_eq!(answer.error().2, "container already being destroyed"),
        }
    }
    assert_eq!(done, 1);
    world.close();
}

#[test]
fn a_directory_is_an_image_too() {
    let world = World::new("directory");
    let uri = crate::world::rootfs().root().display().to_string();
    for handle in ["one", "two"] {
        let handle = world
            .client
            .create(json!({"handle": handle, "privileged": true, "image": {"uri": uri}}));
        let seen = world
            .client
            .script(&handle, "stat -c %U /home/alice; cat /etc/secret");
        assert_eq!(seen.stdout, "alice\nsecret\n");
    }
    world.close();
}

#[test]
fn a_raw_directory_is_used_as_it_is() {
    let world = World::new("raw");
    let root = world.path("raw");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&crate::world::rootfs().root(), &root])
        .status();
    assert!(copied.unwrap().success());
    let uri = format!("raw://{}", root.display());
    let handle = world
        .client
        .create(json!({"privileged": true, "image": {"uri": uri}}));
    world.client.script(&handle, "echo here >/written");
    assert_eq!(
        std::fs::read_to_string(root.join("written")).unwrap(),
        "here\n"
    );
    world.close();
}
