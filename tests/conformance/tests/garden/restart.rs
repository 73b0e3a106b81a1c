//! Servers come and go; containers stay.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use warren_garden_client::{Error, Process, Streams};
use warren_tests_conformance::garden::{Server, Sink, shell};
use warren_wire_garden::container::Properties;
use warren_wire_garden::process::ProcessSpec;

#[test]
fn containers_processes_ports_and_properties_survive_any_end_of_the_server() {
    let mut server = Server::new();
    let handle = server.client().create(&server.spec("kept")).unwrap();
    let waiting = ProcessSpec {
        id: "p".to_owned(),
        ..shell(
            "root",
            "i=0; while ! [ -e /tmp/go ]; do echo line $i; i=$((i+1)); sleep 0.001; done; exit 9",
        )
    };
    server
        .client()
        .run(&handle, &waiting, Streams::default())
        .unwrap();
    let ended = ProcessSpec {
        id: "q".to_owned(),
        ..shell("root", "exit 5")
    };
    server
        .client()
        .run(&handle, &ended, Streams::default())
        .unwrap()
        .wait()
        .unwrap();
    let mapped = server.client().net_in(&handle, 0, 80).unwrap();
    server
        .client()
        .set_property(&handle, "colour", "green")
        .unwrap();
    for signal in ["-KILL", "-TERM", "-KILL"] {
        server.end(signal);
        server.start();
        let client = server.client();
        assert_eq!(client.list(&Properties::new()).unwrap(), ["kept"]);
        assert_eq!(client.property("kept", "colour").unwrap(), "green");
        let ports = client.info("kept").unwrap().mapped_ports.unwrap();
        assert_eq!(ports[0].host_port, mapped.host_port);
        let done = client.attach("kept", "q", Streams::default()).unwrap();
        assert_eq!(done.wait().unwrap(), 5);
    }
    let output = Sink::default();
    let streams = Streams {
        stdout: Some(Box::new(output.clone())),
        ..Streams::default()
    };
    let attached = server.client().attach("kept", "p", streams).unwrap();
    // What it says from now on comes here too.
    let deadline = Instant::now() + Duration::from_secs(60);
    while !output.text().contains("line ") {
        assert!(Instant::now() < deadline, "no output");
        std::thread::sleep(Duration::from_millis(1));
    }
    let go = server
        .client()
        .run("kept", &shell("root", "touch /tmp/go"), Streams::default());
    assert_eq!(go.unwrap().wait().unwrap(), 0);
    assert_eq!(attached.wait().unwrap(), 9);
    server.client().destroy("kept").unwrap();
}

/// Takes output, and tells when whoever passes it on has come to its end.
#[derive(Clone, Default)]
struct Piece(Arc<Mutex<Vec<u8>>>);

impl Write for Piece {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Piece {
    fn streams(&self) -> Streams {
        Streams {
            stdout: Some(Box::new(self.clone())),
            ..Streams::default()
        }
    }

    #[track_caller]
    fn wait_for(&self, bytes: usize) {
        eventually(|| self.0.lock().unwrap().len() >= bytes);
    }

