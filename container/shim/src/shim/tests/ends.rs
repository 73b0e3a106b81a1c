//! Running, exit codes, input and output by pipes, attaching.

use std::io::Write;
use std::path::Path;

use super::*;
use crate::Error;
use crate::exit::Exit;

/// Shell: waits for a file.
fn until(file: &Path) -> String {
    format!("until [ -e {} ]; do sleep 0.01; done", file.display())
}

#[test]
fn output_is_split_and_the_code_comes_last() {
    let world = World::new();
    let outcome = world
        .shell("echo out; echo err >&2; exit 42")
        .wait()
        .unwrap();
    assert_eq!(stdout(&outcome), "out\n");
    assert_eq!(outcome.stderr, b"err\n");
    assert_eq!(outcome.exit, Exit::Status(42));
    let outcome = world.shell("kill -9 $$").wait().unwrap();
    assert_eq!(outcome.exit, Exit::Signal(9));
    assert_eq!(outcome.exit.code(), 137);
}

#[test]
fn a_quick_exit_loses_no_output() {
    let world = World::new();
    let expected = "0123456789abcdef".repeat(4096);
    let script = format!("head -c {} /dev/zero | tr '\\0' x; echo end", 100_000);
    for _ in 0..100 {
        let outcome = world.shell(&script).wait().unwrap();
        assert_eq!(outcome.stdout.len(), 100_004);
        assert!(outcome.stdout.ends_with(b"xend\n"));
    }
    let outcome = world
        .shell(&format!("printf %s {expected}"))
        .wait()
        .unwrap();
    assert_eq!(stdout(&outcome), expected);
}

#[test]
fn input_is_relayed_byte_for_byte_and_its_end_too() {
    let world = World::new();
    let session = world.shell("cat");
    let bytes: Vec<u8> = (0..300_000_u32).map(|i| (i * 7 / 3) as u8).collect();
    let sender = {
        let (socket, bytes) = (session.socket.try_clone().unwrap(), bytes.clone());
        std::thread::spawn(move || {
            for piece in bytes.chunks(7777) {
                crate::frame::write(&socket, &Frame::Stdin(piece.to_vec())).unwrap();
            }
            crate::frame::write(&socket, &Frame::StdinEnd).unwrap();
        })
    };
    let outcome = session.wait().unwrap();
    sender.join().unwrap();
    assert!(outcome.stdout == bytes);
    assert_eq!(outcome.exit, Exit::Status(0));
}

