//! Processes: streams, control, ends.

use std::io::Read;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_wire_garden::process::{ProcessSpec, TtySpec, WindowSize};

use crate::client::{LONG, shell};
use crate::world::World;

#[test]
fn outputs_are_apart_and_the_status_is_told() {
    let world = World::new("run");
    let handle = world.container("run");
    let outcome = world
        .client
        .script(&handle, "echo out; echo err >&2; exit 42");
    assert_eq!(
        (
            outcome.status,
            outcome.stdout.as_str(),
            outcome.stderr.as_str()
        ),
        (42, "out\n", "err\n")
    );
    // However quick the end, nothing is missing.
    for round in 0..20 {
        let outcome = world.client.script(&handle, "seq 1 2000; exit 3");
        assert_eq!(outcome.stdout.lines().count(), 2000, "round {round}");
        assert_eq!(outcome.status, 3);
    }
    world.close();
}

#[test]
fn large_outputs_come_whole() {
    let world = World::new("large");
    let handle = world.container("large");
    let script = "dd if=/dev/zero bs=65536 count=512 2>/dev/null | tr '\\0' 'x'; echo end >&2";
    let outcome = world.client.script(&handle, script);
    assert_eq!(outcome.stdout.len(), 32 << 20);
    assert_eq!(outcome.stderr, "end\n");
    world.close();
}

#[test]
fn input_reaches_the_process_byte_by_byte() {
    let world = World::new("stdin");
    let handle = world.container("stdin");
    let mut process = world.client.run(&handle, &shell("cat; echo end"));
    process.say(json!({"source": 0, "data": "hello\n"}));
    process.say(json!({"source": 0, "data": "more\n"}));
    process.say(json!({"source": 0}));
    assert_eq!(process.wait().stdout, "hello\nmore\nend\n");

    let mut exact = world
        .client
        .run(&handle, &shell("hexdump -v -e '1/1 \"%02x\"'"));
    exact.say(json!({"source": 0, "data": "?", "data_base64": "/wCA"}));
    exact.say(json!({"source": 0}));
    assert_eq!(exact.wait().stdout, "ff0080");

    // The status comes even while input is still being written.
    let mut deaf = world.client.run(&handle, &shell("exit 7"));
    let piece = "x".repeat(60_000);
    let mut line = serde_json::to_vec(&json!({"source": 0, "data": piece})).unwrap();
    line.push(b'\n');
    for _ in 0..20 {
        // It may be gone already.
        let _gone = std::io::Write::write_all(&mut deaf.control, &line);
    }
    assert_eq!(deaf.wait().status, 7);
    world.close();
}

#[test]
fn signals_pass_unread_input_and_its_end() {
    let world = World::new("signals");
    let handle = world.container("signals");
    let trap = "trap 'exit 42' TERM; touch /tmp/ready; while true; do sleep 0.1; done";
    for round in 0..5 {
        let mut process = world.client.run(&handle, &shell("sleep 1000"));
        process.say(json!({"signal": 1}));
        assert_eq!(process.wait().status, 137, "round {round}");
    }
    let mut process = world.client.run(&handle, &shell(trap));
    let again = world.client.attach(&handle, &process.id);
    process.say(json!({"source": 0, "data": "x".repeat(1 << 20)}));
    process.say(json!({"source": 0}));
    process.say(json!({"what": "is this"}));
    wait_for_trap(&world, &handle);
    process.say(json!({"signal": 0}));
    assert_eq!(process.wait().status, 42);
    assert_eq!(again.wait().status, 42);
    world.close();
}

/// Until the shell says that its trap is set.
fn wait_for_trap(world: &World, handle: &str) {
    let began = Instant::now();
    while world.client.script(handle, "test -e /tmp/ready").status != 0 {
        assert!(began.elapsed() < LONG);
    }
}

#[test]
fn a_terminal_has_a_size_that_changes() {
    let world = World::new("tty");
    let handle = world.container("tty");
    let size = |columns, rows| TtySpec {
        window_size: Some(WindowSize { columns, rows }),
    };
    let with = |script: &str, tty| ProcessSpec {
        tty: Some(tty),
        ..shell(script)
    };
    let default = world.client.run(
        &handle,
        &with("stty size; echo err >&2", TtySpec::default()),
    );
    let default = default.wait();
    assert_eq!(default.stdout, "24 80\r\nerr\r\n");
    assert_eq!(default.stderr, "");
    let given = world.client.run(&handle, &with("stty size", size(123, 45)));
    assert_eq!(given.wait().stdout, "45 123\r\n");
    let script = "trap 'stty size; exit 0' WINCH; touch /tmp/ready; while true; do sleep 0.1; done";
    let mut resized = world.client.run(&handle, &with(script, TtySpec::default()));
    wait_for_trap(&world, &handle);
    resized.say(json!({"tty": {"window_size": {"columns": 99, "rows": 11}}}));
    assert_eq!(resized.wait().stdout, "11 99\r\n");
    world.close();
}

