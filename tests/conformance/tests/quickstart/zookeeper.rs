//! As little of ZooKeeper's protocol as it takes to write and to read: each operation is a session of
//! its own, with one node.
//!
//! A packet is a length and that many bytes; numbers are big-endian, texts and bytes have a length
//! before them. The first one each way makes the session; then requests have a number and a type,
//! answers a number, a transaction and an error.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use warren_tests_harness::NetNs;

const PORT: u16 = 2181;
const PATIENCE: Duration = Duration::from_secs(60);
/// For how long a node that says nothing counts as one.
const ANSWER: Duration = Duration::from_secs(10);
/// Longest answer that is read.
const LONGEST: usize = 1 << 20;

const CREATE: i32 = 1;
const GET: i32 = 4;
const CHILDREN: i32 = 8;
const SYNC: i32 = 9;
const CLOSE: i32 = -11;
/// The error of what is there already.
const EXISTS: i32 = -110;

/// A node, as whoever is in this network reaches it.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    pub net: &'a NetNs,
    pub address: Ipv4Addr,
}

impl Node<'_> {
    fn connect(&self) -> io::Result<TcpStream> {
        let address = SocketAddr::from((self.address, PORT));
        let stream = self
            .net
            .inside(|| TcpStream::connect_timeout(&address, PATIENCE))?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(stream)
    }

    /// What it answers to a word.
    fn word(&self, word: &str) -> io::Result<String> {
        let mut stream = self.connect()?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.write_all(word.as_bytes())?;
        let mut text = String::new();
        stream.read_to_string(&mut text)?;
        Ok(text)
    }

    /// Whether there is a process that takes connections. Others, and some words, it refuses while
    /// it has no leader.
    pub fn lives(&self) -> bool {
        self.connect().is_ok()
    }

    /// `leader` or `follower`, once it is one of an ensemble that serves.
    pub fn mode(&self) -> Option<String> {
        let said = self.word("srvr").ok()?;
        let mode = said.lines().find_map(|line| line.strip_prefix("Mode: "));
        mode.map(str::to_owned)
    }

    /// How many followers a leader has that are up to date.
    pub fn followers(&self) -> Option<usize> {
        let said = self.word("mntr").ok()?;
        let line = said
            .lines()
            .find_map(|line| line.strip_prefix("zk_synced_followers\t"));
        // A float in some versions.
        line?.split('.').next()?.trim().parse().ok()
    }

    /// Writes what is not there yet.
    pub fn create(&self, path: &str, value: &str) {
        patiently(|| self.try_create(path, value));
    }

    /// As [`Node::create`], but only once.
    pub fn try_create(&self, path: &str, value: &str) -> io::Result<()> {
        let mut body = Vec::new();
        text(&mut body, path);
        text(&mut body, value);
        // Everybody may do everything: one rule.
        number(&mut body, 1);
        number(&mut body, 31);
        text(&mut body, "world");
        text(&mut body, "anyone");
        // For ever.
        number(&mut body, 0);
        match self.session(&[(CREATE, body)]) {
            // By an attempt whose answer was lost.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            done => done.map(drop),
        }
    }

    /// Reads what all others knew before.
    pub fn get(&self, path: &str) -> String {
        patiently(|| self.try_get(path))
    }

    /// How many are below a path, of what all others knew before.
    pub fn children(&self, path: &str) -> usize {
        patiently(|| {
            let answer = self.read(CHILDREN, path)?;
            length(&answer).ok_or_else(|| io::Error::other("an answer without a list"))
        })
    }

    fn read(&self, kind: i32, path: &str) -> io::Result<Vec<u8>> {
        let mut sync = Vec::new();
        text(&mut sync, path);
        let mut read = sync.clone();
        // Nobody waits for changes.
        read.push(0);
        self.session(&[(SYNC, sync), (kind, read)])
    }

    fn try_get(&self, path: &str) -> io::Result<String> {
        let answer = self.read(GET, path)?;
        let value = answer.get(4..).zip(length(&answer));
        let value = value.and_then(|(rest, length)| rest.get(..length));
        let value = value.ok_or_else(|| io::Error::other("an answer without a value"))?;
        Ok(String::from_utf8_lossy(value).into_owned())
    }

    /// Makes a session, asks, and ends it; what the last answer says.
    fn session(&self, requests: &[(i32, Vec<u8>)]) -> io::Result<Vec<u8>> {
        let mut stream = self.connect()?;
        let mut hello = Vec::new();
        // Version, last transaction seen, milliseconds, no session before, no password.
        for value in [0, 0, 0, 10_000, 0, 0, 16] {
            number(&mut hello, value);
        }
        hello.extend([0; 16]);
        send(&mut stream, &hello)?;
        receive(&mut stream)?;
        let mut last = Vec::new();
        let close = (CLOSE, Vec::new());
        for (count, (kind, body)) in (1..).zip(requests.iter().chain([&close])) {
            let mut packet = Vec::new();
            number(&mut packet, count);
            number(&mut packet, *kind);
            packet.extend(body);
            send(&mut stream, &packet)?;
            let answer = receive(&mut stream)?;
            let (Some(error), Some(rest)) = (answer.get(12..16), answer.get(16..)) else {
                return Err(io::Error::other("an answer without a head"));
            };
            if error == EXISTS.to_be_bytes() {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            if error != [0; 4] {
                let said = format!("error {error:02x?} to request {kind}");
                return Err(io::Error::other(said));
            }
            if *kind != CLOSE {
                last = rest.to_vec();
            }
        }
        Ok(last)
    }
}

/// Tries until it works: a node drops its connections when it loses its leader, which it may only
/// find out while it is asked.
fn patiently<T>(mut attempt: impl FnMut() -> io::Result<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        match attempt() {
            Ok(done) => return done,
            Err(error) => assert!(Instant::now() < end, "ZooKeeper: {error}"),
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn number(packet: &mut Vec<u8>, value: i32) {
    packet.extend(value.to_be_bytes());
}

fn text(packet: &mut Vec<u8>, text: &str) {
    number(packet, i32::try_from(text.len()).unwrap());
    packet.extend(text.as_bytes());
}

fn length(packet: &[u8]) -> Option<usize> {
    let bytes = packet.get(..4)?.try_into().ok()?;
    usize::try_from(i32::from_be_bytes(bytes)).ok()
}

fn send(stream: &mut TcpStream, packet: &[u8]) -> io::Result<()> {
    let mut whole = Vec::new();
    number(&mut whole, i32::try_from(packet.len()).unwrap());
    whole.extend(packet);
    stream.write_all(&whole)
}

fn receive(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut head = [0; 4];
    stream.read_exact(&mut head)?;
    let length = length(&head).filter(|length| *length <= LONGEST);
    let length = length.ok_or_else(|| io::Error::other("an answer longer than any"))?;
    let mut packet = vec![0; length];
    stream.read_exact(&mut packet)?;
    Ok(packet)
}
