//! Servers that die and come back: what their sessions had not delivered, and input.

use super::*;
use crate::exit::Exit;
use crate::ring::CAPACITY;

/// The numbers in a range, a line each.
fn lines(range: std::ops::RangeInclusive<u32>) -> String {
    range.map(|number| format!("{number}\n")).collect()
}

fn delivered(session: &Session, bytes: usize) {
    let frame = Frame::Delivered {
        stream: Stream::Stdout,
        bytes: bytes as u64,
    };
    session.send(&frame).unwrap();
}

/// Waits for a process's end, and until the shim has gone round often enough since to have read
/// what was in its pipes.
fn wait_ended(world: &World, id: &str) {
    eventually("the process ends", || {
        let all = world.depot.processes(HANDLE).unwrap();
        all.iter().any(|each| each.id == id && each.exit.is_some())
    });
    for _ in 0..3 {
        world.shell("true").wait().unwrap();
    }
}

#[test]
fn the_next_session_goes_on_where_one_was_cut_off() {
    let world = World::new();
    let session = world.shell("seq 1 5; read x; seq 6 2000; echo end >&2; exit 3");
    let id = session.id.clone();
    read_until(&session, &lines(1..=5));
    session.send(&Frame::Stdin(b"go\n".to_vec())).unwrap();
    read_until(&session, "\n2000\n");
    // What has been sent to whom is gone has come to nobody: all but two lines of it.
    delivered(&session, 4);
    drop(session);
    wait_ended(&world, &id);
    let outcome = world.attach(&id).wait().unwrap();
    assert_eq!(stdout(&outcome), lines(3..=2000));
    assert_eq!(
        (outcome.stderr.as_slice(), outcome.lost),
        (&b"end\n"[..], 0)
    );
    assert_eq!(outcome.exit, Exit::Status(3));
    // Now it has come.
    let outcome = world.attach(&id).wait().unwrap();
    assert_eq!((outcome.stdout.len(), outcome.exit), (0, Exit::Status(3)));
}

#[test]
fn input_stays_open_when_a_session_is_cut_off() {
    let world = World::new();
    let session = world.shell("cat; exit 4");
    let id = session.id.clone();
    session.send(&Frame::Stdin(b"one\n".to_vec())).unwrap();
    read_until(&session, "one\n");
    delivered(&session, 4);
    drop(session);
    for _ in 0..2 {
        let session = world.attach(&id);
        session.send(&Frame::Stdin(b"two\n".to_vec())).unwrap();
        assert_eq!(read_until(&session, "two\n"), "two\n");
        delivered(&session, 4);
    }
    let session = world.attach(&id);
    session.send(&Frame::StdinEnd).unwrap();
    let outcome = session.wait().unwrap();
    assert_eq!(
        (stdout(&outcome), outcome.exit),
        (String::new(), Exit::Status(4))
    );
}

#[test]
fn who_hangs_up_in_words_leaves_nothing_and_ends_no_input() {
    let world = World::new();
    let first = world.shell("echo before; cat; exit 5");
    let id = first.id.clone();
    read_until(&first, "before\n");
    let other = world.attach(&id);
    first.detach();
    other.send(&Frame::Stdin(b"it\n".to_vec())).unwrap();
    assert_eq!(read_until(&other, "it\n"), "it\n");
    other.send(&Frame::Stdin(b"lost\n".to_vec())).unwrap();
    other.send(&Frame::StdinEnd).unwrap();
    other.detach();
    wait_ended(&world, &id);
    let outcome = world.attach(&id).wait().unwrap();
    assert_eq!((outcome.stdout.len(), outcome.lost), (0, 0));
    assert_eq!(outcome.exit, Exit::Status(5));
}

#[test]
fn a_word_behind_input_that_nobody_reads_is_heard_in_the_end() {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let gate = folder.path().join("go");
    let session = world.shell(&format!(
        "echo early; until [ -e {} ]; do sleep 0.01; done; wc -c",
        gate.display()
    ));
    let id = session.id.clone();
    read_until(&session, "early\n");
    // Beyond what is queued for it, so that the end is seen before the word.
    for _ in 0..18 {
        session.send(&Frame::Stdin(vec![b'x'; 60_000])).unwrap();
    }
    session.send(&Frame::StdinEnd).unwrap();
    session.detach();
    std::fs::write(&gate, "").unwrap();
    wait_ended(&world, &id);
    let outcome = world.attach(&id).wait().unwrap();
    assert_eq!((stdout(&outcome), outcome.lost), (String::new(), 0));
}

