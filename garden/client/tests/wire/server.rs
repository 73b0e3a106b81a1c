//! A server that takes connections in turn, reads one request from each and says what it is told.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use warren_garden_client::{Client, Target};

/// Nothing here takes as long.
const LONG: Duration = Duration::from_secs(30);

/// What is done with one connection, after its request has been read.
pub type Script = Box<dyn FnOnce(&mut TcpStream) + Send>;

pub struct Server {
    pub client: Client,
    requests: Receiver<String>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Server {
    /// One script for each connection, in the order in which they come.
    pub fn new(scripts: Vec<Script>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (told, requests) = channel();
        let thread = std::thread::spawn(move || {
            let mut threads = Vec::new();
            for script in scripts {
                let (mut stream, _) = listener.accept().unwrap();
                stream.set_read_timeout(Some(LONG)).unwrap();
                stream.set_nodelay(true).unwrap();
                told.send(read_request(&mut stream)).unwrap();
                threads.push(std::thread::spawn(move || script(&mut stream)));
            }
            for thread in threads {
                thread.join().unwrap();
            }
        });
        Self {
            client: Client::new(Target::parse(&address.to_string())),
            requests,
            thread: Some(thread),
        }
    }

    /// Says the bytes and hangs up.
    pub fn saying(bytes: &[u8]) -> Self {
        Self::new(vec![say(bytes.to_vec())])
    }

    /// The next request, head and body.
    pub fn request(&self) -> String {
        self.requests.recv_timeout(LONG).unwrap()
    }

    /// Waits until all scripts have been played; fails if one did.
    pub fn finish(mut self) {
        self.thread.take().unwrap().join().unwrap();
    }
}

pub fn say(bytes: Vec<u8>) -> Script {
    Box::new(move |stream| stream.write_all(&bytes).unwrap())
}

/// Says the bytes one by one.
pub fn drip(bytes: Vec<u8>) -> Script {
    Box::new(move |stream| {
        for byte in bytes {
            stream.write_all(&[byte]).unwrap();
        }
    })
}

/// An answer with a length.
pub fn answer(status: u16, body: &str) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
    );
    (head + body).into_bytes()
}

/// Until the text so far ends with `end`.
pub fn read_until(stream: &mut TcpStream, end: &str) -> String {
    let mut bytes = Vec::new();
    while !bytes.ends_with(end.as_bytes()) {
        let mut byte = [0];
        let count = stream.read(&mut byte).unwrap();
        assert!(
            count > 0,
            "ended before {end:?}: {}",
            String::from_utf8_lossy(&bytes)
        );
        bytes.push(byte[0]);
    }
    String::from_utf8(bytes).unwrap()
}

/// Everything up to the client's hanging up.
pub fn read_all(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).unwrap();
    bytes
}

fn read_request(stream: &mut TcpStream) -> String {
    let mut text = read_until(stream, "\r\n\r\n");
    let length = text
        .lines()
        .find_map(|line| line.strip_prefix("Content-Length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).unwrap();
    text += &String::from_utf8(body).unwrap();
    text
}
