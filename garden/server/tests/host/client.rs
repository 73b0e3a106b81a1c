//! The wire by hand: what clients send and what they make of the answers, kept apart from the
//! server's code so that a mistake there does not cancel out here.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use warren_wire_garden::hijack::{Head, parse_response_head};
use warren_wire_garden::process::ProcessSpec;

/// How long anything may take before it counts as hanging.
pub const LONG: Duration = Duration::from_secs(30);

/// A client of the server at a socket.
#[derive(Clone)]
pub struct Client {
    socket: PathBuf,
}

/// An answer.
pub struct Answer {
    pub head: Head,
    pub body: Vec<u8>,
    /// Whether the body came to its marked end.
    pub is_whole: bool,
}

impl Answer {
    #[track_caller]
    pub fn json<T: DeserializeOwned>(&self) -> T {
        let text = String::from_utf8_lossy(&self.body);
        assert_eq!(self.head.status, 200, "{text}");
        assert_eq!(self.head.header("content-type"), Some("application/json"));
        assert!(text.ends_with('\n'), "{text:?}");
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    /// Type and text of an error.
    #[track_caller]
    pub fn error(&self) -> (u16, String, String) {
        let object: Value = serde_json::from_slice(&self.body).unwrap();
        let text = |key: &str| object[key].as_str().unwrap().to_owned();
        (self.head.status, text("Type"), text("Message"))
    }
}

impl Client {
    pub fn new(socket: &Path) -> Self {
        Self {
            socket: socket.to_owned(),
        }
    }

    #[track_caller]
    pub fn connect(&self) -> UnixStream {
        let stream = UnixStream::connect(&self.socket).unwrap();
        stream.set_read_timeout(Some(LONG)).unwrap();
        stream
    }

    #[track_caller]
    pub fn send(&self, method: &str, target: &str, body: &[u8]) -> Answer {
        let mut stream = self.connect();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: api\r\nConnection: close\r\n\
             Content-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        // The server may answer before it has all.
        let _may_be_refused = stream.write_all(body);
        let mut bytes = Vec::new();
        match stream.read_to_end(&mut bytes) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::ConnectionReset => {}
            Err(error) => panic!("{method} {target}: {error}"),
        }
        let head = parse_response_head(&bytes).unwrap().expect("a head");
        let rest = &bytes[head.length..];
        let (body, is_whole) = match head.content_length() {
            Some(length) => (rest.to_vec(), rest.len() as u64 == length),
            None => unchunk(rest),
        };
        Answer {
            head,
            body,
            is_whole,
        }
    }

    #[track_caller]
    pub fn get<T: DeserializeOwned>(&self, target: &str) -> T {
        self.send("GET", target, b"").json()
    }

    #[track_caller]
    pub fn put<T: DeserializeOwned>(&self, method: &str, target: &str, body: impl Serialize) -> T {
        let body = serde_json::to_vec(&body).unwrap();
        self.send(method, target, &body).json()
    }

    /// Makes a container; `spec` in the wire's own words.
    #[track_caller]
    pub fn create(&self, spec: Value) -> String {
        let answer: Value = self.put("POST", "/containers", spec);
        answer["Handle"].as_str().unwrap().to_owned()
    }

    #[track_caller]
    pub fn destroy(&self, handle: &str) {
        let answer: Value = self
            .send("DELETE", &format!("/containers/{handle}"), b"")
            .json();
        assert_eq!(answer, json!({}));
    }

    #[track_caller]
    pub fn list(&self, query: &str) -> Vec<String> {
        let answer: Value = self.get(&format!("/containers{query}"));
        let handles = answer["Handles"].as_array().unwrap();
        handles
            .iter()
            .map(|handle| handle.as_str().unwrap().to_owned())
            .collect()
    }

    /// Starts a process and fetches both outputs.
    #[track_caller]
    pub fn run(&self, handle: &str, spec: &ProcessSpec) -> Process {
        let body = serde_json::to_vec(spec).unwrap();
        let target = format!("/containers/{handle}/processes");
        self.control("POST", &target, &body, handle)
            .unwrap_or_else(|answer| panic!("{}", String::from_utf8_lossy(&answer.body)))
    }

    /// A shell's script as root, to its end.
    #[track_caller]
    pub fn script(&self, handle: &str, script: &str) -> Outcome {
        self.run(handle, &shell(script)).wait()
    }

    #[track_caller]
    pub fn attach(&self, handle: &str, id: &str) -> Process {
        let target = format!("/containers/{handle}/processes/{id}");
        self.control("GET", &target, b"", handle)
            .unwrap_or_else(|answer| panic!("{}", String::from_utf8_lossy(&answer.body)))
    }