#[test]
fn what_is_more_than_is_kept_is_counted() {
    let world = World::new();
    let session = world.shell("read x; head -c 3000000 /dev/zero; echo end");
    let id = session.id.clone();
    session.send(&Frame::Stdin(b"go\n".to_vec())).unwrap();
    drop(session);
    wait_ended(&world, &id);
    let session = world.attach(&id);
    let lost = 3_000_004 - CAPACITY as u64;
    let first = session.receive().unwrap();
    let stream = Stream::Stdout;
    assert_eq!(
        first,
        Some(Frame::Lost {
            stream,
            bytes: lost
        })
    );
    let outcome = session.wait().unwrap();
    assert_eq!((outcome.stdout.len(), outcome.lost), (CAPACITY, 0));
    assert!(outcome.stdout.ends_with(b"end\n"));
}

#[test]
fn ended_processes_do_not_fill_the_memory() {
    let world = World::new();
    let ids: Vec<String> = (0..6)
        .map(|_| {
            let session = world.shell("head -c 1000000 /dev/zero");
            let id = session.id.clone();
            drop(session);
            wait_ended(&world, &id);
            id
        })
        .collect();
    let mut left = ids
        .iter()
        .map(|id| world.attach(id).wait().unwrap().stdout.len());
    // The oldest are dropped.
    let expected = [0, 0, 1_000_000, 1_000_000, 1_000_000, 1_000_000];
    assert!(left.by_ref().eq(expected));
    // Nor do very many that have said little.
    let ids: Vec<String> = (0..70).map(|_| world.shell("echo x").id).collect();
    eventually("all end", || {
        let all = world.depot.processes(HANDLE).unwrap();
        all.iter().all(|each| each.exit.is_some())
    });
    wait_ended(&world, &ids[69]);
    let said = |id: &String| stdout(&world.attach(id).wait().unwrap());
    assert_eq!([&ids[0], &ids[5]].map(said), ["", ""]);
    assert_eq!([&ids[6], &ids[69]].map(said), ["x\n", "x\n"]);
}

#[test]
fn whoever_reads_as_fast_as_it_comes_gets_all_of_it() {
    let world = World::new();
    for _ in 0..150 {
        let session = world.shell("head -c 1000000 /dev/zero");
        let id = session.id.clone();
        drop(session);
        eventually("the process ends", || {
            let all = world.depot.processes(HANDLE).unwrap();
            all.iter().any(|each| each.id == id && each.exit.is_some())
        });
        // Nothing else happens from here on that could make the shim look again.
        assert_eq!(world.attach(&id).wait().unwrap().stdout.len(), 1_000_000);
    }
}

#[test]
fn a_client_of_before_ends_input_and_output_by_hanging_up() {
    let world = World::new();
    let path = world.depot.path(HANDLE).join("shim.sock");
    let begin = |json: &str| {
        let socket = std::os::unix::net::UnixStream::connect(&path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        crate::frame::write(&socket, &Frame::Request(json.into())).unwrap();
        let Some(Frame::Ok(_)) = crate::frame::read(&socket).unwrap() else {
            panic!("no session");
        };
        socket
    };
    let script = "echo early; cat; echo late; exit 6";
    let mut process = serde_json::to_value(shell(script)).unwrap();
    process["id"] = "p".into();
    let run = serde_json::json!({"request": "run", "process": process});
    let socket = begin(&run.to_string());
    let input = Frame::Stdin(b"input".to_vec());
    crate::frame::write(&socket, &input).unwrap();
    drop(socket);
    wait_ended(&world, "p");
    let socket = begin(r#"{"request":"attach","id":"p"}"#);
    let last = crate::frame::read(&socket).unwrap();
    assert_eq!(last, Some(Frame::Exit(Exit::Status(6))));
    assert_eq!(crate::frame::read(&socket).unwrap(), None);
}

#[test]
fn a_shim_of_before_is_told_nothing_that_it_does_not_know() {
    let started: crate::wire::Started = serde_json::from_str(r#"{"id":"p","pid":7}"#).unwrap();
    let (ours, theirs) = std::os::unix::net::UnixStream::pair().unwrap();
    let session = Session {
        id: started.id,
        pid: started.pid,
        resumes: started.resumes,
        socket: ours,
    };
    session.detach();
    assert_eq!(crate::frame::read(&theirs).unwrap(), None);
}