    /// All of it, once the connection is through.
    #[track_caller]
    fn whole(&self) -> Vec<u8> {
        eventually(|| Arc::strong_count(&self.0) == 1);
        self.0.lock().unwrap().clone()
    }
}

#[track_caller]
fn eventually(mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !condition() {
        assert!(Instant::now() < deadline, "never");
        std::thread::sleep(Duration::from_millis(1));
    }
}

/// The server has gone, and says so by hanging up.
#[track_caller]
fn cut_off(process: Process) {
    let error = process.wait().unwrap_err();
    assert!(matches!(error, Error::Lost { .. }), "{error:?}");
}

/// How much may come twice: what was on its way to the client when the server went.
const TWICE: usize = 128 << 10;

#[test]
fn neither_output_nor_input_is_lost_with_the_server() {
    let mut server = Server::new();
    server.client().create(&server.spec("kept")).unwrap();
    let of_id = |id: &str, script: &str| ProcessSpec {
        id: id.to_owned(),
        ..shell("root", script)
    };
    // It goes on while a server ends, is gone, and begins; slowly, so that it all can be kept.
    let script = "i=0; while ! [ -e /tmp/go ]; do
        for j in 0 1 2 3 4 5 6 7 8 9; do echo line $i; i=$((i+1)); done; sleep 0.002
        done; echo $i; exit 9";
    let mut pieces = vec![Piece::default()];
    let client = server.client();
    let mut counting = client
        .run("kept", &of_id("count", script), pieces[0].streams())
        .unwrap();
    let (mut keyboard, typed) = UnixStream::pair().unwrap();
    let echo = Piece::default();
    let mut streams = echo.streams();
    streams.stdin = Some(Box::new(typed));
    let mut echoing = client
        .run("kept", &of_id("echo", "cat; exit 8"), streams)
        .unwrap();
    keyboard.write_all(b"one\n").unwrap();
    echo.wait_for(4);
    for signal in ["-KILL", "-TERM", "-KILL"] {
        pieces.last().unwrap().wait_for(10_000);
        server.end(signal);
        cut_off(counting);
        cut_off(echoing);
        server.start();
        let client = server.client();
        pieces.push(Piece::default());
        let streams = pieces.last().unwrap().streams();
        counting = client.attach("kept", "count", streams).unwrap();
        // A client that goes by itself, while another one stays, ends no input either.
        echoing = client.attach("kept", "echo", Streams::default()).unwrap();
        drop(client.attach("kept", "echo", Streams::default()).unwrap());
    }
    assert_eq!(echo.whole(), b"one\n");
    let again = Piece::default();
    let mut streams = again.streams();
    streams.stdin = Some(Box::new(&b"two\n"[..]));
    let client = server.client();
    let last = client.attach("kept", "echo", streams).unwrap();
    assert_eq!(last.wait().unwrap(), 8);
    assert_eq!(echoing.wait().unwrap(), 8);
    assert_eq!(again.whole(), b"two\n");
    pieces.last().unwrap().wait_for(10_000);
    let go = client.run("kept", &shell("root", "touch /tmp/go"), Streams::default());
    assert_eq!(go.unwrap().wait().unwrap(), 0);
    assert_eq!(counting.wait().unwrap(), 9);
    let pieces: Vec<Vec<u8>> = pieces.iter().map(Piece::whole).collect();
    // The last line says how many there were.
    let end = String::from_utf8_lossy(pieces.last().unwrap()).into_owned();
    let count: usize = end.lines().last().unwrap().parse().unwrap();
    let mut said: String = (0..count).map(|i| format!("line {i}\n")).collect();
    said += &format!("{count}\n");
    let mut at = 0_usize;
    for piece in &pieces {
        let fits = |from: &usize| said.as_bytes()[*from..].starts_with(piece);
        let from = (at.saturating_sub(TWICE)..=at).rev().find(fits);
        let from = from.unwrap_or_else(|| {
            let start = String::from_utf8_lossy(&piece[..piece.len().min(100)]);
            panic!("{at} bytes had come, then {start:?}");
        });
        at = from + piece.len();
    }
    assert_eq!(at, said.len());
    assert!(!server.log().contains("dropped"), "{}", server.log());
}

/// From a shell, say, and then as a unit: what was made before stays where it is.
#[test]
fn a_server_in_another_group_knows_the_containers_of_before() {
    let mut server = Server::new();
    let mut spec = server.spec("before");
    spec.limits.memory.limit_in_bytes = 64 << 20;
    server.client().create(&spec).unwrap();
    server.end("-TERM");
    server.move_on("later");
    server.start();
    let client = server.client();
    assert!(server.try_group_file("before", "memory", "tasks").is_some());
    let limits = client.memory_limits("before").unwrap();
    assert_eq!(limits.limit_in_bytes, 64 << 20);
    assert!(client.metrics("before").unwrap().pid_stat.current > 0);
    // A process with limits of its own has groups beside its container's.
    let limited = crate::pea::limited(&server, "exit 3", 32 << 20);
    let process = client.run("before", &limited, Streams::default()).unwrap();
    assert_eq!(process.wait().unwrap(), 3);
    client.create(&server.spec("after")).unwrap();
    assert!(server.try_group_file("after", "memory", "tasks").is_none());
    client.destroy("before").unwrap();
    assert!(server.try_group_file("before", "memory", "tasks").is_none());
    assert!(client.metrics("after").unwrap().pid_stat.current > 0);
    client.destroy("after").unwrap();
}

#[test]
fn all_go_at_the_start_if_asked() {
    let mut server = Server::builder()
        .arguments(&["--destroy-containers-on-startup"])
        .start();
    server.client().create(&server.spec("gone")).unwrap();
    server.end("-KILL");
    server.start();
    assert!(server.client().list(&Properties::new()).unwrap().is_empty());
}
