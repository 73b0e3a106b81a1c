//! Run and attach: heads, lines, outputs, input, and servers that go away.

use std::io::{self, Read, Write};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex};

use warren_garden_client::{Error, Streams};
use warren_wire_garden as wire;
use wire::process::{ProcessSpec, Signal, WindowSize};

use crate::server::{Script, Server, answer, drip, read_all, read_until, say};

const HEAD: &str = "HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n";
const STARTED: &str = "{\"process_id\":\"p\",\"stream_id\":\"7\"}\n";
const EXITED: &str = "{\"process_id\":\"p\",\"exit_status\":42}\n";

fn program() -> ProcessSpec {
    ProcessSpec {
        path: "true".to_owned(),
        ..ProcessSpec::default()
    }
}

fn bytes(parts: &[&str]) -> Vec<u8> {
    parts.concat().into_bytes()
}

#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

/// Waits for whoever holds the other end.
struct Gate(std::sync::mpsc::Receiver<()>);

impl Gate {
    fn new() -> (Sender<()>, Self) {
        let (open, gate) = channel();
        (open, Self(gate))
    }

    fn pass(&self) {
        let _ = self.0.recv();
    }
}

impl Read for Gate {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        self.pass();
        Ok(0)
    }
}

#[test]
fn the_status_whatever_the_pieces_and_the_head() {
    let length = "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n";
    for head in [HEAD, length] {
        let all = bytes(&[head, STARTED, EXITED]);
        for script in [say(all.clone()), drip(all.clone())] {
            let server = Server::new(vec![script]);
            let process = server
                .client
                .run("h", &program(), Streams::default())
                .unwrap();
            assert_eq!(process.id(), "p");
            assert_eq!(process.wait().unwrap(), 42);
            server.finish();
        }
    }
}

#[test]
fn the_request_is_one_that_keeps_the_connection() {
    let server = Server::new(vec![say(bytes(&[HEAD, STARTED, EXITED]))]);
    server
        .client
        .run("h", &program(), Streams::default())
        .unwrap()
        .wait()
        .unwrap();
    let request = server.request();
    let expected = "POST /containers/h/processes HTTP/1.1\r\nHost: api\r\nContent-Length: 41\r\n\
        Content-Type: application/json\r\n\r\n{\"path\":\"true\",\"rlimits\":{},\"image\":{}}\n";
    assert_eq!(
        request,
        expected.replace(
            "41",
            &(expected.len() - expected.find('{').unwrap()).to_string()
        )
    );
    let server = Server::new(vec![say(bytes(&[HEAD, STARTED, EXITED]))]);
    server
        .client
        .attach("h", "p/1", Streams::default())
        .unwrap()
        .wait()
        .unwrap();
    let expected = "GET /containers/h/processes/p%2F1 HTTP/1.1\r\nHost: api\r\n\r\n";
    assert_eq!(server.request(), expected);
}

#[test]
fn output_comes_on_connections_of_its_own_and_in_full() {
    let out = "raw, not chunked:\r\n5\r\nhello\r\n0\r\n\r\n";
    let (open, gate) = Gate::new();
    let control: Script = Box::new(move |stream| {
        // The exit is told long before the output ends.
        stream.write_all(&bytes(&[HEAD, STARTED, EXITED])).unwrap();
    });
    let stdout: Script = Box::new(move |stream| {
        stream
            .write_all(&bytes(&[&HEAD.replace("201", "200"), out]))
            .unwrap();
        gate.pass();
        stream.write_all(b"late").unwrap();
    });
    let server = Server::new(vec![control, stdout, drip(bytes(&[HEAD, "errors"]))]);
    let (stdout, stderr) = (Kept::default(), Kept::default());
    let streams = Streams {
        stdin: None,
        stdout: Some(Box::new(stdout.clone())),
        stderr: Some(Box::new(stderr.clone())),
    };
    let process = server.client.run("h", &program(), streams).unwrap();
    open.send(()).unwrap();
    assert_eq!(process.wait().unwrap(), 42);
    assert_eq!(stdout.text(), format!("{out}late"));
    assert_eq!(stderr.text(), "errors");
    server.request();
    for stream in ["stdout", "stderr"] {
        let expected = format!(
            "GET /containers/h/processes/p/attaches/7/{stream} HTTP/1.1\r\nHost: api\r\n\r\n"
        );
        assert_eq!(server.request(), expected);
    }
    server.finish();
}