    /// Takes the connection over, or answers with what came instead.
    #[track_caller]
    pub fn control(
        &self,
        method: &str,
        target: &str,
        body: &[u8],
        handle: &str,
    ) -> Result<Process, Answer> {
        let (head, control, early) = self.take_over(method, target, body);
        if !head.takes_over() {
            let mut body = early;
            let length = head.content_length().unwrap() as usize;
            let mut control = control;
            while body.len() < length {
                let mut more = [0; 4096];
                let count = read(&mut control, &mut more);
                body.extend_from_slice(&more[..count]);
            }
            return Err(Answer {
                head,
                body,
                is_whole: true,
            });
        }
        let mut process = Process {
            control,
            received: early,
            id: String::new(),
            stream: String::new(),
            outputs: Vec::new(),
        };
        let first = process.line();
        process.id = first["process_id"].as_str().unwrap().to_owned();
        process.stream = first["stream_id"].as_str().unwrap().to_owned();
        for which in ["stdout", "stderr"] {
            let output = self.output(handle, &process.id, &process.stream, which);
            process.outputs.push(output);
        }
        Ok(process)
    }

    fn take_over(&self, method: &str, target: &str, body: &[u8]) -> (Head, UnixStream, Vec<u8>) {
        let mut stream = self.connect();
        let head = format!(
            "{method} {target} HTTP/1.1\r\nHost: api\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut bytes = Vec::new();
        let head = loop {
            let mut more = [0; 4096];
            let count = read(&mut stream, &mut more);
            assert!(count > 0, "{method} {target}: no head");
            bytes.extend_from_slice(&more[..count]);
            if let Some(head) = parse_response_head(&bytes).unwrap() {
                break head;
            }
        };
        let early = bytes.split_off(head.length);
        (head, stream, early)
    }

    /// Fetches an output to its end, in a thread.
    #[track_caller]
    pub fn output(&self, handle: &str, id: &str, stream: &str, which: &str) -> JoinHandle<Vec<u8>> {
        let target = format!("/containers/{handle}/processes/{id}/attaches/{stream}/{which}");
        let (head, mut socket, mut bytes) = self.take_over("GET", &target, b"");
        assert!(head.takes_over(), "{head:?}");
        assert_eq!(head.status, 200);
        std::thread::spawn(move || {
            socket.read_to_end(&mut bytes).unwrap();
            bytes
        })
    }
}

/// A process under control.
pub struct Process {
    pub control: UnixStream,
    received: Vec<u8>,
    pub id: String,
    pub stream: String,
    outputs: Vec<JoinHandle<Vec<u8>>>,
}

/// How a process ended and all that it wrote.
#[derive(Debug, PartialEq, Eq)]
pub struct Outcome {
    pub status: i64,
    pub stdout: String,
    pub stderr: String,
}

impl Process {
    #[track_caller]
    pub fn say(&mut self, message: Value) {
        let mut line = serde_json::to_vec(&message).unwrap();
        line.push(b'\n');
        self.control.write_all(&line).unwrap();
    }

    /// The next line of control.
    #[track_caller]
    pub fn line(&mut self) -> Value {
        loop {
            if let Some(end) = self.received.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.received.drain(..=end).collect();
                return serde_json::from_slice(&line).unwrap();
            }
            let mut more = [0; 4096];
            let count = read(&mut self.control, &mut more);
            assert!(count > 0, "control ended without a last line");
            self.received.extend_from_slice(&more[..count]);
        }
    }

    /// Waits for the end of process, outputs and control.
    #[track_caller]
    pub fn wait(mut self) -> Outcome {
        let last = self.line();
        assert_eq!(last["process_id"], self.id, "{last}");
        let status = last["exit_status"]
            .as_i64()
            .unwrap_or_else(|| panic!("{last}"));
        let mut rest = Vec::new();
        self.control.read_to_end(&mut rest).unwrap();
        assert!(self.received.is_empty() && rest.is_empty());
        let mut outputs = self
            .outputs
            .drain(..)
            .map(|output| String::from_utf8(output.join().unwrap()).unwrap());
        Outcome {
            status,
            stdout: outputs.next().unwrap(),
            stderr: outputs.next().unwrap(),
        }
    }

    /// Hangs up at once.
    pub fn hang_up(self) {
        let _gone = self.control.shutdown(Shutdown::Both);
    }
}

/// A shell that runs a script as root.
pub fn shell(script: &str) -> ProcessSpec {
    ProcessSpec {
        path: "sh".to_owned(),
        args: vec!["-c".to_owned(), script.to_owned()],
        user: "root".to_owned(),
        ..ProcessSpec::default()
    }
}

/// Reads once. A socket with a time-out is interrupted by much that is no signal of anybody's.
#[track_caller]
fn read(stream: &mut UnixStream, buffer: &mut [u8]) -> usize {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return done.unwrap(),
        }
    }
}

fn unchunk(mut bytes: &[u8]) -> (Vec<u8>, bool) {
    let mut body = Vec::new();
    loop {
        let Some(end) = bytes.windows(2).position(|two| two == b"\r\n") else {
            return (body, false);
        };
        let size = str::from_utf8(&bytes[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        bytes = &bytes[end + 2..];
        if size == 0 {
            return (body, bytes == b"\r\n");
        }
        if bytes.len() < size + 2 {
            return (body, false);
        }
        body.extend_from_slice(&bytes[..size]);
        bytes = &bytes[size + 2..];
    }
}
