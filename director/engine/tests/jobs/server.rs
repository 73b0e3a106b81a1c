//! A nats-server of our own, and agents that only answer: real ones are tested elsewhere.

use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use serde_json::Value;
use warren_director_bus::ServerUrl;
use warren_lib_nats::{Client, Event, Events, Message, Options};

/// A running server; killed when dropped.
pub struct Server {
    url: ServerUrl,
    child: Child,
    _directory: tempfile::TempDir,
}

impl Server {
    pub fn start() -> Self {
        let directory = tempfile::tempdir().unwrap();
        // Any port, which it then writes down.
        let child = Command::new("nats-server")
            .args(["-a", "127.0.0.1", "-p", "-1", "--ports_file_dir"])
            .arg(directory.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let told = format!("nats-server_{}.ports", child.id());
        let told = directory.path().join(told);
        let begun = Instant::now();
        let url = loop {
            let ports: Value = std::fs::read(&told)
                .ok()
                .and_then(|text| serde_json::from_slice(&text).ok())
                .unwrap_or_default();
            if let Some(url) = ports["nats"][0].as_str() {
                break ServerUrl::parse(url).unwrap();
            }
            assert!(
                begun.elapsed() < Duration::from_secs(30),
                "nats-server does not listen"
            );
            std::thread::sleep(Duration::from_millis(10));
        };
        Self {
            url,
            child,
            _directory: directory,
        }
    }

    pub fn url(&self) -> ServerUrl {
        self.url.clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

type Answer = dyn Fn(&str, &str, &[Value]) -> Option<Value> + Send + Sync;

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
        let agent = message.subject.strip_prefix("agent.").unwrap();
        let Some(answer) = (self.answer)(agent, method, arguments) else {
            return;
        };
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
        Self::start_with(server, id, move |_, method, arguments| {
            Some(answer(method, arguments))
        })
    }

    /// As [`start`](Self::start); the answer may depend on which agent is asked, or not be given at all.
    pub fn start_with(
        server: &Server,
        id: &str,
        answer: impl Fn(&str, &str, &[Value]) -> Option<Value> + Send + Sync + 'static,
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

/// Something that only listens at a subject.
pub struct Listener {
    _client: Client,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard(Mutex<Vec<Value>>);

impl Events for Heard {
    fn message(&self, message: Message) {
        let payload = serde_json::from_slice(&message.payload).unwrap();
        self.0.lock().unwrap().push(payload);
    }

    fn event(&self, _: &Event) {}
}

impl Listener {
    pub fn start(server: &Server, subject: &str) -> Self {
        let heard = Arc::new(Heard::default());
        let client = Client::start(
            Options {
                servers: vec![server.url()],
                tls: None,
                name: "listener".to_owned(),
                subjects: vec![subject.to_owned()],
                ping_interval: Duration::from_secs(5),
            },
            Arc::clone(&heard) as Arc<dyn Events>,
        );
        Self {
            _client: client.unwrap(),
            heard,
        }
    }

    /// What it has heard so far.
    pub fn heard(&self) -> Vec<Value> {
        self.heard.0.lock().unwrap().clone()
    }
}
