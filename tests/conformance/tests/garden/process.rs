//! Running programs: users, environment, directories, streams, signals, exit codes.

use std::io::{Cursor, Read};

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Server, Sink, shell};
use warren_tests_conformance::said;
use warren_wire_garden::process::{ProcessSpec, ResourceLimits, Signal};

fn program(path: &str, args: &[&str]) -> ProcessSpec {
    ProcessSpec {
        path: path.to_owned(),
        args: args.iter().map(|arg| (*arg).to_owned()).collect(),
        ..ProcessSpec::default()
    }
}

#[test]
fn output_is_split_and_the_status_is_the_programs() {
    let server = Server::new();
    let container = server.container();
    let ran = container.sh("echo out; echo err >&2; exit 42");
    assert_eq!(
        (ran.status, &*ran.stdout, &*ran.stderr),
        (42, "out\n", "err\n")
    );
    for user in ["root", "alice"] {
        let script = "echo o >/dev/stdout; echo e >/dev/stderr; kill -9 $$";
        let ran = container.sh_as(user, script);
        assert_eq!(
            (ran.status, &*ran.stdout, &*ran.stderr),
            (137, "o\n", "e\n"),
            "{user}"
        );
    }
}

#[test]
fn quick_exits_lose_no_output() {
    let server = Server::new();
    let container = server.container();
    for round in 0..100 {
        let ran = container.sh("echo one; echo two; echo three >&2");
        assert_eq!(
            (ran.status, &*ran.stdout),
            (0, "one\ntwo\n"),
            "round {round}"
        );
        assert_eq!(ran.stderr, "three\n", "round {round}");
    }
}

#[test]
fn a_megabyte_comes_whole() {
    let server = Server::new();
    let container = server.container();
    let ran = container.sh("dd if=/dev/zero bs=65536 count=64 2>/dev/null | tr '\\0' x");
    assert_eq!(ran.stdout.len(), 64 * 65536);
    assert!(ran.stdout.bytes().all(|byte| byte == b'x'));
}

#[test]
fn standard_input_is_relayed_to_its_end_whatever_is_in_it() {
    let server = Server::new();
    let container = server.container();
    let input: Vec<u8> = (0..=255_u8).cycle().take(300_000).collect();
    let output = Sink::default();
    let streams = Streams {
        stdin: Some(Box::new(Cursor::new(input.clone()))),
        stdout: Some(Box::new(output.clone())),
        stderr: None,
    };
    let process = container.start(&program("cat", &[]), streams).unwrap();
    assert_eq!(process.wait().unwrap(), 0);
    assert!(output.bytes() == input, "{} bytes", output.bytes().len());
}

#[test]
fn six_attached_clients_all_learn_the_status() {
    let server = Server::new();
    let container = server.container();
    let spec = ProcessSpec {
        id: "p".to_owned(),
        ..shell(
            "root",
            "while ! [ -e /tmp/go ]; do sleep 0.01; done; echo done; exit 12",
        )
    };
    let first = container.start(&spec, Streams::default()).unwrap();
    let clients: Vec<_> = (0..6)
        .map(|_| {
            let output = Sink::default();
            let streams = Streams {
                stdout: Some(Box::new(output.clone())),
                ..Streams::default()
            };
            let attached = server.client().attach(container.handle(), "p", streams);
            (attached.unwrap(), output)
        })
        .collect();
    container.says("touch /tmp/go");
    for (attached, output) in clients {
        assert_eq!(attached.wait().unwrap(), 12);
        assert_eq!(output.text(), "done\n");
    }
    assert_eq!(first.wait().unwrap(), 12);
    // Long after its end, as often as somebody asks.
    for _ in 0..3 {
        let client = server.client();
        let late = client.attach(container.handle(), "p", Streams::default());
        assert_eq!(late.unwrap().wait().unwrap(), 12);
    }
}

#[test]
fn unknown_and_doubled_processes_are_told_by_type() {
    let server = Server::new();
    let container = server.container();
    let attached = server
        .client()
        .attach(container.handle(), "nobody", Streams::default());
    let error = attached.map_err(said).unwrap_err();
    assert!(error.ends_with("unknown process: nobody"), "{error}");
    let spec = ProcessSpec {
        id: "p".to_owned(),
        ..program("true", &[])
    };
    let process = container.start(&spec, Streams::default()).unwrap();
    assert_eq!(process.id(), "p");
    process.wait().unwrap();
    let error = container
        .start(&spec, Streams::default())
        .map_err(said)
        .unwrap_err();
    assert!(error.contains("process ID 'p' already in use"), "{error}");
    let missing = container.start(&program("no-such-program", &[]), Streams::default());
    let error = missing.map_err(said).unwrap_err();
    assert!(
        error.contains("executable file not found in $PATH"),
        "{error}"
    );
    let user = container.start(&shell("nobody-here", "true"), Streams::default());
    let error = user.map_err(said).unwrap_err();
    let text = "unable to find user nobody-here: no matching entries in passwd file";
    assert!(error.contains(text), "{error}");
}

