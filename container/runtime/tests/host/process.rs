//! Processes: environment, directory, limits, streams, signals.

use std::collections::BTreeMap;
use std::fs::File;

use crate::world::{World, pipe, read, shell, wait};
use crate::{Test, tests};
use warren_container_runtime::engine::{SpawnError, Stdio};
use warren_container_runtime::spec::Resource;
use warren_container_runtime::{ContainerSpec, ProcessSpec};

pub const TESTS: &[Test] = tests![
    streams_and_exit_codes,
    standard_streams_have_names,
    environment_of_root_and_of_others,
    the_working_directory,
    programs_are_looked_up,
    limits_are_set,
    signals_reach_a_process_at_once,
    what_is_ignored_here_is_not_there,
    nothing_runs_when_init_is_dead,
    the_dead_are_not_kept_by_init,
];

fn streams_and_exit_codes() {
    let world = World::new();
    let container = world.unprivileged();
    let output = container.sh("echo out; echo err >&2; exit 42");
    let all = (
        output.status,
        output.stdout.as_str(),
        output.stderr.as_str(),
    );
    assert_eq!(all, (42, "out\n", "err\n"));
    let (input, to) = pipe();
    let (from, out) = pipe();
    let stdio = Stdio::Files {
        stdin: input,
        stdout: out,
        stderr: File::open("/dev/null").unwrap().into(),
    };
    let pid = container.container.spawn(&shell("cat"), stdio).unwrap();
    rustix::io::write(&to, b"hello").unwrap();
    drop(to);
    assert_eq!(read(from), "hello");
    assert_eq!(wait(pid), 0);
}

fn standard_streams_have_names() {
    let world = World::new();
    let container = world.unprivileged();
    for user in ["", "alice"] {
        let output = container.sh_as(user, "echo out > /dev/stdout; echo err > /dev/stderr");
        assert_eq!(
            (output.stdout.as_str(), output.stderr.as_str()),
            ("out\n", "err\n"),
            "{user}"
        );
    }
}

fn environment_of_root_and_of_others() {
    let world = World::new();
    let spec = ContainerSpec {
        env: vec!["A=container".into(), "B=container".into()],
        ..world.spec("env", false)
    };
    let container = world.start(&spec);
    let env = |user: &str| {
        let output = container.run(&ProcessSpec {
            path: "env".into(),
            user: user.into(),
            env: vec!["B=process".into(), "C=x=y".into()],
            ..ProcessSpec::default()
        });
        let mut lines: Vec<_> = output.stdout.lines().map(str::to_owned).collect();
        lines.sort();
        lines
    };
    let root = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let expected = [
        "A=container",
        "B=process",
        "C=x=y",
        "HOME=/root",
        root,
        "USER=root",
    ];
    assert_eq!(env(""), expected);
    let path = "PATH=/usr/local/bin:/usr/bin:/bin";
    let expected = [
        "A=container",
        "B=process",
        "C=x=y",
        "HOME=/home/alice",
        path,
        "USER=alice",
    ];
    assert_eq!(env("alice"), expected);
    assert_eq!(env("7")[3], "HOME=/");
    let init = container.says("tr '\\0' '\\n' < /proc/1/environ");
    assert_eq!(init, "A=container\nB=container");
}

fn the_working_directory() {
    let world = World::new();
    let container = world.unprivileged();
    container.says("mkdir /locked && chmod 0555 /locked && ln -s /elsewhere /link && umask 077");
    let pwd = |user: &str, dir: Option<&str>| {
        let output = container.run(&ProcessSpec {
            user: user.into(),
            dir: dir.map(Into::into),
            ..shell("pwd; stat -c '%u:%g %a' .; umask")
        });
        assert_eq!(output.status, 0, "{output:?}");
        output.stdout.replace('\n', " ").trim().to_owned()
    };
    assert_eq!(pwd("", None), "/root 0:0 755 0022");
    assert_eq!(pwd("alice", None), "/home/alice 1000:1000 755 0022");
    assert_eq!(pwd("alice", Some("")), "/home/alice 1000:1000 755 0022");
    assert_eq!(
        pwd("alice", Some("/locked/a/b")),
        "/locked/a/b 1000:1000 755 0022"
    );
    assert_eq!(
        container.says("stat -c %u /locked /locked/a | tr '\\n' ' '"),
        "0 1000"
    );
    assert_eq!(
        pwd("1000:50", Some("/link/new")),
        "/elsewhere/new 1000:50 755 0022"
    );
    assert_eq!(pwd("", Some("/tmp/../tmp")), "/tmp 0:0 1777 0022");
    let error = container
        .try_run(&ProcessSpec {
            dir: Some("/etc/passwd".into()),
            ..shell("true")
        })
        .unwrap_err();
    assert!(matches!(error, SpawnError::Directory { .. }), "{error}");
    // A loop of links ends.
    container.says("ln -s /loop2 /loop1 && ln -s /loop1 /loop2");
    let error = container
        .try_run(&ProcessSpec {
            dir: Some("/loop1/x".into()),
            ..shell("true")
        })
        .unwrap_err();
    assert!(matches!(error, SpawnError::Directory { .. }), "{error}");
}