#[test]
fn input_that_nobody_reads_stops_the_socket_but_no_signal() {
    let world = World::new();
    let session = world.shell("trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done");
    read_until(&session, "ready\n");
    session.socket.set_nonblocking(true).unwrap();
    let mut bytes = Vec::new();
    crate::frame::encode(&Frame::Stdin(vec![0; 60_000]), &mut bytes).unwrap();
    let mut sent = 0;
    // Filled when so much has been taken, and then nothing for a while.
    let mut stuck = 0;
    let deadline = std::time::Instant::now() + DEADLINE;
    while stuck < 100 || sent <= 1 << 20 {
        assert!(std::time::Instant::now() < deadline, "{sent} bytes taken");
        match (&session.socket).write(&bytes[sent % bytes.len()..]) {
            Ok(n) => (sent, stuck) = (sent + n, 0),
            Err(_) => {
                stuck += 1;
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        assert!(sent < 10 << 20, "{sent} bytes taken");
    }
    world.depot.signal(HANDLE, &session.id, 15).unwrap();
    session.socket.set_nonblocking(false).unwrap();
    assert_eq!(session.wait().unwrap().exit, Exit::Status(7));
}

#[test]
fn the_code_comes_while_input_is_still_being_written() {
    let world = World::new();
    for _ in 0..10 {
        let session = world.shell("exit 5");
        let socket = session.socket.try_clone().unwrap();
        let writer = std::thread::spawn(move || {
            while crate::frame::write(&socket, &Frame::Stdin(vec![b'x'; 4096])).is_ok() {}
        });
        assert_eq!(session.wait().unwrap().exit, Exit::Status(5));
        writer.join().unwrap();
    }
}

#[test]
fn many_sessions_get_the_same_output_and_code() {
    let world = World::new();
    let first = world.shell("read line; seq 1 20000; exit 12");
    let others: Vec<Session> = (0..6).map(|_| world.attach(&first.id)).collect();
    first.send(&Frame::Stdin(b"go\n".to_vec())).unwrap();
    let id = first.id.clone();
    let threads: Vec<_> = others
        .into_iter()
        .chain([first])
        .map(|session| std::thread::spawn(move || session.wait().unwrap()))
        .collect();
    let outcomes: Vec<Outcome> = threads.into_iter().map(|t| t.join().unwrap()).collect();
    assert!(outcomes[6].stdout.ends_with(b"\n20000\n"));
    for outcome in &outcomes {
        assert_eq!(outcome, &outcomes[6]);
        assert_eq!(outcome.exit, Exit::Status(12));
    }
    // And as often as one likes afterwards.
    for _ in 0..3 {
        let late = world.attach(&id);
        assert_eq!(late.pid, 0);
        let late = late.wait().unwrap();
        assert_eq!((late.exit, late.stdout.len()), (Exit::Status(12), 0));
    }
}

#[test]
fn ids_are_unique_for_ever_but_a_failed_start_does_not_use_one_up() {
    let world = World::new();
    let mut spec = ProcessSpec {
        id: "mine".into(),
        path: "/nonexistent/program".into(),
        ..ProcessSpec::default()
    };
    let error = world.depot.run(HANDLE, &spec).unwrap_err();
    assert!(matches!(error, Error::ExecutableNotFound { .. }), "{error}");
    spec.path = "/bin/true".into();
    let session = world.run(&spec);
    assert_eq!(session.id, "mine");
    session.wait().unwrap();
    let error = world.depot.run(HANDLE, &spec).unwrap_err();
    assert!(matches!(error, Error::ProcessExists { id, .. } if id == "mine"));
    let error = world.depot.attach(HANDLE, "other").unwrap_err();
    assert!(matches!(error, Error::ProcessNotFound { id, .. } if id == "other"));
    let error = world.depot.signal(HANDLE, "other", 15).unwrap_err();
    assert!(matches!(error, Error::ProcessNotFound { .. }));
    world.depot.signal(HANDLE, "mine", 15).unwrap();
    let made_up = world.shell("exit 3");
    assert_eq!(made_up.id.len(), 36);
    let id = made_up.id.clone();
    made_up.wait().unwrap();
    let mut found = world.depot.processes(HANDLE).unwrap();
    found.retain(|each| each.id == "mine" || each.id == id);
    let exits: Vec<_> = found
        .iter()
        .map(|each| (each.pid, each.exit.unwrap().code()))
        .collect();
    assert_eq!(exits.iter().map(|each| each.0).sum::<i32>(), 0);
    assert_eq!(exits.iter().map(|each| each.1).sum::<i32>(), 3);
}

#[test]
fn a_client_that_hangs_up_ends_the_input_and_nothing_else() {
    let world = World::new();
    let session = world.shell("cat >/dev/null; echo ended; read x </dev/null; sleep 0.05; exit 9");
    let id = session.id.clone();
    // What was sent before is not lost.
    session.send(&Frame::Stdin(b"some".to_vec())).unwrap();
    session.send(&Frame::StdinEnd).unwrap();
    session.detach();
    assert_eq!(world.attach(&id).wait().unwrap().exit, Exit::Status(9));

    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("all");
    let session = world.shell(&format!("cat > {}; exit 1", file.display()));
    let id = session.id.clone();
    for _ in 0..200 {
        session.send(&Frame::Stdin(vec![b'y'; 5000])).unwrap();
    }
    session.send(&Frame::StdinEnd).unwrap();
    session.detach();
    world.attach(&id).wait().unwrap();
    assert_eq!(std::fs::metadata(file).unwrap().len(), 1_000_000);
}

#[test]
fn an_attached_client_that_hangs_up_ends_no_input() {
    let world = World::new();
    let first = world.shell("read a; echo got $a");
    drop(world.attach(&first.id));
    let other = world.attach(&first.id);
    other.send(&Frame::Stdin(b"it\n".to_vec())).unwrap();
    assert_eq!(stdout(&first.wait().unwrap()), "got it\n");
    assert_eq!(stdout(&other.wait().unwrap()), "got it\n");
}

#[test]
fn output_of_a_child_that_outlives_the_process_comes_before_the_end() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("go");
    let session = world.shell(&format!(
        "({}; echo late) & echo early; exit 4",
        until(&gate)
    ));
    let id = session.id.clone();
    eventually("the process has ended", || {
        let all = world.depot.processes(HANDLE).unwrap();
        all[0].exit.is_some()
    });
    // Attaching and signals work meanwhile.
    let attached = world.attach(&id);
    world.depot.signal(HANDLE, &id, 15).unwrap();
    std::fs::write(&gate, "").unwrap();
    let outcome = session.wait().unwrap();
    assert_eq!(stdout(&outcome), "early\nlate\n");
    assert_eq!(outcome.exit, Exit::Status(4));
    assert_eq!(stdout(&attached.wait().unwrap()), "late\n");
}

#[test]
fn a_signal_right_after_the_start_reaches_its_handler() {
    let world = World::new();
    for _ in 0..20 {
        let session = world.shell("exec sleep 60");
        session.send(&Frame::Signal(15)).unwrap();
        assert_eq!(session.wait().unwrap().exit, Exit::Signal(15));
    }
}

#[test]
fn a_signal_goes_to_the_one_process_alone() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let (gate, hit) = (folder.path().join("go"), folder.path().join("hit"));
    let session = world.shell(&format!(
        "(trap 'echo hit' TERM; touch {0}.set; {1}; echo spared) & \
         trap 'touch {0}; wait; exit 6' TERM; until [ -e {0}.set ]; do sleep 0.01; done; \
         echo up; wait; exit 8",
        hit.display(),
        until(&gate)
    ));
    read_until(&session, "up\n");
    world.depot.signal(HANDLE, &session.id, 15).unwrap();
    eventually("the signal has come", || hit.exists());
    std::fs::write(&gate, "").unwrap();
    let outcome = session.wait().unwrap();
    assert_eq!(stdout(&outcome), "spared\n");
    assert_eq!(outcome.exit, Exit::Status(6));
    let error = world.depot.signal(HANDLE, "x", 999).unwrap_err();
    assert!(matches!(error, Error::ProcessNotFound { .. }));
}

