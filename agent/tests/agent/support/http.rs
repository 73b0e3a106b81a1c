//! A store of blobs behind URLs: GET and PUT of any path, with failures on demand.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

#[derive(Default)]
pub struct Shelf {
    pub blobs: HashMap<String, Vec<u8>>,
    /// Answers that are given before any other.
    pub failures: Vec<u16>,
    /// Paths whose requests are answered when they are here no longer.
    pub held: Vec<String>,
    /// Requests with their headers, in lower case.
    pub requests: Vec<(String, HashMap<String, String>)>,
}

pub struct Store {
    pub url: String,
    pub shelf: Arc<Mutex<Shelf>>,
}

impl Store {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let shelf = Arc::new(Mutex::new(Shelf::default()));
        let theirs = Arc::clone(&shelf);
        // Ends with the test's process.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let theirs = Arc::clone(&theirs);
                std::thread::spawn(move || answer(stream, &theirs));
            }
        });
        Self { url, shelf }
    }
}

fn answer(mut stream: TcpStream, shelf: &Mutex<Shelf>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    if reader.read_line(&mut first).unwrap_or(0) == 0 {
        return;
    }
    let mut headers = HashMap::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap();
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    // A file is sent with its length, or in pieces.
    let body = match headers.get("content-length") {
        Some(length) => {
            let mut body = vec![0; length.parse().unwrap()];
            reader.read_exact(&mut body).unwrap();
            body
        }
        None if headers.contains_key("transfer-encoding") => chunks(&mut reader),
        None => Vec::new(),
    };
    let mut parts = first.split(' ');
    let (method, target) = (parts.next().unwrap(), parts.next().unwrap().to_owned());
    let path = target.split('?').next().unwrap().to_owned();
    let asked = (format!("{method} {target}"), headers);
    shelf.lock().unwrap().requests.push(asked);
    super::until("the answer is let go", || {
        !shelf.lock().unwrap().held.contains(&path)
    });
    let mut shelf = shelf.lock().unwrap();
    let (status, content) = match (shelf.failures.pop(), method) {
        (Some(status), _) => (status, Vec::new()),
        (None, "PUT") => {
            shelf.blobs.insert(path, body);
            (201, Vec::new())
        }
        (None, _) => shelf
            .blobs
            .get(&path)
            .map_or((404, Vec::new()), |blob| (200, blob.clone())),
    };
    drop(shelf);
    let head = format!(
        "HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        content.len()
    );
    let _ = stream.write_all(head.as_bytes());
    let _ = stream.write_all(&content);
}

fn chunks(reader: &mut impl BufRead) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let length = usize::from_str_radix(line.trim(), 16).unwrap();
        let mut piece = vec![0; length + 2];
        reader.read_exact(&mut piece).unwrap();
        if length == 0 {
            return body;
        }
        body.extend_from_slice(&piece[..length]);
    }
}
