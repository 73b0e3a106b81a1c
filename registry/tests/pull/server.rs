//! Servers on loopback: Debian's docker-registry, and small ones that do as a test says.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use crate::images::Images;

/// A real registry; ends when dropped.
pub struct Registry {
    process: Child,
    pub address: String,
    _data: tempfile::TempDir,
    log: Option<JoinHandle<()>>,
}

/// User `me`, password `s3cret` (bcrypt).
const HTPASSWD: &str = "me:$2y$05$abcdefghijklmnopqrstuuLK7U1u6pVRmL7L1BBM2aS35PSZnDXlK\n";
pub const BASIC: &str = "Basic bWU6czNjcmV0";

/// What the registry is to ask for.
#[derive(Default)]
pub struct Wanted<'a> {
    pub password: bool,
    /// Certificate and key.
    pub tls: Option<(&'a Path, &'a Path)>,
    /// Roots of the only clients that may come.
    pub clients: Option<&'a Path>,
    /// Where its images are; with none, in a directory of its own.
    pub storage: Option<&'a Path>,
}

impl Registry {
    pub fn start(wanted: &Wanted<'_>) -> Self {
        let data = tempfile::tempdir().unwrap();
        let at = data.path().display();
        let own = data.path().join("data");
        let storage = wanted.storage.unwrap_or(&own).display();
        let mut config = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}, level: info}}\n\
             storage: {{filesystem: {{rootdirectory: {storage}}}}}\n\
             http:\n  addr: 127.0.0.1:0\n  secret: test\n"
        );
        if let Some((certificate, key)) = wanted.tls {
            let (certificate, key) = (certificate.display(), key.display());
            config += &format!("  tls:\n    certificate: {certificate}\n    key: {key}\n");
            if let Some(clients) = wanted.clients {
                config += &format!("    clientcas: [{}]\n", clients.display());
            }
        }
        if wanted.password {
            std::fs::write(data.path().join("htpasswd"), HTPASSWD).unwrap();
            config += &format!("auth: {{htpasswd: {{realm: test, path: {at}/htpasswd}}}}\n");
        }
        let path = data.path().join("config.yml");
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(path);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped());
        let spawned = command.spawn();
        let mut process = spawned.expect("this test needs apt-get install docker-registry");
        let mut lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let address = loop {
            let line = lines
                .next()
                .unwrap_or_else(|| panic!("it ended: {seen}"))
                .unwrap();
            if let Some((_, rest)) = line.split_once("listening on ") {
                let end = rest.find(|c: char| c != '.' && c != ':' && !c.is_ascii_digit());
                break rest[..end.unwrap_or(rest.len())].to_owned();
            }
            seen += &line;
        };
        // Or it would stop at a full pipe.
        let log = std::thread::spawn(move || for _ in lines {});
        Self {
            process,
            address,
            _data: data,
            log: Some(log),
        }
    }

    /// Pushes all blobs and manifests to `repository`, and tags one of them.
    pub fn push(&self, repository: &str, images: &Images, digest: &str, tag: &str) {
        let base = format!("http://{}/v2/{repository}", self.address);
        let agent: ureq::Agent = ureq::Agent::config_builder().proxy(None).build().into();
        for (digest, bytes) in &images.blobs {
            let started = agent
                .post(format!("{base}/blobs/uploads/"))
                .header("authorization", BASIC)
                .send_empty()
                .unwrap();
            let location = started.headers()["location"].to_str().unwrap();
            agent
                .put(format!("{location}&digest={digest}"))
                .header("authorization", BASIC)
                .header("content-type", "application/octet-stream")
                .send(bytes)
                .unwrap();
        }
        let put = |name: &str, (kind, bytes): &(&str, Vec<u8>)| {
            agent
                .put(format!("{base}/manifests/{name}"))
                .header("authorization", BASIC)
                .header("content-type", *kind)
                .send(bytes)
                .unwrap();
        };
        // Images before the indexes that name them.
        let is_index = |kind: &str| kind.contains("index") || kind.contains("list");
        for wanted in [false, true] {
            for (digest, manifest) in &images.manifests {
                if is_index(manifest.0) == wanted {
                    put(digest, manifest);
                }
            }
        }
        put(tag, &images.manifests[digest]);
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        if let Some(log) = self.log.take() {
            log.join().unwrap();
        }
    }
}

/// What was asked.
pub struct Asked {
    pub path: String,
    pub headers: HashMap<String, String>,
}

/// An answer, byte by byte; the connection is closed after it.
pub type Handler = dyn Fn(&Asked) -> Vec<u8> + Send + Sync;

/// A small server; ends when dropped.
pub struct Small {
    pub address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Small {
    pub fn start(handler: impl Fn(&Asked) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let is_over = Arc::new(AtomicBool::new(false));
        let handler: Arc<Handler> = Arc::new(handler);
        let over = is_over.clone();
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                let handler = handler.clone();
                std::thread::spawn(move || converse(stream.unwrap(), &*handler));
            }
        });
        Self {
            address,
            is_over,
            thread: Some(thread),
        }
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

fn converse(stream: TcpStream, handler: &Handler) {
    let mut reader = BufReader::new(stream.try_clone().unwrap().take(64 * 1024));
    let mut line = String::new();
    // What is no HTTP, such as TLS, ends here.
    if reader.read_line(&mut line).is_err() {
        return;
    }
    let mut words = line.split_whitespace();
    let (Some("GET"), Some(path)) = (words.next(), words.next()) else {
        let _ = (&stream).write_all(b"HTTP/1.1 400 Bad\r\nconnection: close\r\n\r\n");
        return;
    };
    let mut asked = Asked {
        path: path.to_owned(),
        headers: HashMap::new(),
    };
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((key, value)) = line.split_once(':') {
            let value = value.trim().to_owned();
            asked.headers.insert(key.to_ascii_lowercase(), value);
        }
    }
    let _ = (&stream).write_all(&handler(&asked));
}

/// A whole answer.
pub fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\nconnection: close\r\n{headers}content-length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

/// An honest registry's answer, for one repository.
pub fn honest(images: &Images, tagged: &str, asked: &Asked) -> Vec<u8> {
    let name = asked.path.rsplit('/').next().unwrap();
    if asked.path.contains("/manifests/") {
        let digest = if name.starts_with("sha256:") {
            name
        } else {
            tagged
        };
        let Some((kind, bytes)) = images.manifests.get(digest) else {
            return answer("404 Not Found", "", b"");
        };
        return answer("200 OK", &format!("content-type: {kind}\r\n"), bytes);
    }
    if asked.path == "/v2/" {
        return answer("200 OK", "", b"{}");
    }
    match images.blobs.get(name) {
        Some(bytes) => answer("200 OK", "", bytes),
        None => answer("404 Not Found", "", b""),
    }
}
