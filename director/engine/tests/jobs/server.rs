//! A nats-server of our own, and agents that only answer: real ones are tested elsewhere.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use warren_director_bus::ServerUrl;
use warren_lib_nats::{Client, Event, Events, Message, Options};

/// A running server; killed when dropped.
pub struct Server {
    port: u16,
    child: Child,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", &port.to_string()])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let begun = Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "nats-server does not listen"
            );
            std::thread::sleep(Duration::from_millis(10));
        }
        Self { port, child }
    }

    pub fn url(&self) -> ServerUrl {
        ServerUrl::parse(&format!("nats://127.0.0.1:{}", self.port)).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Answer = dyn Fn(&str, &[Value]) -> Value + Send + Sync;

/// Something that answers at an agent's subject.
pub struct Agent {
    _client: Arc<OnceLock<Client>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
}

struct Answers {
    client: Arc<OnceLock<Client>>,
    asked: Arc<Mutex<Vec<(String, Value)>>>,
    answer: Box<Answer>,
}

impl Events for Answers {
    fn message(&self, message: Message) {
        let request: Value = serde_json::from_slice(&message.payload).unwrap();
        let arguments = request["arguments"].as_array().unwrap();
        let method = request["method"].as_str().unwrap();
        let asked = (method.to_owned(), request["arguments"].clone());
        self.asked.lock().unwrap().push(asked);
        let answer = (self.answer)(method, arguments);
        let to = request["reply_to"].as_str().unwrap();
        if let Some(client) = self.client.get() {
            client.publish(to, answer.to_string().as_bytes()).unwrap();
        }
    }

    fn event(&self, _: &Event) {}
}

impl Agent {
    pub fn start(
        server: &Server,
        id: &str,
        answer: impl Fn(&str, &[Value]) -> Value + Send + Sync + 'static,
    ) -> Self {
        let shared = Arc::new(OnceLock::new());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let client = Client::start(
            Options {
                servers: vec![server.url()],
                tls: None,
                name: id.to_owned(),
                subjects: vec![format!("agent.{id}")],
                ping_interval: Duration::from_secs(5),
            },
            Arc::new(Answers {
                client: Arc::clone(&shared),
                asked: Arc::clone(&asked),
                answer: Box::new(answer),
            }),
        )
        .unwrap();
        let _ = shared.set(client);
        Self {
            _client: shared,
            asked,
        }
    }

    /// What it was asked.
    pub fn asked(&self) -> Vec<(String, Value)> {
        self.asked.lock().unwrap().clone()
    }
}
