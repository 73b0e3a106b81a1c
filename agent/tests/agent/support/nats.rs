//! A real nats-server with `verify_and_map` and an `auth.json`, and a director's connection to it.

use std::collections::HashMap;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use warren_lib_nats::{Client, Event, Events, Message, Options, ServerUrl, Tls};
use warren_tests_harness::Port;
use warren_wire_agent::envelope::{PROTOCOL, Request, Response, TaskState};
use warren_wire_agent::subject;

use super::certificates::{AGENT, certificates};
use super::{PATIENCE, until};

pub struct Nats {
    directory: tempfile::TempDir,
    process: Child,
    pub port: u16,
    /// It is ours between two starts as well.
    _reserved: Port,
}

impl Nats {
    /// A server that knows the director and these agents' names.
    pub fn start(agents: &[String]) -> Self {
        Self::with_certificate(agents, "default.nats.bosh-internal")
    }

    pub fn with_certificate(agents: &[String], name: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let reserved = Port::of_loopback();
        let port = reserved.number();
        let all = certificates();
        let config = format!(
            "net: 127.0.0.1\nport: {port}\npid_file: {pid:?}\n\
             tls {{ cert_file: {cert:?}, key_file: {key:?}, ca_file: {ca:?}, \
             verify_and_map: true, timeout: 5 }}\ninclude auth.json\n",
            pid = directory.path().join("pid"),
            cert = all.path(&format!("{name}.crt")),
            key = all.path(&format!("{name}.key")),
            ca = all.path("ca.crt"),
        );
        std::fs::write(directory.path().join("nats.cfg"), config).unwrap();
        write_users(directory.path(), agents);
        let process = spawn(directory.path());
        let nats = Self {
            directory,
            process,
            port,
            _reserved: reserved,
        };
        nats.wait();
        nats
    }

    fn wait(&self) {
        let place = ("127.0.0.1", self.port);
        until("the server listens", || {
            std::net::TcpStream::connect(place).is_ok()
        });
    }

    /// Other users from now on; those that are gone are thrown out.
    pub fn set_users(&self, agents: &[String]) {
        write_users(self.directory.path(), agents);
        self.signal("-HUP");
    }

    fn signal(&self, signal: &str) {
        let pid = self.process.id().to_string();
        assert!(
            Command::new("kill")
                .args([signal, &pid])
                .status()
                .unwrap()
                .success()
        );
    }