fn programs_are_looked_up() {
    let world = World::new();
    let container = world.unprivileged();
    container.says("printf '#!/bin/sh\\necho found' > /home/tool && chmod 755 /home/tool");
    container.says("echo x > /bin/plain && chmod 644 /bin/plain && mkdir /bin/directory");
    container.says("printf '#!/nonexistent\\n' > /bin/orphan && chmod 755 /bin/orphan");
    container.says("echo text > /bin/text && chmod 755 /bin/text");
    let run = |path: &str, env: &[&str]| {
        container.try_run(&ProcessSpec {
            path: path.into(),
            env: env.iter().map(|e| (*e).to_owned()).collect(),
            ..ProcessSpec::default()
        })
    };
    assert_eq!(
        run("tool", &["PATH=/nowhere:/home"]).unwrap().stdout,
        "found\n"
    );
    assert_eq!(run("/home/tool", &[]).unwrap().stdout, "found\n");
    for (path, env) in [
        ("tool", ""),
        ("/no/such", ""),
        ("", ""),
        ("sh", "PATH="),
        ("plain", ""),
    ] {
        let error = run(path, &[env]).unwrap_err();
        assert!(
            matches!(error, SpawnError::NotFound { .. }),
            "{path}: {error}"
        );
        assert!(
            error
                .to_string()
                .contains("executable file not found in $PATH"),
            "{error}"
        );
    }
    for path in ["/bin/plain", "/bin/directory", "/bin/orphan", "/bin/text"] {
        let error = run(path, &[]).unwrap_err();
        assert!(
            matches!(error, SpawnError::NotExecutable { .. }),
            "{path}: {error}"
        );
    }
    // The dead child of a failure has been waited for.
    let left = rustix::process::wait(rustix::process::WaitOptions::NOHANG).unwrap();
    assert!(left.is_none(), "{left:?}");
}

fn limits_are_set() {
    let world = World::new();
    let container = world.unprivileged();
    let with = |resource, value, command: &str| {
        container.try_run(&ProcessSpec {
            rlimits: BTreeMap::from([(resource, value)]),
            ..shell(command)
        })
    };
    let both = |resource, value, option: &str| {
        let command = format!("ulimit -S{option}; ulimit -H{option}");
        with(resource, value, &command).unwrap().stdout
    };
    assert_eq!(both(Resource::Nofile, 30, "n"), "30\n30\n");
    assert_eq!(both(Resource::Nofile, 3, "n"), "3\n3\n");
    let nproc = with(Resource::Nproc, 77, "grep processes /proc/self/limits")
        .unwrap()
        .stdout;
    let words: Vec<_> = nproc.split_ascii_whitespace().skip(2).collect();
    assert_eq!(words, ["77", "77", "processes"]);
    assert_eq!(both(Resource::Stack, 1 << 20, "s"), "1024\n1024\n");
    assert_eq!(both(Resource::Core, 0, "c"), "0\n0\n");
    // Beyond the keeper's own: only who may raise it can.
    let hard = rustix::process::getrlimit(rustix::process::Resource::Nofile)
        .maximum
        .unwrap();
    let may = warren_sys_process::capabilities::has(rustix::thread::CapabilitySet::SYS_RESOURCE);
    match with(Resource::Nofile, hard + 1, "ulimit -n") {
        Ok(output) => assert_eq!(
            (output.stdout, may.unwrap()),
            (format!("{}\n", hard + 1), true)
        ),
        Err(error) => {
            assert!(!may.unwrap());
            assert_eq!(
                error.to_string(),
                format!("cannot set the limit nofile to {}", hard + 1)
            );
        }
    }
}

fn signals_reach_a_process_at_once() {
    use rustix::process::{Signal, kill_process};
    let world = World::new();
    let container = world.unprivileged();
    for _ in 0..20 {
        let pid = container.background("sleep 1000");
        kill_process(pid, Signal::TERM).unwrap();
        assert_eq!(wait(pid), 128 + 15);
    }
    let (from, out) = pipe();
    let null = || File::open("/dev/null").unwrap().into();
    let stdio = Stdio::Files {
        stdin: null(),
        stdout: out,
        stderr: null(),
    };
    let command = shell("trap 'exit 42' TERM; echo ready; while true; do sleep 0.01; done");
    let pid = container.container.spawn(&command, stdio).unwrap();
    let mut word = [0; 6];
    assert_eq!(rustix::io::read(&from, &mut word).unwrap(), 6);
    kill_process(pid, Signal::TERM).unwrap();
    assert_eq!(wait(pid), 42);
}

fn what_is_ignored_here_is_not_there() {
    let world = World::new();
    let container = world.unprivileged();
    // Rust programs ignore SIGPIPE, signal 13.
    let ignored = container.says("grep SigIgn: /proc/self/status | cut -f2");
    assert_eq!(u64::from_str_radix(&ignored, 16).unwrap(), 0);
    let blocked = container.says("grep SigBlk: /proc/self/status | cut -f2");
    assert_eq!(u64::from_str_radix(&blocked, 16).unwrap(), 0);
}

fn nothing_runs_when_init_is_dead() {
    let world = World::new();
    let container = world.unprivileged();
    let sleeper = container.background("sleep 1000");
    let init = container.container.init();
    rustix::process::kill_process(init, rustix::process::Signal::KILL).unwrap();
    assert_eq!(wait(sleeper), 137);
    assert_eq!(wait(init), 137);
    let error = container.try_run(&shell("true")).unwrap_err();
    assert!(matches!(error, SpawnError::NotRunning), "{error}");
}

fn the_dead_are_not_kept_by_init() {
    let world = World::new();
    let container = world.unprivileged();
    container.says("(sh -c 'sleep 0.1 & exec true') & wait");
    crate::world::eventually("the end of the orphan", || {
        container.sh("ps -o stat | grep -q ^Z").status == 1
    });
}
