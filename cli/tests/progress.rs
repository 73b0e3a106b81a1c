//! How far a pull is, told by `warren rootfs pull` to whoever waits for it.
#![expect(clippy::unwrap_used, reason = "a test reports failure by panicking")]

#[path = "support/terminal.rs"]
mod terminal;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::process::{Command, Output, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

const WARREN: &str = env!("CARGO_BIN_EXE_warren");

/// A file server that stops half-way until it is told to go on.
struct Slow {
    top: tempfile::TempDir,
    address: String,
    go: Sender<()>,
    server: Option<JoinHandle<()>>,
}

impl Slow {
    fn start() -> Self {
        let top = tempfile::tempdir().unwrap();
        let script = "mkdir tree; head -c 3000000 /dev/zero >tree/zero; tar -C tree -cf layer.tar .
            tar -cf base.tar --files-from /dev/null; sha256sum layer.tar >sum";
        let mut make = Command::new("sh");
        make.args(["-ec", script]).current_dir(&top);
        assert!(make.status().unwrap().success());
        let layer = std::fs::read(top.path().join("layer.tar")).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (go, gone): (Sender<()>, Receiver<()>) = channel();
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut line = String::new();
            while reader.read_line(&mut line).unwrap() > 2 {
                line.clear();
            }
            let size = layer.len();
            let head =
                format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {size}\r\n\r\n");
            let (half, rest) = layer.split_at(size / 2);
            (&stream).write_all(head.as_bytes()).unwrap();
            (&stream).write_all(half).unwrap();
            // Whoever waits no longer has failed and says so itself.
            let _ = gone.recv_timeout(Duration::from_secs(60));
            (&stream).write_all(rest).unwrap();
        });
        Self {
            top,
            address,
            go,
            server: Some(server),
        }
    }

    /// The words of a pull from it.
    fn words(&self) -> Vec<String> {
        let at = |name: &str| self.top.path().join(name).display().to_string();
        let sum = std::fs::read_to_string(at("sum")).unwrap();
        let digest = sum.split_whitespace().next().unwrap();
        let (base, address) = (at("base.tar"), &self.address);
        let uri = format!(
            "preloaded+layer:{base}?layer=http%3A%2F%2F{address}%2F&layer_path=/x&layer_digest={digest}"
        );
        ["rootfs", "pull", "--store", &at("store"), &uri]
            .map(str::to_owned)
            .into()
    }
}

impl Drop for Slow {
    fn drop(&mut self) {
        let _ = self.go.send(());
        if let Some(server) = self.server.take() {
            let _ = server.join();
        }
    }
}

fn success(output: &Output) {
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn lines_for_who_wishes_them() {
    let slow = Slow::start();
    let mut child = Command::new(WARREN)
        .args(slow.words())
        .arg("--progress")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    // They come while nothing else does; how many there are before all of that is there depends on
    // what else the machine does.
    while !line.contains(" layers, 1.") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "it has ended");
        assert!(line.starts_with("Pulling preloaded+layer:"), "{line}");
    }
    slow.go.send(()).unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert!(child.wait().unwrap().success(), "{rest}");
}

#[test]
fn nothing_for_files_and_pipes() {
    let slow = Slow::start();
    let go = slow.go.clone();
    let words = slow.words();
    let pull = std::thread::spawn(move || Command::new(WARREN).args(words).output().unwrap());
    // Longer than it would be silent on a terminal; a slower machine only makes it longer.
    std::thread::sleep(Duration::from_millis(2500));
    go.send(()).unwrap();
    let output = pull.join().unwrap();
    success(&output);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_line_that_is_gone_in_the_end_on_a_terminal() {
    let slow = Slow::start();
    let words = slow
        .words()
        .iter()
        .map(|word| format!("'{word}'"))
        .collect::<Vec<_>>();
    let line = format!("stty cols 60; '{WARREN}' {} >/dev/null", words.join(" "));
    let (mut seen, mut child, mut stdout) =
        terminal::run_until(&line, |seen| seen.ends_with(b"\x1b[K"));
    slow.go.send(()).unwrap();
    stdout.read_to_end(&mut seen).unwrap();
    assert!(child.wait().unwrap().success());
    let seen = String::from_utf8(seen).unwrap();
    assert!(seen.starts_with("\rPulling "), "{seen:?}");
    assert!(seen.ends_with("\r\x1b[K"), "{seen:?}");
    let longest = seen
        .split('\r')
        .map(|line| line.trim_end_matches("\x1b[K").len());
    assert!(longest.max().unwrap() < 60, "{seen:?}");
}