    /// Ends the server and starts it again on the same port.
    pub fn restart(&mut self) {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        self.process = spawn(self.directory.path());
        self.wait();
    }

    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub fn log(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Nats {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn spawn(directory: &std::path::Path) -> Child {
    let log = std::fs::OpenOptions::new()
        .create(true)
        .append(true)
        .open(directory.join("log"))
        .unwrap();
    Command::new("nats-server")
        .args(["-c", "nats.cfg"])
        .current_dir(directory)
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("nats-server: apt-get install nats-server")
}

fn write_users(directory: &std::path::Path, agents: &[String]) {
    let user = |name: &str, publish: Vec<String>, subscribe: Vec<String>| {
        let user = format!("C=USA, O=Cloud Foundry, CN={name}");
        json!({"user": user, "permissions": {"publish": publish, "subscribe": subscribe}})
    };
    let mut users = vec![user(
        "default.director.bosh-internal",
        vec!["agent.*".into(), "hm.director.alert".into()],
        // The health monitor's as well, so that tests see heartbeats.
        vec!["director.>".into(), "hm.>".into()],
    )];
    for name in agents {
        let id = name.split('.').next().unwrap();
        users.push(user(
            name,
            subject::agent_publishes(id).to_vec(),
            subject::agent_subscribes(id).to_vec(),
        ));
    }
    let text = json!({"authorization": {"users": users}}).to_string();
    std::fs::write(directory.join("auth.json"), text).unwrap();
}

#[derive(Default)]
struct Inbox {
    messages: Mutex<HashMap<String, Vec<Vec<u8>>>>,
    come: Condvar,
}

impl Events for Inbox {
    fn message(&self, message: Message) {
        self.messages
            .lock()
            .unwrap()
            .entry(message.subject)
            .or_default()
            .push(message.payload);
        self.come.notify_all();
    }

    fn event(&self, _event: &Event) {}
}

/// A director, as far as agents see it; hears what the health monitor would as well.
pub struct Director {
    client: Client,
    inbox: Arc<Inbox>,
    count: std::sync::atomic::AtomicU64,
}

impl Director {
    pub fn connect(nats: &Nats) -> Self {
        let pair = certificates().pair("default.director.bosh-internal");
        let options = Options {
            servers: vec![ServerUrl::parse(&nats.url()).unwrap()],
            tls: Some(Tls {
                ca: pair.ca,
                certificate: pair.certificate,
                private_key: pair.private_key.0,
                common_name: None,
            }),
            name: "director".to_owned(),
            subjects: vec!["director.d.>".to_owned(), "hm.>".to_owned()],
            ping_interval: Duration::from_secs(5),
        };
        let inbox = Arc::new(Inbox::default());
        let client = Client::start(options, Arc::clone(&inbox) as Arc<dyn Events>).unwrap();
        assert!(
            client.wait_connected(PATIENCE),
            "the director's connection: {}",
            nats.log()
        );
        Self {
            client,
            inbox,
            count: Default::default(),
        }
    }

    /// Messages to a subject so far.
    pub fn heard(&self, subject: &str) -> Vec<Value> {
        let messages = self.inbox.messages.lock().unwrap();
        let of = messages.get(subject).cloned().unwrap_or_default();
        of.iter()
            .map(|payload| serde_json::from_slice(payload).unwrap())
            .collect()
    }

    pub fn publish(&self, payload: &[u8]) {
        self.client
            .publish(&subject::requests(AGENT), payload)
            .unwrap();
    }

    /// Sends a request and gives the subject where its answer will be.
    pub fn send(&self, protocol: i64, method: &str, arguments: Value) -> String {
        let count = self.count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let reply_to = format!("director.d.{AGENT}.r{count}");
        let arguments = arguments.as_array().unwrap().clone();
        let request = Request {
            protocol,
            method: method.to_owned(),
            arguments,
            reply_to: reply_to.clone(),
        };
        self.publish(&request.encode().unwrap());
        reply_to
    }

    /// Whether an answer comes in time.
    pub fn answer(&self, reply_to: &str, limit: Duration) -> Option<Response> {
        let deadline = Instant::now() + limit;
        let mut messages = self.inbox.messages.lock().unwrap();
        loop {
            if let Some(payload) = messages.get(reply_to).and_then(|all| all.first()) {
                return Some(Response::decode(payload).unwrap());
            }
            let left = deadline.checked_duration_since(Instant::now())?;
            messages = self.inbox.come.wait_timeout(messages, left).unwrap().0;
        }
    }

    /// How many answers came.
    pub fn answers(&self, reply_to: &str) -> usize {
        self.inbox
            .messages
            .lock()
            .unwrap()
            .get(reply_to)
            .map_or(0, Vec::len)
    }

    #[track_caller]
    pub fn ask(&self, method: &str, arguments: Value) -> Response {
        let to = self.send(PROTOCOL, method, arguments);
        self.answer(&to, PATIENCE)
            .unwrap_or_else(|| panic!("no answer to {method}"))
    }

    /// Asks until there is an answer, as a director does with `ping` after it made a VM.
    #[track_caller]
    pub fn ping(&self) {
        until("the agent answers", || {
            let to = self.send(PROTOCOL, "ping", json!([]));
            let pong = Some(Response::Value("pong".into()));
            self.answer(&to, Duration::from_millis(200)) == pong
        });
    }

    /// Starts a task; the answer is its id.
    #[track_caller]
    pub fn start(&self, method: &str, arguments: Value) -> String {
        match self.ask(method, arguments) {
            Response::Value(value) => {
                let state = TaskState::of(&value).unwrap_or_else(|| panic!("{method}: {value}"));
                assert_eq!(state.state, "running");
                state.agent_task_id
            }
            Response::Exception(message) => panic!("{method}: {message}"),
        }
    }

    /// Waits for a task's end.
    #[track_caller]
    pub fn finish(&self, task: &str) -> Response {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let response = self.ask("get_task", json!([task]));
            match &response {
                Response::Value(value) if TaskState::of(value).is_some() => {}
                _ => return response,
            }
            assert!(Instant::now() < deadline, "task {task} does not end");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// A task's value.
    #[track_caller]
    pub fn run(&self, method: &str, arguments: Value) -> Value {
        let task = self.start(method, arguments);
        match self.finish(&task) {
            Response::Value(value) => value,
            Response::Exception(message) => panic!("{method}: {message}"),
        }
    }

    /// A task's failure.
    #[track_caller]
    pub fn fail(&self, method: &str, arguments: Value) -> String {
        let task = self.start(method, arguments);
        match self.finish(&task) {
            Response::Value(value) => panic!("{method} did not fail: {value}"),
            Response::Exception(message) => message,
        }
    }

    /// A value that is answered at once.
    #[track_caller]
    pub fn value(&self, method: &str, arguments: Value) -> Value {
        match self.ask(method, arguments) {
            Response::Value(value) => value,
            Response::Exception(message) => panic!("{method}: {message}"),
        }
    }

    /// A failure that is answered at once.
    #[track_caller]
    pub fn exception(&self, method: &str, arguments: Value) -> String {
        match self.ask(method, arguments) {
            Response::Value(value) => panic!("{method} did not fail: {value}"),
            Response::Exception(message) => message,
        }
    }
}