#[test]
fn attaching_gives_the_same_end_to_all_before_and_after_it() {
    let world = World::new("attach");
    let handle = world.container("attach");
    let spec = ProcessSpec {
        id: "mine".to_owned(),
        ..shell("read line; echo got $line; exit 12")
    };
    let mut first = world.client.run(&handle, &spec);
    assert_eq!(first.id, "mine");
    let others: Vec<_> = (0..5)
        .map(|_| world.client.attach(&handle, "mine"))
        .collect();
    let body = serde_json::to_vec(&spec).unwrap();
    let target = format!("/containers/{handle}/processes");
    let twice = world.client.send("POST", &target, &body);
    assert!(twice.error().2.contains("already in use"));
    first.say(json!({"source": 0, "data": "it\n"}));
    let stream = first.stream.clone();
    for process in others.into_iter().chain([first]) {
        let outcome = process.wait();
        assert_eq!((outcome.status, outcome.stdout.as_str()), (12, "got it\n"));
    }
    assert_eq!(world.client.attach(&handle, "mine").wait().status, 12);
    // Streams that ended, or never were, are empty.
    for stream in [stream.as_str(), "nobody"] {
        let output = world.client.output(&handle, "mine", stream, "stdout");
        assert_eq!(output.join().unwrap(), b"");
    }
    let unknown = world.client.send("GET", &format!("{target}/none"), b"");
    let (status, kind, message) = unknown.error();
    assert_eq!((status, kind.as_str()), (404, "ProcessNotFoundError"));
    assert_eq!(message, "unknown process: none");
    world.close();
}

#[test]
fn a_stream_fetched_late_is_whole() {
    let world = World::new("late");
    let handle = world.container("late");
    let mut control = world.client.connect();
    let body = serde_json::to_vec(&shell("echo late; exit 1")).unwrap();
    let head = format!(
        "POST /containers/{handle}/processes HTTP/1.1\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    std::io::Write::write_all(&mut control, &[head.as_bytes(), &body].concat()).unwrap();
    let mut all = String::new();
    control.read_to_string(&mut all).unwrap();
    assert!(
        all.starts_with("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n"),
        "{all}"
    );
    let lines: Vec<Value> = all
        .split_once("\r\n\r\n")
        .unwrap()
        .1
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines[1]["exit_status"], 1);
    let (id, stream) = (
        lines[0]["process_id"].as_str().unwrap(),
        lines[0]["stream_id"].as_str().unwrap(),
    );
    let output = world.client.output(&handle, id, stream, "stdout");
    assert_eq!(output.join().unwrap(), b"late\n");
    world.close();
}

#[test]
fn a_process_outlives_its_client() {
    let world = World::new("outlives");
    let handle = world.container("outlives");
    // Its input ends with the client, and its output is drained all the same.
    let script = "cat >/dev/null; echo over >/tmp/over; yes | head -c 5000000; touch /tmp/end; \
                  sleep 1000";
    world.client.run(&handle, &shell(script)).hang_up();
    let began = Instant::now();
    while world
        .client
        .script(&handle, "cat /tmp/over /tmp/end")
        .stdout
        != "over\n"
        || world.client.script(&handle, "test -e /tmp/end").status != 0
    {
        assert!(began.elapsed() < LONG);
        std::thread::sleep(Duration::from_millis(20));
    }
    world.close();
}

#[test]
fn what_cannot_be_run_is_said_with_its_type() {
    let world = World::new("cannot-run");
    let handle = world.container("cannot");
    let target = format!("/containers/{handle}/processes");
    let refused = |spec: &ProcessSpec| {
        let body = serde_json::to_vec(spec).unwrap();
        world.client.send("POST", &target, &body).error()
    };
    let missing = ProcessSpec {
        path: "no-such-program".to_owned(),
        ..ProcessSpec::default()
    };
    let (status, kind, message) = refused(&missing);
    assert_eq!((status, kind.as_str()), (500, "ExecutableNotFoundError"));
    assert!(
        message.contains("executable file not found in $PATH"),
        "{message}"
    );
    let nobody = ProcessSpec {
        user: "nobody-known".to_owned(),
        ..shell("true")
    };
    let (_, kind, message) = refused(&nobody);
    assert_eq!(kind, "");
    let expected = "unable to find user nobody-known: no matching entries in passwd file";
    assert!(message.contains(expected), "{message}");
    let mut pea = shell("true");
    pea.image.uri = "/some/image".to_owned();
    assert!(refused(&pea).2.contains("open the image /some/image"));
    let mut bound = shell("true");
    bound.bind_mounts.push(Default::default());
    assert!(refused(&bound).2.contains("image of its own"));
    world.close();
}

#[test]
fn users_environments_and_directories() {
    let world = World::with("users", &["ulimit=1500", "ulimit=-S 700"]);
    let handle = world
        .client
        .create(json!({"privileged": true, "env": ["A=1", "B=1"]}));
    let spec = ProcessSpec {
        user: "alice".to_owned(),
        env: vec!["B=2".to_owned()],
        ..shell("id -un; pwd; env | sort | grep -v SHLVL | grep -v PWD")
    };
    let outcome = world.client.run(&handle, &spec).wait();
    let expected = "alice\n/home/alice\nA=1\nB=2\nHOME=/home/alice\n\
                    PATH=/usr/local/bin:/usr/bin:/bin\nUSER=alice\n";
    assert_eq!(outcome.stdout, expected);
    let mut limited = shell("ulimit -n; pwd");
    limited.rlimits.nofile = Some(30);
    limited.dir = "/made/for/it".to_owned();
    let outcome = world.client.run(&handle, &limited).wait();
    assert_eq!(outcome.stdout, "30\n/made/for/it\n");
    // The server has taken all that it may have; nobody else has more than before.
    let seen = |limits: &str| {
        let mut lines = limits.lines();
        let line = lines.find_map(|line| line.strip_prefix("Max open files"));
        let words: Vec<&str> = line.unwrap().split_whitespace().collect();
        (words[0].to_owned(), words[1].to_owned())
    };
    let pair = |soft: &str, hard: &str| (soft.to_owned(), hard.to_owned());
    assert_eq!(seen(&world.limits()), pair("1500", "1500"));
    for process in ["1", "self"] {
        let limits = world
            .client
            .script(&handle, &format!("cat /proc/{process}/limits"));
        assert_eq!(seen(&limits.stdout), pair("700", "1500"), "{process}");
    }
    world.close();
}
