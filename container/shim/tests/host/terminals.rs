//! Terminals of the container's own.

use warren_container_shim::Exit;
use warren_container_shim::frame::Frame;
use warren_container_shim::spec::{ProcessSpec, Terminal};

use crate::world::{World, read_until, shell, stdout};

fn terminal(script: &str) -> ProcessSpec {
    ProcessSpec {
        terminal: Some(Terminal::default()),
        ..shell(script)
    }
}

#[test]
fn a_terminal_has_a_name_inside_and_the_usual_size() {
    let world = World::new();
    let container = world.container("h");
    for user in ["", "alice"] {
        let outcome = container
            .run(&ProcessSpec {
                user: user.into(),
                ..terminal("tty; stty size; echo x > $(tty); stty -a | grep -o ' onlcr'")
            })
            .wait()
            .unwrap();
        let text = stdout(&outcome);
        assert!(text.starts_with("/dev/pts/"), "{text:?}");
        assert!(
            text.ends_with("\r\n24 80\r\nx\r\n onlcr\r\n"),
            "{text:?} {outcome:?}"
        );
    }
}

#[test]
fn a_new_size_is_told_by_signal_and_interrupt_by_key() {
    let world = World::new();
    let container = world.container("h");
    let script = "trap 'stty size; exit 3' WINCH; echo up; while :; do sleep 0.01; done";
    let session = container.run(&terminal(script));
    read_until(&session, "up\r\n");
    let window = Frame::Window {
        columns: 132,
        rows: 50,
    };
    session.send(&window).unwrap();
    let outcome = session.wait().unwrap();
    assert_eq!(
        (stdout(&outcome).as_str(), outcome.exit),
        ("50 132\r\n", Exit::Status(3))
    );
    let session = container.run(&terminal("stty -echo; echo up; exec cat"));
    read_until(&session, "up\r\n");
    session.send(&Frame::Stdin(vec![3])).unwrap();
    assert_eq!(session.wait().unwrap().exit, Exit::Signal(2));
}

#[test]
fn a_quick_exit_loses_no_output() {
    let world = World::new();
    let container = world.container("h");
    for _ in 0..100 {
        let outcome = container
            .run(&terminal("seq 1 1000; exit 3"))
            .wait()
            .unwrap();
        assert!(outcome.stdout.ends_with(b"\r\n1000\r\n"));
        assert_eq!(
            (outcome.stdout.len(), outcome.exit),
            (4893, Exit::Status(3))
        );
    }
}