#[test]
fn junk_is_refused_and_hurts_nobody() {
    let world = World::new();
    let path = world.depot.path(HANDLE).join("shim.sock");
    let junk: [&[u8]; 5] = [
        b"",
        b"GET / HTTP/1.1\r\n\r\n",
        &[1, 4, 0, 0, 0, b'n', b'u', b'l', b'l'],
        &[2, 1, 0, 0, 0, b'x'],
        &[1, 255, 255, 255, 255],
    ];
    for bytes in junk {
        let mut socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
        socket.write_all(bytes).unwrap();
        socket.shutdown(std::net::Shutdown::Write).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        match crate::frame::read(&socket) {
            Ok(None) => assert!(bytes.is_empty()),
            Ok(Some(Frame::Failed(json))) => {
                let text = String::from_utf8(json).unwrap();
                assert!(text.contains("\"invalid\""), "{text}");
            }
            other => panic!("{other:?}"),
        }
    }
    // A junk frame in a session ends the session only.
    let session = world.shell("cat >/dev/null; exit 2");
    let id = session.id.clone();
    session.send(&Frame::Ok(Vec::new())).unwrap();
    assert!(matches!(session.receive().unwrap(), Some(Frame::Failed(_))));
    assert_eq!(world.attach(&id).wait().unwrap().exit, Exit::Status(2));
}