#[test]
fn signals_work_from_the_first_moment() {
    let server = Server::new();
    let container = server.container();
    for user in ["root", "alice"] {
        let script = "trap 'exit 42' TERM; echo ready; while true; do sleep 0.01; done";
        let (process, output, _) = container.capture(&shell(user, script)).unwrap();
        while output.text().is_empty() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        process.handle().signal(Signal::TERMINATE).unwrap();
        assert_eq!(process.wait().unwrap(), 42);
    }
    for _ in 0..20 {
        let process = container
            .start(&program("sleep", &["1000"]), Streams::default())
            .unwrap();
        process.handle().signal(Signal::KILL).unwrap();
        assert_eq!(process.wait().unwrap(), 137);
        let process = container
            .start(&program("sleep", &["1000"]), Streams::default())
            .unwrap();
        process.handle().signal(Signal::TERMINATE).unwrap();
        assert_eq!(process.wait().unwrap(), 143);
    }
    assert_eq!(container.sh("pgrep sleep").stdout, "");
}

#[test]
fn a_signal_reaches_a_process_whose_input_has_ended() {
    let server = Server::new();
    let container = server.container();
    let streams = Streams {
        stdin: Some(Box::new(std::io::empty())),
        ..Streams::default()
    };
    let process = container
        .start(&program("sleep", &["1000"]), streams)
        .unwrap();
    process.handle().signal(Signal::TERMINATE).unwrap();
    assert_eq!(process.wait().unwrap(), 143);
}

#[test]
fn a_client_that_hangs_up_leaves_the_process_running() {
    let server = Server::new();
    let container = server.container();
    let spec = ProcessSpec {
        id: "p".to_owned(),
        ..shell(
            "root",
            "i=0; while [ $i -lt 3000 ]; do echo a line of output that has to go somewhere; \
             i=$((i+1)); done; while ! [ -e /tmp/go ]; do sleep 0.01; done; exit 7",
        )
    };
    let (process, _, _) = container.capture(&spec).unwrap();
    drop(process);
    container.says("touch /tmp/go");
    let again = server
        .client()
        .attach(container.handle(), "p", Streams::default());
    assert_eq!(again.unwrap().wait().unwrap(), 7);
}

#[test]
fn users_and_groups_are_those_of_the_image() {
    let server = Server::new();
    let container = server.container();
    let id = |user: &str| container.sh_as(user, "id -u; id -g; id -G").stdout;
    assert_eq!(id(""), "0\n0\n0\n");
    assert_eq!(id("root"), "0\n0\n0\n");
    assert_eq!(id("alice"), "1001\n1001\n1001 50\n");
    assert_eq!(id("1001"), "1001\n1001\n1001 50\n");
    assert_eq!(id("1001:50"), "1001\n50\n50\n");
    assert_eq!(id("alice:vcap"), "1001\n1000\n1000\n");
    assert_eq!(id("1234"), "1234\n0\n0\n");
    assert_eq!(id("big"), "1000000000\n1000000000\n1000000000\n");
}