#[test]
fn input_signals_and_sizes_are_lines() {
    let (tell, told) = channel();
    let control: Script = Box::new(move |stream| {
        stream.write_all(&bytes(&[HEAD, STARTED])).unwrap();
        let end = "{\"process_id\":\"p\",\"source\":0}\n";
        tell.send(read_until(stream, end)).unwrap();
        for _ in 0..3 {
            tell.send(read_until(stream, "\n")).unwrap();
        }
        stream.write_all(EXITED.as_bytes()).unwrap();
    });
    let server = Server::new(vec![control]);
    let streams = Streams {
        stdin: Some(Box::new(b"text \xff".as_slice())),
        ..Streams::default()
    };
    let process = server.client.run("h", &program(), streams).unwrap();
    assert_eq!(
        told.recv().unwrap(),
        "{\"process_id\":\"p\",\"source\":0,\"data\":\"text \u{fffd}\",\"data_base64\":\"dGV4dCD/\"}\n\
         {\"process_id\":\"p\",\"source\":0}\n"
    );
    let handle = process.handle();
    handle.signal(Signal::TERMINATE).unwrap();
    handle.signal(Signal::KILL).unwrap();
    handle
        .resize(WindowSize {
            columns: 100,
            rows: 0,
        })
        .unwrap();
    assert_eq!(
        told.recv().unwrap(),
        "{\"process_id\":\"p\",\"signal\":0}\n"
    );
    assert_eq!(
        told.recv().unwrap(),
        "{\"process_id\":\"p\",\"signal\":1}\n"
    );
    let size = "{\"process_id\":\"p\",\"tty\":{\"window_size\":{\"columns\":100}}}\n";
    assert_eq!(told.recv().unwrap(), size);
    assert_eq!(process.wait().unwrap(), 42);
}

#[test]
fn refusals_are_errors_of_http() {
    let body = r#"{"Type":"ExecutableNotFoundError","Message":"exec: \"x\": executable file not found in $PATH"}"#;
    let chunked = format!(
        "HTTP/1.1 500 Internal Server Error\r\nTransfer-Encoding: chunked\r\n\r\n{:x}\r\n{body}\r\n0\r\n\r\n",
        body.len()
    );
    for bytes in [answer(500, body), chunked.into_bytes()] {
        let server = Server::saying(&bytes);
        let error = server
            .client
            .run("h", &program(), Streams::default())
            .unwrap_err();
        let is_right = matches!(error.refusal(), Some(wire::Error::ExecutableNotFound(_)));
        assert!(is_right, "{error:?}");
    }
}

#[test]
fn heads_after_which_nothing_can_follow() {
    for head in [
        "HTTP/1.1 200 OK\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.0 200 OK\r\nContent-Length: 10\r\n\r\n",
    ] {
        let server = Server::saying(&bytes(&[head, STARTED, EXITED]));
        let error = server
            .client
            .run("h", &program(), Streams::default())
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::NotHandedOver {
                    call: "Run",
                    status: 200
                }
            ),
            "{error:?}"
        );
    }
    // No final answer at all.
    let server = Server::saying(b"HTTP/1.1 101 Switching Protocols\r\n\r\n");
    let error = server
        .client
        .run("h", &program(), Streams::default())
        .unwrap_err();
    assert!(matches!(error, Error::Receive { .. }), "{error:?}");
}

#[test]
fn servers_that_go_away() {
    for (said, id) in [("", ""), (&STARTED[..STARTED.len() / 2], "")] {
        let server = Server::saying(&bytes(&[HEAD, said]));
        let error = server
            .client
            .run("h", &program(), Streams::default())
            .unwrap_err();
        assert!(
            matches!(&error, Error::Lost { process_id } if process_id == id),
            "{error:?}"
        );
    }
    let server = Server::saying(&bytes(&[HEAD, STARTED]));
    let process = server
        .client
        .run("h", &program(), Streams::default())
        .unwrap();
    let error = process.wait().unwrap_err();
    assert!(
        matches!(&error, Error::Lost { process_id } if process_id == "p"),
        "{error:?}"
    );
}

#[test]
fn an_end_that_cannot_be_told_and_lines_that_are_none() {
    let failed = "{\"process_id\":\"p\",\"error\":\"no exit file\"}\n";
    let server = Server::saying(&bytes(&[HEAD, STARTED, failed]));
    let process = server
        .client
        .run("h", &program(), Streams::default())
        .unwrap();
    let error = process.wait().unwrap_err();
    assert_eq!(error.to_string(), "process p: no exit file");
    let server = Server::saying(&bytes(&[HEAD, "5\r\nhello\r\n"]));
    let error = server
        .client
        .run("h", &program(), Streams::default())
        .unwrap_err();
    assert!(matches!(error, Error::Stream(_)), "{error:?}");
}

#[test]
fn letting_go_hangs_up_even_with_input_pending() {
    let (tell, told) = channel();
    let control: Script = Box::new(move |stream| {
        stream.write_all(&bytes(&[HEAD, STARTED])).unwrap();
        tell.send(read_all(stream)).unwrap();
    });
    let server = Server::new(vec![control]);
    let (_open, gate) = Gate::new();
    let streams = Streams {
        stdin: Some(Box::new(gate)),
        ..Streams::default()
    };
    let process = server.client.run("h", &program(), streams).unwrap();
    drop(process);
    // The end of the connection, not of the input.
    assert_eq!(told.recv().unwrap(), b"");
    server.finish();
}

struct Full;

impl Write for Full {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::ErrorKind::StorageFull.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn output_that_cannot_be_passed_on_is_told_in_the_end() {
    let output = say(bytes(&[HEAD, &"x".repeat(10 << 20)]));
    let server = Server::new(vec![say(bytes(&[HEAD, STARTED, EXITED])), output]);
    let streams = Streams {
        stdout: Some(Box::new(Full)),
        ..Streams::default()
    };
    let process = server.client.run("h", &program(), streams).unwrap();
    let error = process.wait().unwrap_err();
    assert!(matches!(error, Error::Output { .. }), "{error:?}");
    // It was read to its end all the same.
    server.finish();
}
