//! Terminals.

use super::*;
use crate::exit::Exit;
use crate::spec::Terminal;

fn terminal(script: &str, columns: u16, rows: u16) -> ProcessSpec {
    ProcessSpec {
        terminal: Some(Terminal { columns, rows }),
        ..shell(script)
    }
}

#[test]
fn the_size_is_the_default_or_what_was_asked_for() {
    let world = World::new();
    for ((columns, rows), expected) in [((0, 0), "24 80\r\n"), ((123, 45), "45 123\r\n")] {
        let outcome = world
            .run(&terminal("stty size", columns, rows))
            .wait()
            .unwrap();
        assert_eq!(stdout(&outcome), expected);
        assert!(outcome.stderr.is_empty());
        assert_eq!(outcome.exit, Exit::Status(0));
    }
}

#[test]
fn a_new_size_is_told_by_signal() {
    let world = World::new();
    let script = "trap 'stty size; exit 3' WINCH; echo ready; while :; do sleep 0.01; done";
    let session = world.run(&terminal(script, 0, 0));
    read_until(&session, "ready\r\n");
    let window = Frame::Window {
        columns: 100,
        rows: 50,
    };
    session.send(&window).unwrap();
    let outcome = session.wait().unwrap();
    assert_eq!(stdout(&outcome), "50 100\r\n");
    assert_eq!(outcome.exit, Exit::Status(3));
}

#[test]
fn a_quick_exit_loses_no_output() {
    let world = World::new();
    for _ in 0..100 {
        let outcome = world
            .run(&terminal(
                "head -c 20000 /dev/zero | tr '\\0' x; echo end; exit 3",
                0,
                0,
            ))
            .wait()
            .unwrap();
        assert_eq!(outcome.stdout.len(), 20_005);
        assert!(outcome.stdout.ends_with(b"xend\r\n"));
        assert_eq!(outcome.exit, Exit::Status(3));
    }
}

#[test]
fn all_output_is_merged_and_input_has_an_end() {
    let world = World::new();
    let session = world.run(&terminal("stty -echo; echo err >&2; cat; echo bye", 0, 0));
    read_until(&session, "err\r\n");
    session.send(&Frame::Stdin(b"line\n".to_vec())).unwrap();
    read_until(&session, "line\r\n");
    session.send(&Frame::StdinEnd).unwrap();
    let outcome = session.wait().unwrap();
    assert_eq!(stdout(&outcome), "bye\r\n");
}

#[test]
fn a_process_may_close_its_terminal_and_open_it_again() {
    let world = World::new();
    let script = "exec </dev/null >/dev/null 2>&1; sleep 0.1; echo back >/dev/tty; exit 4";
    let outcome = world.run(&terminal(script, 0, 0)).wait().unwrap();
    assert_eq!(stdout(&outcome), "back\r\n");
    assert_eq!(outcome.exit, Exit::Status(4));
}

#[test]
fn two_sessions_see_the_same_and_both_may_type() {
    let world = World::new();
    let first = world.run(&terminal(
        "stty -echo; echo up; read a; read b; echo $a$b",
        0,
        0,
    ));
    read_until(&first, "up\r\n");
    let second = world.attach(&first.id);
    first.send(&Frame::Stdin(b"one\n".to_vec())).unwrap();
    second.send(&Frame::Stdin(b"two\n".to_vec())).unwrap();
    for session in [first, second] {
        let text = stdout(&session.wait().unwrap());
        assert!(text == "onetwo\r\n" || text == "twoone\r\n", "{text:?}");
    }
}
