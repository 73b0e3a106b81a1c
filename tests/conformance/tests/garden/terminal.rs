//! Terminals: size, resizing, line ends, several watchers.

use std::time::Duration;

use warren_garden_client::Streams;
use warren_tests_conformance::garden::{Server, Sink, shell};
use warren_wire_garden::process::{ProcessSpec, TtySpec, WindowSize};

fn with_terminal(script: &str, size: Option<(u16, u16)>) -> ProcessSpec {
    ProcessSpec {
        tty: Some(TtySpec {
            window_size: size.map(|(columns, rows)| WindowSize {
                columns: columns.into(),
                rows: rows.into(),
            }),
        }),
        ..shell("root", script)
    }
}

#[test]
fn a_terminal_has_its_size_its_name_and_its_line_ends() {
    let server = Server::new();
    let container = server.container();
    let ran = container.run(&with_terminal("stty size; tty; echo err >&2", None));
    assert_eq!(ran.stdout, "24 80\r\n/dev/pts/0\r\nerr\r\n");
    let ran = container.run(&with_terminal("stty size", Some((123, 45))));
    assert_eq!(ran.stdout, "45 123\r\n");
}

#[test]
fn a_new_size_is_told_to_the_program() {
    let server = Server::new();
    let container = server.container();
    let script = "trap 'stty size; exit 0' WINCH; echo ready; while true; do sleep 0.01; done";
    let (process, output, _) = container.capture(&with_terminal(script, None)).unwrap();
    while !output.text().contains("ready") {
        std::thread::sleep(Duration::from_millis(1));
    }
    let size = WindowSize {
        columns: 100,
        rows: 33,
    };
    process.handle().resize(size).unwrap();
    assert_eq!(process.wait().unwrap(), 0);
    assert_eq!(output.text(), "ready\r\n33 100\r\n");
}

#[test]
fn all_output_comes_through_a_terminal_too() {
    let server = Server::new();
    let container = server.container();
    for round in 0..100 {
        let ran = container.run(&with_terminal("echo hello; echo world", None));
        assert_eq!(ran.stdout, "hello\r\nworld\r\n", "round {round}");
        assert_eq!(ran.status, 0);
    }
}

#[test]
fn two_watchers_see_the_same() {
    let server = Server::new();
    let container = server.container();
    let spec = ProcessSpec {
        id: "t".to_owned(),
        ..with_terminal(
            "while ! [ -e /tmp/go ]; do sleep 0.01; done; echo out; echo err >&2",
            None,
        )
    };
    let (first, one, _) = container.capture(&spec).unwrap();
    let two = Sink::default();
    let streams = Streams {
        stdout: Some(Box::new(two.clone())),
        ..Streams::default()
    };
    let second = server
        .client()
        .attach(container.handle(), "t", streams)
        .unwrap();
    container.says("touch /tmp/go");
    assert_eq!((first.wait().unwrap(), second.wait().unwrap()), (0, 0));
    assert_eq!(
        (&*one.text(), &*two.text()),
        ("out\r\nerr\r\n", "out\r\nerr\r\n")
    );
}