#[test]
fn the_environment_is_exactly_what_it_should_be() {
    let server = Server::new();
    let mut spec = server.spec("");
    spec.env = vec!["ROOT=from-container".to_owned(), "TEST=old".to_owned()];
    let container = server.create(&spec);
    let env = |user: &str, env: &[&str]| {
        let ran = container.run(&ProcessSpec {
            user: user.to_owned(),
            env: env.iter().map(|each| (*each).to_owned()).collect(),
            ..program("env", &[])
        });
        let mut lines: Vec<String> = ran.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let root_path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let root = [
        "HOME=/root",
        root_path,
        "ROOT=from-container",
        "TEST=old",
        "USER=root",
    ];
    assert_eq!(env("root", &[]), root);
    let user_path = "PATH=/usr/local/bin:/usr/bin:/bin";
    let wanted = [
        "FRUIT=banana",
        "HOME=/home/alice",
        user_path,
        "ROOT=from-container",
        "TEST=hello",
        "USER=alice",
    ];
    assert_eq!(
        env("alice", &["TEST=hi", "FRUIT=banana", "TEST=hello"]),
        wanted
    );
    let ran = container.run(&ProcessSpec {
        env: vec!["USER=amelia".to_owned(), "HOME=/tmp".to_owned()],
        user: "alice".to_owned(),
        ..program("env", &[])
    });
    assert!(ran.stdout.contains("USER=amelia\n") && ran.stdout.contains("HOME=/tmp\n"));
}

#[test]
fn directories_are_homes_or_made() {
    let server = Server::new();
    let container = server.container();
    let pwd = |user: &str, dir: &str| {
        container.run(&ProcessSpec {
            dir: dir.to_owned(),
            ..shell(user, "pwd; stat -c '%U %a' .")
        })
    };
    assert_eq!(pwd("root", "").stdout, "/root\nroot 700\n");
    assert_eq!(pwd("alice", "").stdout, "/home/alice\nalice 700\n");
    assert_eq!(pwd("alice", "/tmp/a/b").stdout, "/tmp/a/b\nalice 755\n");
    container.says("mkdir /closed && chmod 555 /closed");
    assert_eq!(pwd("alice", "/closed/in").stdout, "/closed/in\nalice 755\n");
    let ran = container.run(&ProcessSpec {
        dir: "/root".to_owned(),
        ..shell("alice", "touch x")
    });
    assert_ne!(ran.status, 0);
}

#[test]
fn resource_limits_hold_and_others_are_the_servers() {
    let server = Server::new();
    let container = server.container();
    let may_raise = {
        let status = std::fs::read_to_string("/proc/self/status").unwrap();
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix("CapEff:")).unwrap();
        let sets = u64::from_str_radix(line.trim(), 16).unwrap();
        sets & (1 << 24) != 0
    };
    // Nobody has any of these two to give away.
    let (nice, rtprio) = if may_raise { (5, 7) } else { (0, 0) };
    let ran = container.run(&ProcessSpec {
        rlimits: ResourceLimits {
            address_space: Some(1 << 32),
            core: Some(4096),
            cpu: Some(1001),
            data: Some(1 << 31),
            fsize: Some(1 << 30),
            locks: Some(102),
            memlock: Some(65_536),
            msgqueue: Some(8192),
            nice: Some(nice),
            nofile: Some(30),
            nproc: Some(1003),
            rss: Some(1 << 29),
            rtprio: Some(rtprio),
            sigpending: Some(104),
            stack: Some(4 << 20),
        },
        ..shell("root", "cat /proc/self/limits")
    });
    let both = |name: &str, value: u64| {
        let line = ran.stdout.lines().find(|line| line.starts_with(name));
        let words = line.unwrap_or_else(|| panic!("{name}: {ran:?}"))[name.len()..].trim();
        let values: Vec<&str> = words.split_whitespace().take(2).collect();
        assert_eq!(values, [value.to_string(), value.to_string()], "{name}");
    };
    both("Max address space", 1 << 32);
    both("Max core file size", 4096);
    both("Max cpu time", 1001);
    both("Max data size", 1 << 31);
    both("Max file size", 1 << 30);
    both("Max file locks", 102);
    both("Max locked memory", 65_536);
    both("Max msgqueue size", 8192);
    both("Max nice priority", nice);
    both("Max open files", 30);
    both("Max processes", 1003);
    both("Max resident set", 1 << 29);
    both("Max realtime priority", rtprio);
    both("Max pending signals", 104);
    both("Max stack size", 4 << 20);
    // One that is absent is the server's.
    let ran = container.run(&shell("root", "grep 'open files' /proc/self/limits"));
    let own = std::fs::read_to_string("/proc/self/limits").unwrap();
    assert!(own.contains(ran.stdout.trim_end()), "{ran:?}\n{own}");
}

#[test]
fn no_descriptor_is_passed_on() {
    let server = Server::new();
    let container = server.container();
    let ran = container.sh("ls /proc/self/fd | wc -l; ls -l /proc/$$/fd | grep -c socket");
    // Its own three, and the directory that ls reads.
    assert_eq!(ran.stdout, "4\n0\n");
}

#[test]
fn a_reader_that_is_slow_gets_everything() {
    struct Slow(Sink);
    impl std::io::Write for Slow {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            std::thread::sleep(std::time::Duration::from_millis(3));
            self.0.write(bytes)
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let server = Server::new();
    let container = server.container();
    let output = Sink::default();
    let streams = Streams {
        stdout: Some(Box::new(Slow(output.clone()))),
        ..Streams::default()
    };
    let spec = shell("root", "dd if=/dev/zero bs=65536 count=100 2>/dev/null");
    let process = container.start(&spec, streams).unwrap();
    assert_eq!(process.wait().unwrap(), 0);
    let mut all = Vec::new();
    Cursor::new(output.bytes()).read_to_end(&mut all).unwrap();
    assert_eq!(all.len(), 6_553_600);
}
