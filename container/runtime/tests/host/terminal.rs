//! Processes with a terminal.

use std::fs::File;
use std::io::Read;

use crate::world::{Running, World, shell, wait};
use crate::{Test, tests};
use warren_container_runtime::ProcessSpec;
use warren_container_runtime::engine::{Stdio, resize};
use warren_container_runtime::spec::Terminal;

pub const TESTS: &[Test] = tests![
    a_terminal_has_a_size_a_name_and_line_ends,
    the_default_size_is_80_by_24,
    a_new_size_is_signalled,
    a_user_owns_its_terminal,
    closing_the_terminal_hangs_up,
];

fn run(container: &Running, process: &ProcessSpec, size: Terminal) -> (i32, String) {
    let terminal = container.container.terminal(size).unwrap();
    let stdio = Stdio::Terminal(terminal.slave);
    let pid = container.container.spawn(process, stdio).unwrap();
    let text = drain(terminal.master.into());
    (wait(pid), text)
}

/// Reads until the last other end is closed, which a terminal tells by an error.
fn drain(mut master: File) -> String {
    let mut text = Vec::new();
    let mut some = [0; 512];
    while let Ok(length @ 1..) = master.read(&mut some) {
        text.extend_from_slice(&some[..length]);
    }
    String::from_utf8_lossy(&text).into_owned()
}

fn a_terminal_has_a_size_a_name_and_line_ends() {
    let world = World::new();
    let container = world.unprivileged();
    let size = Terminal {
        columns: 123,
        rows: 45,
    };
    let command = shell("stty size; tty; test -w /dev/tty && echo controlled; echo err >&2");
    let (status, text) = run(&container, &command, size);
    assert_eq!(status, 0);
    assert_eq!(text, "45 123\r\n/dev/pts/0\r\ncontrolled\r\nerr\r\n");
}

fn the_default_size_is_80_by_24() {
    let world = World::new();
    let container = world.privileged();
    let (_, text) = run(&container, &shell("stty size"), Terminal::default());
    assert_eq!(text, "24 80\r\n");
}

fn a_new_size_is_signalled() {
    let world = World::new();
    let container = world.unprivileged();
    let terminal = container.container.terminal(Terminal::default()).unwrap();
    let command =
        shell("trap 'stty size; exit 0' WINCH; echo ready; while true; do sleep 0.01; done");
    let stdio = Stdio::Terminal(terminal.slave);
    let pid = container.container.spawn(&command, stdio).unwrap();
    let mut master = File::from(terminal.master);
    let mut word = [0; 7];
    master.read_exact(&mut word).unwrap();
    assert_eq!(&word, b"ready\r\n");
    let size = Terminal {
        columns: 100,
        rows: 50,
    };
    resize(&master, size).unwrap();
    assert_eq!(drain(master), "50 100\r\n");
    assert_eq!(wait(pid), 0);
}

fn a_user_owns_its_terminal() {
    let world = World::new();
    let container = world.unprivileged();
    let process = ProcessSpec {
        user: "alice".into(),
        ..shell("stat -c %u:%a $(tty); echo again > $(tty)")
    };
    let (_, text) = run(&container, &process, Terminal::default());
    assert_eq!(text, "1000:620\r\nagain\r\n");
}

fn closing_the_terminal_hangs_up() {
    let world = World::new();
    let container = world.unprivileged();
    let terminal = container.container.terminal(Terminal::default()).unwrap();
    let stdio = Stdio::Terminal(terminal.slave);
    let pid = container
        .container
        .spawn(&shell("sleep 1000"), stdio)
        .unwrap();
    drop(terminal.master);
    assert_eq!(wait(pid), 128 + 1);
}
