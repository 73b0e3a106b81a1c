//! Processes by the real engine. What concerns pipes alone is tested without it, beside the code.

use warren_container_shim::frame::Frame;
use warren_container_shim::spec::ProcessSpec;
use warren_container_shim::{Error, Exit};

use crate::world::{World, is_running, read_until, shell, stdout};

#[test]
fn output_is_split_and_codes_are_right() {
    let world = World::new();
    let container = world.container("h");
    let outcome = container
        .shell("echo out; echo err >&2; exit 42")
        .wait()
        .unwrap();
    assert_eq!(stdout(&outcome), "out\n");
    assert_eq!(outcome.stderr, b"err\n");
    assert_eq!(outcome.exit, Exit::Status(42));
    let outcome = container.shell("kill -9 $$").wait().unwrap();
    assert_eq!(outcome.exit.code(), 137);
    let outcome = container
        .shell("echo a > /dev/stdout; echo b > /dev/stderr")
        .wait()
        .unwrap();
    assert_eq!(
        (stdout(&outcome).as_str(), outcome.stderr.as_slice()),
        ("a\n", b"b\n".as_slice())
    );
}

#[test]
fn six_attach_and_all_get_it_all() {
    let world = World::new();
    let container = world.container("h");
    let first = container.shell("read x; seq 1 5000; exit 12");
    let others: Vec<_> = (0..6).map(|_| container.attach(&first.id)).collect();
    first.send(&Frame::Stdin(b"go\n".to_vec())).unwrap();
    let id = first.id.clone();
    let expected = first.wait().unwrap();
    assert!(expected.stdout.ends_with(b"\n5000\n"));
    assert_eq!(expected.exit, Exit::Status(12));
    for other in others {
        assert_eq!(other.wait().unwrap(), expected);
    }
    assert_eq!(container.attach(&id).wait().unwrap().exit, Exit::Status(12));
}

#[test]
fn a_quick_exit_loses_no_output() {
    let world = World::new();
    let container = world.container("h");
    for _ in 0..100 {
        let outcome = container.shell("seq 1 2000").wait().unwrap();
        assert!(outcome.stdout.ends_with(b"\n2000\n"));
        assert_eq!(
            (outcome.stdout.len(), outcome.exit),
            (8893, Exit::Status(0))
        );
    }
}

#[test]
fn term_is_trapped_right_after_the_start_and_kill_needs_no_tools() {
    let world = World::new();
    let container = world.container("h");
    for user in ["", "alice"] {
        for _ in 0..10 {
            let session = container.run(&ProcessSpec {
                user: user.into(),
                ..shell("exec sleep 600")
            });
            world.depot.signal("h", &session.id, 15).unwrap();
            assert_eq!(session.wait().unwrap().exit, Exit::Signal(15));
        }
        let session = container.run(&ProcessSpec {
            user: user.into(),
            ..shell("trap 'exit 42' TERM; echo up; while :; do sleep 0.01; done")
        });
        read_until(&session, "up\n");
        session.send(&Frame::Signal(15)).unwrap();
        assert_eq!(session.wait().unwrap().exit, Exit::Status(42));
        let session = container.shell("trap '' TERM; echo up; while :; do sleep 0.01; done");
        read_until(&session, "up\n");
        let pid = session.pid;
        assert!(is_running(pid));
        session.send(&Frame::Signal(9)).unwrap();
        assert_eq!(session.wait().unwrap().exit.code(), 137);
        assert!(!is_running(pid));
    }
}

#[test]
fn what_cannot_be_started_is_told_apart() {
    let world = World::new();
    let container = world.container("h");
    let run = |spec: ProcessSpec| world.depot.run("h", &spec).unwrap_err();
    let error = run(ProcessSpec {
        path: "no-such-program".into(),
        ..ProcessSpec::default()
    });
    assert!(
        matches!(error, Error::ExecutableNotFound { .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("executable file not found in $PATH"),
        "{error}"
    );
    let error = run(ProcessSpec {
        user: "nobody-here".into(),
        ..shell("true")
    });
    assert!(matches!(error, Error::UnknownUser { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "unable to find user nobody-here: no matching entries in passwd file"
    );
    let error = run(ProcessSpec {
        path: "/etc/passwd".into(),
        ..ProcessSpec::default()
    });
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");
    let named = ProcessSpec {
        id: "once".into(),
        ..shell("true")
    };
    container.run(&named).wait().unwrap();
    assert!(matches!(run(named), Error::ProcessExists { id, .. } if id == "once"));
    // None of it has left anything, and the shim serves on.
    assert_eq!(world.depot.processes("h").unwrap().len(), 1);
}

#[test]
fn descriptors_are_the_three() {
    let world = World::new();
    let container = world.container("h");
    // Others' pipes and sessions are open in the shim meanwhile.
    let other = container.shell("read x");
    // The shell lists by a program, whose fourth is the directory.
    assert_eq!(container.says("ls /proc/self/fd | tr '\\n' ' '"), "0 1 2 3");
    other.send(&Frame::StdinEnd).unwrap();
    other.wait().unwrap();
}

#[test]
fn many_at_once() {
    let world = World::new();
    let container = world.container("h");
    let sessions: Vec<_> = (0..60)
        .map(|i| container.shell(&format!("read x; echo $x {i}; exit {i}")))
        .collect();
    for session in &sessions {
        session.send(&Frame::Stdin(b"n\n".to_vec())).unwrap();
    }
    for (i, session) in sessions.into_iter().enumerate() {
        let outcome = session.wait().unwrap();
        assert_eq!(stdout(&outcome), format!("n {i}\n"));
        assert_eq!(outcome.exit.code(), i32::try_from(i).unwrap());
    }
}

#[test]
fn a_watch_tells_of_the_end_and_of_nothing_else() {
    use std::io::Read;

    let world = World::new();
    let container = world.container("h");
    let session = container.shell("echo out; read x; exit 3");
    let depot = &world.depot;
    let mut watch = depot.watch("h", &session.id).unwrap();
    watch.set_nonblocking(true).unwrap();
    let mut bytes = [0; 64];
    let error = watch.read(&mut bytes).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock);
    watch.set_nonblocking(false).unwrap();
    session.send(&Frame::Stdin(b"go\n".to_vec())).unwrap();
    assert!(watch.read(&mut bytes).unwrap() > 0);
    let id = session.id.clone();
    assert_eq!(session.wait().unwrap().exit, Exit::Status(3));
    // One that has ended is told of at once, and so is one that nobody knows.
    for id in [id.as_str(), "nobody"] {
        assert!(depot.watch("h", id).unwrap().read(&mut bytes).unwrap() > 0);
    }
}
